"""Learning curves: blend, forest and network with more and more samples of a real study and of a simulated one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from aam.config.commands.benchmark import TaskOptions
from aam.config.commands.simulate import SimulateOptions
from aam.data.study.folds import FoldOptions
from aam.simulation.study import simulate_study
from aam.workflows.benchmark.study import open_task
from benchmarks.network.blends import fitted, stacked
from benchmarks.network.networks import PreparedPart, inner, outer
from benchmarks.network.recipes import IDEAS
from benchmarks.network.store import Store
from benchmarks.network.tasks import SEED, Part, open_tasks, part_of, score
from benchmarks.store import MissingError

REAL = "infant-month"
REAL_SIZES = (100, 200, 400)
SIMULATED = "simulated"
SIMULATED_SIZES = (300, 1_000, 3_000, 10_000)
TESTED = 1_000
MOST_STACKED = 1_000
"""Training samples up to which the network joins the blend: it is trained five more times for this."""
RECIPES = ("components-start", "components", "components-clades")
STACKED = "components-clades"
"""The recipe that joins the blend."""
RESAMPLED = 1_000
JOINT = ("mean of blend and network", "blend with network")
HALVED = "components"
"""The recipe whose mean with the blend is taken."""
STUDY: dict[str, Any] = {
    "samples": SIMULATED_SIZES[-1] + TESTED,
    "noise": 0.1,
    "subject_effect": 1.0,
    "seed": 1,
}


@dataclass(frozen=True, kw_only=True)
class Point:
    """Scores of one size.

    Attributes
    ----------
    study, size
        Which study, and training samples.
    scores, seconds
        Of each competitor, and what it took (seconds of one core).
    leads
        By how much it is ahead of the blend, with a 95 % interval.
    """

    study: str
    size: int
    scores: dict[str, float]
    seconds: dict[str, float]
    leads: dict[str, tuple[float, float, float]]


def real_parts(data: Path) -> Iterator[list[Part]]:
    """The folds of the real study with some of their training samples, each larger choice holding the smaller."""
    (task,) = open_tasks([REAL], data)
    for size in (*REAL_SIZES, None):
        parts = []
        for fold in task.folds:
            train = task.training_rows(fold)
            name = f"{REAL}-{fold.number}" + ("" if size is None else f"-of{size}")
            parts.append(part_of(task, train if size is None else some_of(train, size), fold.split.test, name))
        yield parts


def simulated_parts(work: Path) -> Iterator[list[Part]]:
    """Training samples of a simulated study, and samples of other subjects."""
    folder = work / SIMULATED
    if not folder.exists():
        simulate_study(SimulateOptions(output_dir=folder, **STUDY))
    options = TaskOptions(
        table=folder / "table.biom",
        metadata=folder / "metadata.tsv",
        metadata_column="gradient",
        group_column="subject",
    )
    folds = FoldOptions(number=STUDY["samples"] // TESTED, repeats=1, seed=SEED)
    task = open_task(SIMULATED, options, folds)
    fold = task.folds[0]
    for size in SIMULATED_SIZES:
        train = some_of(task.training_rows(fold), size)
        yield [part_of(task, train, fold.split.test, f"{SIMULATED}-{size}")]


def some_of(train: np.ndarray, size: int) -> np.ndarray:
    """So many of the training samples, in their order; more hold fewer."""
    order = np.random.default_rng(SEED).permutation(len(train))
    return train[np.sort(order[:size])]


def measured(parts: list[Part], study: str, data: Path, store: Store) -> Point:
    """Scores of all competitors, whose predictions of all folds are pooled."""
    found: dict[str, list[np.ndarray]] = {}
    seconds: dict[str, float] = {}

    def add(name: str, predicted: np.ndarray, took: float | None = None) -> None:
        found.setdefault(name, []).append(predicted)
        if took is not None:
            seconds[name] = seconds.get(name, 0.0) + took / len(parts)

    for part in parts:
        prepared, blended = PreparedPart(part, data), fitted(part, store)
        add("blend", blended.blend(part), blended.seconds)
        for name in ("forest", "clr-radial", "clades-radial"):
            add(name, blended.of(name))
        for name in RECIPES:
            try:
                predicted, took = outer(prepared, IDEAS[name], store)
            except MissingError:
                continue
            add(name, predicted, took)
            if name == HALVED:
                add("mean of blend and network", (blended.blend(part) + predicted) / 2, blended.seconds + took)
            if name == STACKED and len(part.train) <= MOST_STACKED:
                try:
                    within, more = inner(prepared, IDEAS[name], blended.fold_N, store)
                except MissingError:
                    continue
                names = (*blended.names, "network")
                both = np.concatenate([blended.inner, within[None]]), np.concatenate([blended.outer, predicted[None]])
                add("blend with network", stacked(names, *both, part), blended.seconds + took + more)
    truth, units = (np.concatenate([getattr(part, what) for part in parts]) for what in ("truth", "units"))
    whole = {name: np.concatenate(some) for name, some in found.items() if len(some) == len(parts)}
    return Point(
        study=study,
        size=int(np.mean([len(part.train) for part in parts])),
        scores={name: score(truth, predicted, 0) for name, predicted in whole.items()},
        seconds=seconds,
        leads={name: lead(truth, whole[name], whole["blend"], units) for name in (*RECIPES, *JOINT) if name in whole},
    )


def lead(truth: np.ndarray, predicted: np.ndarray, other: np.ndarray, units: np.ndarray) -> tuple[float, float, float]:
    """Difference of R2 of two predictions of the same samples, and its 95 % interval by a bootstrap of whole groups."""
    _, unit_B = np.unique(units, return_inverse=True)
    rows = [np.flatnonzero(unit_B == unit) for unit in range(unit_B.max() + 1)]
    rng = np.random.default_rng(SEED)

    def apart(chosen: np.ndarray) -> float:
        return score(truth[chosen], predicted[chosen], 0) - score(truth[chosen], other[chosen], 0)

    drawn = [
        apart(np.concatenate([rows[unit] for unit in rng.integers(len(rows), size=len(rows))]))
        for _ in range(RESAMPLED)
    ]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return apart(np.arange(len(truth))), float(low), float(high)
