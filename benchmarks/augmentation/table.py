"""The page of results and their record."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from aam.files.atomic import write_text
from benchmarks.augmentation.arms import ARMS, BASE, predictions
from benchmarks.machine import conditions
from benchmarks.network.store import Store
from benchmarks.network.tasks import open_tasks, parts_of, score
from benchmarks.store import MissingError


@dataclasses.dataclass(frozen=True)
class TaskResult:
    """Scores of the folds of a task by arm, and mean seconds of one core for a fold."""

    task: str
    samples: int
    scores: dict[str, dict[int, float]]
    seconds: dict[str, float]

    def differences(self, arm: str) -> np.ndarray:
        """Of the folds that both an arm and the base have."""
        own, base = self.scores.get(arm, {}), self.scores.get(BASE, {})
        return np.array([own[fold] - base[fold] for fold in sorted(own.keys() & base.keys())])


def results(data: Path, tasks: Sequence[str], store: Store) -> Iterator[TaskResult]:
    """What is known of each task."""
    for name in tasks:
        (task,) = open_tasks([name], data)
        scores: dict[str, dict[int, float]] = {}
        seconds: dict[str, list[float]] = {}
        for number, part in enumerate(parts_of(task)):
            for arm in ARMS:
                with suppress(MissingError):
                    predicted, took = predictions(part, arm, store)
                    found = predicted if part.num_classes else predicted.reshape(-1, 1)
                    scores.setdefault(arm, {})[number] = score(part.truth, found, part.num_classes)
                    seconds.setdefault(arm, []).append(took)
        if scores.get(BASE):
            yield TaskResult(name, len(task.study), scores, {arm: float(np.mean(s)) for arm, s in seconds.items()})


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
    yield "`python -m benchmarks.augmentation compute table --data DATA`; the protocol is in its `--help`. R2, or AUROC"
    yield "for classes, of each of the folds that were computed (their number in brackets); whole groups held out."
    yield from ("", ", ".join(f"{name} {value}" for name, value in about.items()), "")
    names = [f"{one.task} ({one.samples} samples)" for one in found]
    yield "| | " + " | ".join((*names, "mean")) + " |"
    yield "|" + "---|" * (len(found) + 2)
    base = [np.array(list(one.scores[BASE].values())) for one in found]
    yield f"| `{BASE}` | " + " | ".join(f"{values.mean():.3f} [{len(values)}]" for values in base) + " | |"
    for arm in ARMS:
        if arm != BASE and any(arm in one.scores for one in found):
            yield f"| `{arm}`: {ARMS[arm].words} | " + " | ".join(row(found, arm)) + " |"
    yield from (
        "",
        "Differences from no augmentation: mean over folds ± its standard error, and in the last column mean",
    )
    yield "over tasks ± its standard error. Seconds of one core for a fold without augmentation: "
    yield ", ".join(f"{one.task} {one.seconds[BASE]:.0f}" for one in found) + "."


def row(found: Sequence[TaskResult], arm: str) -> Iterator[str]:
    """Cells of an arm."""
    means = []
    for one in found:
        apart = one.differences(arm)
        if len(apart):
            means.append(float(apart.mean()))
        yield "" if not len(apart) else f"{signed(apart)} [{len(apart)}]"
    yield signed(np.array(means)) if means else ""


def signed(values: np.ndarray) -> str:
    """Mean and its standard error."""
    if len(values) < 2:
        return f"{values.mean():+.3f}"
    return f"{values.mean():+.3f} ± {values.std(ddof=1) / np.sqrt(len(values)):.3f}"
