"""How long an ensemble of trees takes on this machine, from few trees of few samples."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from aam.learners.protocol import Labelled, Learner
from aam.learners.timing import Trial, extrapolated, few, half, timed

if TYPE_CHECKING:
    from aam.data.study.study import Study

FEW_TREES = 4
"""Trees that are grown, or as many as there are cores."""
STEEPEST = 2.0
"""How steeply the time of a tree can grow with its samples."""


class TreePlan(NamedTuple):
    """Trees on all samples and without each fold, the folds, and the samples that trees are grown on at most."""

    trees: int
    trees_of_fold: int
    folds: int
    max_grown: int | None


def expected_seconds_of_trees(
    with_trees: Callable[[int], Learner], study: Study, samples: Labelled, plan: TreePlan
) -> float:
    """Seconds that all trees take: as many times those of one, and what comes once for each ensemble.

    Parameters
    ----------
    with_trees
        Makes a learner, not fitted, of so many trees.
    study, samples
        What is learned from.
    plan
        What is grown.
    """
    number = max(FEW_TREES, len(os.sched_getaffinity(0)))

    def trial(some: Labelled, trees: int) -> Trial:
        held_out = some.rows[: max(1, len(some) // plan.folds)]
        return Trial(len(some), timed(lambda: _grow(with_trees(trees), study, some, held_out)))

    whole = few(samples)
    smaller = half(whole)
    trial(smaller, number)  # the first loads what all need
    fewer, small, large = trial(whole, number), trial(smaller, 2 * number), trial(whole, 2 * number)
    of_tree = max(0.0, large.seconds - fewer.seconds) / number
    once = max(0.0, large.seconds - 2 * number * of_tree)
    grown = len(samples) if plan.max_grown is None else min(len(samples), plan.max_grown)

    def scaled(seconds: float, size: int) -> float:
        growth = extrapolated(small, large, size, STEEPEST) / max(large.seconds, 1e-9)
        return seconds * growth

    of_fold = round(grown * (1 - 1 / plan.folds))
    folds = plan.folds * (scaled(of_tree, of_fold) * plan.trees_of_fold + scaled(once, of_fold))
    return folds + scaled(of_tree, grown) * plan.trees + scaled(once, grown)


def _grow(learner: Learner, study: Study, some: Labelled, held_out: np.ndarray) -> None:
    learner.fit(study, some.rows, some.targets, some.groups, some.weights).predict(study, held_out)
