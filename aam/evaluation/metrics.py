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

from collections.abc import Iterator

import numpy as np

from aam.data.targets.kinds import Predictions
from aam.evaluation.catalogue import Interval, formula_of

DRAWS = 2000
LEAST_DRAWS = 100
LEVEL = 0.95
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
    drawn = _draw(predictions, draws, seed)
    return {name: _interval(value, drawn[name]) for name, value in score(predictions).items()}


def compare(first: Predictions, second: Predictions, *, draws: int = DRAWS, seed: int = 0) -> dict[str, Interval]:
    """How much larger each metric of the first predictor is than the second's, both drawn together (paired bootstrap).

    Parameters
    ----------
    first, second
        Of the same samples in the same order; the first one's groups count.
    draws, seed
        As in :func:`evaluate`.
    """
    assert (first.sample_ids == second.sample_ids).all()
    other = score(second)
    values = {name: value - other[name] for name, value in score(first).items()}
    drawn, against = _draw(first, draws, seed), _draw(second, draws, seed, groups=first.groups)
    return {name: _interval(value, drawn[name] - against[name]) for name, value in values.items()}


def _draw(predictions: Predictions, draws: int, seed: int, groups: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """Every metric in every bootstrap draw."""
    size = len(predictions) * max(1, len(predictions.classes))
    draws = int(np.clip(MOST_NUMBERS // size, min(LEAST_DRAWS, draws), draws))
    groups = predictions.groups if groups is None else groups
    blocks = [measure(predictions, weights) for weights in _bootstrap_weights(len(predictions), draws, seed, groups)]
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}


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


def _interval(value: float, drawn: np.ndarray) -> Interval:
    defined = drawn[np.isfinite(drawn)]
    if not np.isfinite(value) or not len(defined):
        return Interval(value, np.nan, np.nan)
    low, high = np.quantile(defined, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(value, float(low), float(high))
