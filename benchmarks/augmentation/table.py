"""The page of results and their record."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np

from aam.files.atomic import write_text
from benchmarks.augmentation.arms import ARMS, BASE, predictions
from benchmarks.augmentation.learners import WAYS, learner_predictions
from benchmarks.machine import conditions
from benchmarks.network.store import Store
from benchmarks.network.tasks import SEED, Part, open_tasks, parts_of, score
from benchmarks.store import MissingError

MEMBERS = ("forest", "trees-dna", "clades-radial")
"""Learners that are given mixtures as further samples."""
DRAWS = 500
"""Of groups, for an interval."""


@dataclasses.dataclass(frozen=True)
class TaskResult:
    """Scores of the folds of a task by arm (of other learners, ``learner.way``), and mean seconds of a fold.

    ``intervals`` are those of the mean difference from the base of an arm, at 95 %, by a bootstrap of groups.
    """

    task: str
    samples: int
    groups: int
    scores: dict[str, dict[int, float]]
    seconds: dict[str, float]
    intervals: dict[str, tuple[float, float]]

    def differences(self, arm: str, from_: str = BASE) -> np.ndarray:
        """Of the folds that both an arm and another have."""
        own, base = self.scores.get(arm, {}), self.scores.get(from_, {})
        return np.array([own[fold] - base[fold] for fold in sorted(own.keys() & base.keys())])


def results(data: Path, tasks: Sequence[str], store: Store) -> Iterator[TaskResult]:
    """What is known of each task."""
    for name in tasks:
        (task,) = open_tasks([name], data)
        parts = list(parts_of(task))
        spread = float(np.var(np.concatenate([part.truth for part in parts])))
        known: dict[str, dict[int, np.ndarray]] = {}
        seconds: dict[str, list[float]] = {}
        for number, part in enumerate(parts):
            for arm, compute in _all(part, store).items():
                with suppress(MissingError):
                    predicted, took = compute()
                    known.setdefault(arm, {})[number] = predicted
                    seconds.setdefault(arm, []).append(took)
        if not known:
            continue
        intervals = {
            arm: interval(parts, known[base_of(arm)], found, spread)
            for arm, found in known.items()
            if arm != base_of(arm) and base_of(arm) in known
        }
        yield TaskResult(
            task=name,
            samples=len(task.study),
            groups=len(np.unique(np.concatenate([part.units for part in parts]))),
            scores={
                arm: {number: fold_score(parts[number], one, spread) for number, one in found.items()}
                for arm, found in known.items()
            },
            seconds={arm: float(np.mean(took)) for arm, took in seconds.items()},
            intervals=intervals,
        )


def base_of(arm: str) -> str:
    """What an arm is compared with."""
    learner, _, way = arm.partition(".")
    return f"{learner}.none" if way else BASE


def interval(
    parts: Sequence[Part], base: Mapping[int, np.ndarray], arm: Mapping[int, np.ndarray], spread: float
) -> tuple[float, float]:
    """95 % of the mean difference over folds, by a bootstrap of groups; a fold of one class is left out of a draw."""
    common = sorted(base.keys() & arm.keys())
    units, place_N = np.unique(np.concatenate([parts[fold].units for fold in common]), return_inverse=True)
    ends = np.cumsum([len(parts[fold].units) for fold in common])
    generator, found = np.random.default_rng(SEED), []
    for _ in range(DRAWS):
        drawn = np.bincount(generator.integers(0, len(units), len(units)), minlength=len(units))
        weights = np.split(drawn[place_N].astype(float), ends[:-1])
        apart = [
            fold_score(parts[fold], arm[fold], spread, own) - fold_score(parts[fold], base[fold], spread, own)
            for fold, own in zip(common, weights, strict=True)
            if is_scored(parts[fold], own)
        ]
        if apart:
            found.append(float(np.mean(apart)))
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)


def is_scored(part: Part, weight_B: np.ndarray) -> bool:
    """Whether the samples that count have a score: there are some, and of each class."""
    present = np.unique(part.truth[weight_B > 0])
    return len(present) == part.num_classes if part.num_classes else len(present) > 0


def fold_score(part: Part, predicted: np.ndarray, spread: float, weight_B: np.ndarray | None = None) -> float:
    """AUROC; of numbers the share of the task's variance that is explained in a fold, whose mean over folds is R2."""
    if part.num_classes:
        return score(part.truth, predicted, part.num_classes, weight_B)
    return float(1 - np.average((part.truth - predicted.reshape(-1)) ** 2, weights=weight_B) / spread)


def _all(part: Part, store: Store) -> dict[str, Callable[[], tuple[np.ndarray, float]]]:
    """What gives the predictions of each arm, and of each other learner in each way."""
    found = {arm: partial(predictions, part, arm, store) for arm in ARMS}
    others = {f"{one}.{way}": partial(learner_predictions, part, one, way, store) for one in MEMBERS for way in WAYS}
    return {**found, **others}


def write(folder: Path, data: Path, tasks: Sequence[str], store: Store) -> None:
    """Write ``augmentation.md`` and ``augmentation.json``."""
    found, about = list(results(data, tasks, store)), conditions()
    record = {
        "conditions": about,
        "arms": {name: dataclasses.asdict(arm) for name, arm in ARMS.items()},
        "tasks": [dataclasses.asdict(one) for one in found],
    }
    write_text(folder / "augmentation.json", json.dumps(record, indent=1, allow_nan=False) + "\n")
    write_text(folder / "augmentation.md", "\n".join(page(found, about)) + "\n")


def page(found: Sequence[TaskResult], about: Mapping[str, str]) -> Iterator[str]:
    """Lines of Markdown."""
    yield from ("# What augmentation of training samples brings", "")
    yield "`python -m benchmarks.augmentation compute learners table --data DATA`; the protocol is in its `--help`."
    yield "Explained share of the task's variance, or AUROC for classes, in the folds that were computed (their number"
    yield "in brackets); whole groups held out."
    yield from ("", ", ".join(f"{name} {value}" for name, value in about.items()), "")
    yield from section([one for one in found if BASE in one.scores], list(ARMS), BASE, "no augmentation")
    for member in MEMBERS:
        known = [one for one in found if f"{member}.none" in one.scores]
        if known:
            yield from ("", f"## `{member}` with as many mixtures as samples", "")
            yield from section(known, [f"{member}.{way}" for way in WAYS], f"{member}.none", "no mixtures")


def section(found: Sequence[TaskResult], arms: Sequence[str], base: str, words: str) -> Iterator[str]:
    """The table of some arms beside another."""
    heads = [f"{one.task} ({one.samples} samples, {one.groups} groups)" for one in found]
    yield "| | " + " | ".join((*heads, "mean")) + " |"
    yield "|" + "---|" * (len(found) + 2)
    scores = [np.array(list(one.scores[base].values())) for one in found]
    yield f"| `{base}` | " + " | ".join(f"{values.mean():.3f} [{len(values)}]" for values in scores) + " | |"
    for arm in arms:
        if arm != base and any(arm in one.scores for one in found):
            label = f"`{arm}`: {ARMS[arm].words}" if arm in ARMS else f"`{arm}`"
            yield f"| {label} | " + " | ".join(row(found, arm, base)) + " |"
    yield from (
        "",
        f"Differences from {words}: mean over folds with its 95 % interval by {DRAWS} bootstrap draws of groups, in",
    )
    yield f"the last column mean over tasks ± its standard error. Seconds of one core for a fold with {words}: "
    yield ", ".join(f"{one.task} {one.seconds[base]:.0f}" for one in found) + "."


def row(found: Sequence[TaskResult], arm: str, base: str) -> Iterator[str]:
    """Cells of an arm."""
    means = []
    for one in found:
        apart = one.differences(arm, base)
        if len(apart):
            means.append(float(apart.mean()))
        low, high = one.intervals.get(arm, (np.nan, np.nan))
        yield f"{apart.mean():+.3f} ({low:+.3f} to {high:+.3f}) [{len(apart)}]" if len(apart) else ""
    yield signed(np.array(means)) if means else ""


def signed(values: np.ndarray) -> str:
    """Mean and its standard error."""
    if len(values) < 2:
        return f"{values.mean():+.3f}"
    return f"{values.mean():+.3f} ± {values.std(ddof=1) / np.sqrt(len(values)):.3f}"
