"""Whether 95 % intervals of effects hold what they promise, and whether effects have the right sign.

Legend of shapes: ``G`` groups, ``M`` models.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise

import numpy as np

from aam.explanation.effects import Effects
from benchmarks.explain.measuring import measured, together
from benchmarks.explain.store import Store
from benchmarks.explain.studies import EXPLAINED, fitted, simulated
from benchmarks.store import MissingError

SAMPLES, EFFECT = 300, 2.0
TIMES_MORE = 10
"""Independent samples, as a multiple of those that are explained."""
REFITS, FOLDS = 2, 5
LEAST_CARRIERS = (5, 10, 30, 10**9)
SIDE = 0.15
"""Distance of an optimum from the middle of the gradient from which on an ASV has a side."""
SAME_MODEL, OTHER_MODEL, MEAN_MODEL = "the same model", "a model fitted on new samples", "the mean of such models"


@dataclass(frozen=True, kw_only=True)
class Covered:
    """How many intervals hold a value.

    Attributes
    ----------
    seed, level, learner
        Of the study, and whose effects they are.
    of
        What the value is the effect of.
    carriers
        Range of the samples that have a group, in words.
    intervals, held
        Number of intervals, and of those that hold the value.
    models
        Models of the interval: 1, or those of folds, each of which explains the samples that it has not learned from.
    """

    seed: int
    level: str
    learner: str
    of: str
    carriers: str
    intervals: int
    held: int
    models: int = 1


@dataclass(frozen=True, kw_only=True)
class Signs:
    """Signs of the effects of informative groups with a side.

    Attributes
    ----------
    seed, level, learner
        Of the study, and whose effects they are.
    clear, right
        Number of clear effects, and of those with the sign of the side of the optimum.
    effects, all_right
        The same of all effects.
    """

    seed: int
    level: str
    learner: str
    clear: int
    right: int
    effects: int
    all_right: int


def calibration(store: Store, seeds: Sequence[int]) -> tuple[list[Covered], list[Signs]]:
    """Coverage and signs in all studies that are there."""
    covered, signs = [], []
    for seed in seeds:
        try:
            of_coverage = store.get(f"calibration/{seed}", lambda s=seed: _rows(study_coverage(s)))
            of_coverage += store.get(f"folds/{seed}", lambda s=seed: _rows(fold_coverage(s)))
            of_signs = store.get(f"signs/{seed}", lambda s=seed: _rows(study_signs(s)))
        except MissingError:
            continue
        covered += [Covered(**row) for row in of_coverage]
        signs += [Signs(**row) for row in of_signs]
    return covered, signs


def study_coverage(seed: int, *, refits: int = REFITS, times: int = TIMES_MORE) -> Iterator[Covered]:
    """Intervals of one study beside effects on independent samples, and beside those of models fitted on others."""
    data = simulated(SAMPLES, EFFECT, seed, num_rest=max(times * EXPLAINED, refits * SAMPLES))
    model = fitted(data)
    own = measured(data, model, data.explained)
    new = measured(data, model, data.rest[: times * EXPLAINED])
    for key, found in own.items():
        yield from _covered(found, new[key].effect_GO[:, 0], SAME_MODEL, seed)
    others = [
        measured(data, fitted(data, data.rest[start : start + SAMPLES]), data.explained)
        for start in range(0, refits * SAMPLES, SAMPLES)
    ]
    for key, found in own.items():
        yield from _of_others(found, [one[key] for one in others], seed)


def fold_coverage(seed: int, *, refits: int = REFITS, folds: int = FOLDS) -> Iterator[Covered]:
    """Intervals of models of folds beside the effects of models fitted on others, on the same samples."""
    data = simulated(SAMPLES, EFFECT, seed, num_rest=refits * SAMPLES)
    others = [
        measured(data, fitted(data, data.rest[start : start + SAMPLES]), data.training)
        for start in range(0, refits * SAMPLES, SAMPLES)
    ]
    for found in together(data, data.target_N, folds, ["removal"]):
        yield from _of_others(found, [one[found.learner, found.level] for one in others], seed, folds)


def _of_others(found: Effects, others: Sequence[Effects], seed: int, models: int = 1) -> Iterator[Covered]:
    effect_MG = np.stack([one.effect_GO[:, 0] for one in others])
    for effect_G in effect_MG:
        yield from _covered(found, effect_G, OTHER_MODEL, seed, models)
    yield from _covered(found, effect_MG.mean(axis=0), MEAN_MODEL, seed, models)


def study_signs(seed: int) -> Iterator[Signs]:
    """Signs of the effects in one study."""
    data = simulated(SAMPLES, EFFECT, seed)
    groups = {level.level: level for level in data.groups()}
    for (learner, level), found in measured(data, fitted(data), data.explained).items():
        side_G = data.truth.optimum(groups[level]) - 0.5
        with np.errstate(invalid="ignore"):
            has_side_G = (np.abs(side_G) >= SIDE) & (found.support_G >= LEAST_CARRIERS[0])
        right_G = np.sign(found.effect_GO[:, 0]) == np.sign(side_G)
        clear_G = found.is_clear_GO[:, 0] & has_side_G
        yield Signs(
            seed=seed,
            level=level,
            learner=learner,
            clear=int(clear_G.sum()),
            right=int((clear_G & right_G).sum()),
            effects=int(has_side_G.sum()),
            all_right=int((has_side_G & right_G).sum()),
        )


def _covered(found: Effects, value_G: np.ndarray, of: str, seed: int, models: int = 1) -> Iterator[Covered]:
    low_G, high_G = found.low_GO[:, 0], found.high_GO[:, 0]
    with np.errstate(invalid="ignore"):
        held_G = (low_G <= value_G) & (value_G <= high_G)
    known_G = ~np.isnan(low_G) & ~np.isnan(value_G)
    for least, most in pairwise(LEAST_CARRIERS):
        some_G = known_G & (found.support_G >= least) & (found.support_G < most)
        yield Covered(
            seed=seed,
            level=found.level,
            learner=found.learner,
            of=of,
            carriers=f"{least} or more" if most == LEAST_CARRIERS[-1] else f"{least} to {most - 1}",
            intervals=int(some_G.sum()),
            held=int(held_G[some_G].sum()),
            models=models,
        )


def _rows(found: Iterator[Covered] | Iterator[Signs]) -> list[dict[str, object]]:
    return [asdict(one) for one in found]
