"""How good predictions are: metrics, how sure one can be of them, and whether one predictor is better than another.

One engine computes the metrics of validation, of the report and of every bootstrap draw: the formulas of the catalogue,
with weights of 1 or with how often each sample was drawn. Intervals come from the bootstrap: samples (or whole groups)
are drawn anew many times, and every metric is computed for all draws at once.

Legend: ``R`` draws, ``N`` samples.

References
----------
Efron, Tibshirani (1993), An Introduction to the Bootstrap, chapter 13 (percentile intervals).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np

from aam.data.targets.kinds import Predictions
from aam.evaluation.catalogue import Interval, formula_of

DRAWS = 2000
LEAST_DRAWS = 100
LEVEL = 0.95
OVER_CLASSES = ("balanced_accuracy", "f1")
"""Metrics that are means over those classes which occur."""
# numbers (draws x samples x classes) that are worked on in all, and at once
MOST_NUMBERS = 50_000_000
NUMBERS_AT_ONCE = 4_000_000


def measure(predictions: Predictions, weights_RN: np.ndarray) -> dict[str, np.ndarray]:
    """Every metric of a kind of target in many draws.

    Parameters
    ----------
    predictions
        ``N`` samples.
    weights_RN
        Whole numbers: how often each sample was drawn.

    Returns
    -------
    dict
        Name of the metric, in the order in which they are shown -> ``R`` values; NaN where it is not defined.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return {name: formula_of(name)(predictions, weights_RN) for name in predictions.kind.metrics}


def score(predictions: Predictions) -> dict[str, float]:
    """The metrics of some predictions, in the order in which they are shown; NaN where one is not defined."""
    found = measure(predictions, np.ones((1, len(predictions))))
    return {name: float(values[0]) for name, values in found.items()}


def evaluate(predictions: Predictions, *, draws: int = DRAWS, seed: int = 0) -> dict[str, Interval]:
    """The metrics of some predictions with their bootstrap intervals.

    Parameters
    ----------
    predictions
        At least one sample. Where they have groups, whole groups are drawn.
    draws
        Number of bootstrap draws (fewer for very many samples).
    seed
        Seed of the draws.
    """
    return evaluate_repeats([predictions], draws=draws, seed=seed)


def compare(first: Predictions, second: Predictions, *, draws: int = DRAWS, seed: int = 0) -> dict[str, Interval]:
    """How much larger each metric of the first predictor is than the second's, both drawn together (paired bootstrap).

    Parameters
    ----------
    first, second
        Of the same samples in the same order; the first one's groups count.
    draws, seed
        As in :func:`evaluate`.
    """
    return compare_repeats([first], [second], draws=draws, seed=seed)


def bootstrapped(
    predictions: Predictions,
    compute: Callable[[np.ndarray], dict[str, np.ndarray]],
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> dict[str, Interval]:
    """Any statistics of some predictions with their bootstrap intervals.

    Parameters
    ----------
    predictions
        At least one sample. Where they have groups, whole groups are drawn.
    compute
        Takes how often each sample was drawn (``R x N``) and gives, by name, ``R`` values each; NaN where one is not
        defined.
    draws, seed
        As in :func:`evaluate`.
    """
    drawn = _draw(predictions, draws, seed, predictions.groups, compute)
    with np.errstate(divide="ignore", invalid="ignore"):
        values = compute(np.ones((1, len(predictions))))
    return {name: interval_of_draws(float(value[0]), drawn[name]) for name, value in values.items()}


def evaluate_repeats(repeats: Sequence[Predictions], *, draws: int = DRAWS, seed: int = 0) -> dict[str, Interval]:
    """The means of the metrics over several predictions of the same samples, with their bootstrap intervals.

    Parameters
    ----------
    repeats
        Of the same samples in the same order, at least one. Every draw takes the same samples, or groups, of each.
    draws, seed
        As in :func:`evaluate`.
    """
    drawn = draw_repeats(repeats, draws=draws, seed=seed)
    return {name: interval_of_draws(float(value), drawn[name]) for name, value in _mean_scores(repeats).items()}


def compare_repeats(
    first: Sequence[Predictions], second: Sequence[Predictions], *, draws: int = DRAWS, seed: int = 0
) -> dict[str, Interval]:
    """How much larger the means of the first predictor's metrics over repeats are than the second's (paired bootstrap).

    Parameters
    ----------
    first, second
        As in :func:`evaluate_repeats`, of the same samples; the first one's groups count.
    draws, seed
        As in :func:`evaluate`.
    """
    groups, other = first[0].groups, _mean_scores(second)
    values = {name: float(value - other[name]) for name, value in _mean_scores(first).items()}
    _check_alike([*first, *second])
    drawn, against = (draw_repeats(some, groups=groups, draws=draws, seed=seed) for some in (first, second))
    return {name: interval_of_draws(value, drawn[name] - against[name]) for name, value in values.items()}


def draw_repeats(
    repeats: Sequence[Predictions], *, groups: np.ndarray | None = None, draws: int = DRAWS, seed: int = 0
) -> dict[str, np.ndarray]:
    """The means of the metrics over repeats in every bootstrap draw.

    Parameters
    ----------
    repeats
        As in :func:`evaluate_repeats`.
    groups
        Group of each sample; those of the first repeat where left out. Predictors that are drawn with the same groups
        and the same seed are drawn together.
    draws, seed
        As in :func:`evaluate`.

    Returns
    -------
    dict
        Name of the metric -> ``R`` values; NaN where it is not defined.
    """
    _check_alike(repeats)
    own = repeats[0].groups if groups is None else groups
    return _mean([_draw(one, draws, seed, own) for one in repeats])


def _check_alike(repeats: Sequence[Predictions]) -> None:
    """All predictions must be of the same samples in the same order."""
    assert all((one.sample_ids == repeats[0].sample_ids).all() for one in repeats)


def _mean_scores(repeats: Sequence[Predictions]) -> dict[str, np.ndarray]:
    return _mean([{name: np.array(value) for name, value in score(one).items()} for one in repeats])


def _mean(found: Sequence[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Mean of each metric; not defined where it is not in one of them."""
    return {name: np.mean([one[name] for one in found], axis=0) for name in found[0]}


def _draw(
    predictions: Predictions,
    draws: int,
    seed: int,
    groups: np.ndarray | None,
    compute: Callable[[np.ndarray], dict[str, np.ndarray]] | None = None,
) -> dict[str, np.ndarray]:
    """Every metric, or other statistics, in every bootstrap draw."""
    size = len(predictions) * max(1, len(predictions.classes))
    draws = int(np.clip(MOST_NUMBERS // size, min(LEAST_DRAWS, draws), draws))
    compute = compute or partial(_measure_drawn, predictions)
    with np.errstate(divide="ignore", invalid="ignore"):
        blocks = [compute(weights) for weights in _bootstrap_weights(len(predictions), draws, seed, groups)]
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}


def _measure_drawn(predictions: Predictions, weights_RN: np.ndarray) -> dict[str, np.ndarray]:
    """Every metric; of two classes, means over classes are not defined in draws that lack one.

    They would be those of the other class alone, and those of a constant prediction 100 % at times.
    """
    found = measure(predictions, weights_RN)
    if not predictions.classes or len(classes := np.unique(predictions.observed.astype(str))) != 2:
        return found
    drawn_R = weights_RN @ (predictions.observed == classes[0])
    lacks_R = (drawn_R == 0) | (drawn_R == weights_RN.sum(axis=1))
    means = {name: np.where(lacks_R, np.nan, found[name]) for name in OVER_CLASSES if name in found}
    return {**found, **means}


def _bootstrap_weights(num_samples: int, draws: int, seed: int, groups: np.ndarray | None) -> Iterator[np.ndarray]:
    """How often each sample is drawn, in blocks of ``draws x samples``."""
    rng = np.random.default_rng(seed)
    unit_of = np.arange(num_samples) if groups is None else np.unique(groups.astype(str), return_inverse=True)[1]
    num_units = int(unit_of.max()) + 1
    block = max(1, NUMBERS_AT_ONCE // num_samples)
    for start in range(0, draws, block):
        size = min(block, draws - start)
        chosen = rng.integers(num_units, size=(size, num_units)) + num_units * np.arange(size)[:, None]
        times = np.bincount(chosen.ravel(), minlength=size * num_units).reshape(size, num_units)
        yield times[:, unit_of].astype(np.float64)


def interval_of_draws(value: float, drawn: np.ndarray) -> Interval:
    """A value with the percentile interval of its bootstrap draws; draws in which it is not defined are left out."""
    defined = drawn[np.isfinite(drawn)]
    if not np.isfinite(value) or not len(defined):
        return Interval(value, np.nan, np.nan)
    low, high = np.quantile(defined, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(value, float(low), float(high))
