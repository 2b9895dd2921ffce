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
from benchmarks.network.tasks import Part, open_tasks, parts_of, score
from benchmarks.store import MissingError

MEMBERS = ("forest", "trees-dna", "clades-radial")
"""Learners that are given mixtures as further samples."""


@dataclasses.dataclass(frozen=True)
class TaskResult:
    """Scores of the folds of a task by arm (of other learners, ``learner.way``), and mean seconds of a fold."""

    task: str
    samples: int
    scores: dict[str, dict[int, float]]
    seconds: dict[str, float]

    def differences(self, arm: str, from_: str = BASE) -> np.ndarray:
        """Of the folds that both an arm and another have."""
        own, base = self.scores.get(arm, {}), self.scores.get(from_, {})
        return np.array([own[fold] - base[fold] for fold in sorted(own.keys() & base.keys())])


def results(data: Path, tasks: Sequence[str], store: Store) -> Iterator[TaskResult]:
    """What is known of each task."""
    for name in tasks:
        (task,) = open_tasks([name], data)
        scores: dict[str, dict[int, float]] = {}
        seconds: dict[str, list[float]] = {}
        parts = list(parts_of(task))
        spread = float(np.var(np.concatenate([part.truth for part in parts])))
        for number, part in enumerate(parts):
            for arm, compute in _all(part, store).items():
                with suppress(MissingError):
                    predicted, took = compute()
                    scores.setdefault(arm, {})[number] = fold_score(part, predicted, spread)
                    seconds.setdefault(arm, []).append(took)
        if scores:
            yield TaskResult(name, len(task.study), scores, {arm: float(np.mean(s)) for arm, s in seconds.items()})


def fold_score(part: Part, predicted: np.ndarray, spread: float) -> float:
    """AUROC; of numbers the share of the task's variance that is explained in a fold, whose mean over folds is R2."""
    if part.num_classes:
        return score(part.truth, predicted, part.num_classes)
    return float(1 - np.mean((part.truth - predicted.reshape(-1)) ** 2) / spread)


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
    yield "| | " + " | ".join((*(f"{one.task} ({one.samples} samples)" for one in found), "mean")) + " |"
    yield "|" + "---|" * (len(found) + 2)
    scores = [np.array(list(one.scores[base].values())) for one in found]
    yield f"| `{base}` | " + " | ".join(f"{values.mean():.3f} [{len(values)}]" for values in scores) + " | |"
    for arm in arms:
        if arm != base and any(arm in one.scores for one in found):
            label = f"`{arm}`: {ARMS[arm].words}" if arm in ARMS else f"`{arm}`"
            yield f"| {label} | " + " | ".join(row(found, arm, base)) + " |"
    yield from (
        "",
        f"Differences from {words}: mean over folds ± its standard error, in the last column mean over tasks ± its",
    )
    yield f"standard error. Seconds of one core for a fold with {words}: "
    yield ", ".join(f"{one.task} {one.seconds[base]:.0f}" for one in found) + "."


def row(found: Sequence[TaskResult], arm: str, base: str) -> Iterator[str]:
    """Cells of an arm."""
    means = []
    for one in found:
        apart = one.differences(arm, base)
        if len(apart):
            means.append(float(apart.mean()))
        yield "" if not len(apart) else f"{signed(apart)} [{len(apart)}]"
    yield signed(np.array(means)) if means else ""


def signed(values: np.ndarray) -> str:
    """Mean and its standard error."""
    if len(values) < 2:
        return f"{values.mean():+.3f}"
    return f"{values.mean():+.3f} ± {values.std(ddof=1) / np.sqrt(len(values)):.3f}"
