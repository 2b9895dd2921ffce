"""The ideas on the tasks: scores of every recipe beside the plain network's, and of blends that a network joins."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.network.blends import Blended, fitted, stacked, weights_of
from benchmarks.network.networks import POOLS, PreparedPart, inner, outer
from benchmarks.network.recipes import IDEAS
from benchmarks.network.store import Store
from benchmarks.network.tasks import Part, open_tasks, parts_of, score
from benchmarks.store import MissingError

STACKED = ("components-clades",)
"""Recipes that join the blend, one at a time."""
SHARE = 0.25
"""A fixed weight of a network beside the blend, which nothing is fitted for."""
OTHERS = ("forest", "trees-dna", "clr-radial", "clades-linear", "clades-radial")


@dataclass(frozen=True, kw_only=True)
class TaskScores:
    """Scores of a task.

    Attributes
    ----------
    task, samples
        Its name, and its samples.
    scores
        Of recipes, members, the blend and blends with a network.
    seconds
        Seconds of one core for a fold, of recipes and the blend.
    weights
        Mean weight of each recipe that joined the blend.
    """

    task: str
    samples: int
    scores: dict[str, float]
    seconds: dict[str, float]
    weights: dict[str, float]


@dataclass(eq=False)
class Collected:
    """Predictions of the folds of a task, seconds and weights, by who they are of."""

    found: dict[str, list[np.ndarray]] = field(default_factory=dict)
    seconds: dict[str, list[float]] = field(default_factory=dict)
    weights: dict[str, list[float]] = field(default_factory=dict)

    def add(self, who: str, predicted: np.ndarray, took: float = math.nan) -> None:
        """Take the predictions of one more fold."""
        self.found.setdefault(who, []).append(predicted)
        self.seconds.setdefault(who, []).append(took)

    def keep_whole(self, number: int) -> None:
        """Leave out what is known of some folds alone."""
        self.found = {who: some for who, some in self.found.items() if len(some) == number}
        self.seconds = {who: some for who, some in self.seconds.items() if len(some) == number}
        self.weights = {who: some for who, some in self.weights.items() if len(some) == number}

    def take_blend(self, part: Part, store: Store) -> Blended | None:
        """Take the blend of a fold and some of its members; None where it is missing."""
        try:
            blended = fitted(part, store)
        except MissingError:
            return None
        self.add("blend", blended.blend(part), blended.seconds)
        for other in OTHERS:
            self.add(other, blended.of(other))
        return blended

    def take(self, prepared: PreparedPart, blended: Blended | None, recipe: str, joins: bool, store: Store) -> None:
        """Take a network of a fold, alone and beside the blend; nothing where it is missing."""
        with suppress(MissingError):
            predicted, took = outer(prepared, IDEAS[recipe], store)
            self.add(recipe, predicted, took)
            if blended is None:
                return
            both = (1 - SHARE) * blended.blend(prepared.part) + SHARE * predicted
            self.add(f"blend, a quarter {recipe}", both)
            if joins:
                self.join(prepared, blended, recipe, predicted, store)

    def join(self, prepared: PreparedPart, blended: Blended, recipe: str, predicted: np.ndarray, store: Store) -> None:
        """Add the blend with a network as one more member, weighted by out-of-fold predictions."""
        part, names = prepared.part, (*blended.names, "network")
        within, _ = inner(prepared, IDEAS[recipe], blended.fold_N, store)
        within_M = np.concatenate([blended.inner, within[None]])
        self.add(f"blend + {recipe}", stacked(names, within_M, np.concatenate([blended.outer, predicted[None]]), part))
        self.weights.setdefault(recipe, []).append(float(weights_of(names, within_M, part)[-1, 0]))


def task_scores(name: str, recipes: Sequence[str], stack: Sequence[str], data: Path, store: Store) -> TaskScores:
    """Compute, or read, all that is known of a task.

    Parameters
    ----------
    name
        The task.
    recipes, stack
        Names of the recipes, and of those that join the blend.
    data, store
        Folder of the studies, and where predictions are kept.
    """
    (task,) = open_tasks([name], data)
    parts, collected = list(parts_of(task)), Collected()
    for part in parts:
        prepared = PreparedPart(part, data)
        blended = collected.take_blend(part, store)
        for recipe in recipes:
            if not IDEAS[recipe].pooled or name in POOLS:
                collected.take(prepared, blended, recipe, recipe in stack, store)
    collected.keep_whole(len(parts))
    true, classes = np.concatenate([part.truth for part in parts]), parts[0].num_classes
    return TaskScores(
        task=name,
        samples=len(task.study),
        scores={who: score(true, np.concatenate(some), classes) for who, some in collected.found.items()},
        seconds={who: float(np.mean(some)) for who, some in collected.seconds.items() if not np.isnan(some).any()},
        weights={who: float(np.mean(some)) for who, some in collected.weights.items()},
    )
