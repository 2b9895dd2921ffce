"""How good predictions are: metrics, how sure one can be of them, and whether one predictor is better than another.

The values are scikit-learn's. Their intervals come from the bootstrap: the samples (or whole groups of them) are drawn
anew many times, and every metric is computed for all draws at once from how often each sample was drawn.

References
----------
Efron, Tibshirani (1993), An Introduction to the Bootstrap, chapter 13 (percentile intervals).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.stats import spearmanr
from sklearn import metrics

from aam.evaluation.bootstrap import resampled_metrics, scored_classes
from aam.evaluation.prediction_table import Predictions

DRAWS = 2000
LEAST_DRAWS = 100
LEVEL = 0.95
# numbers (draws x samples x classes) that are worked on in all, and at once
MOST_NUMBERS = 50_000_000
NUMBERS_AT_ONCE = 4_000_000


@dataclass(frozen=True)
class Interval:
    """A value and the 95% interval around it; NaN where it cannot be computed."""

    value: float
    low: float
    high: float


def score(predictions: Predictions) -> dict[str, float]:
    """The metrics of some predictions, in the order in which they are shown.

    Returns
    -------
    dict
        ``mae, rmse, r2, spearman``, or ``balanced_accuracy, accuracy, f1, auroc`` (F1 and AUROC are means over the
        classes that occur; AUROC is one against the rest). NaN where a metric is not defined for these samples.
    """
    return _score_classes(predictions) if predictions.classes else _score_numbers(predictions)


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


def _score_numbers(predictions: Predictions) -> dict[str, float]:
    observed, predicted = predictions.observed, predictions.predicted
    varies = len(observed) > 1 and np.ptp(observed) > 0
    ranks = varies and np.ptp(predicted) > 0
    return {
        "mae": float(metrics.mean_absolute_error(observed, predicted)),
        "rmse": float(metrics.root_mean_squared_error(observed, predicted)),
        "r2": float(metrics.r2_score(observed, predicted)) if varies else np.nan,
        "spearman": float(spearmanr(observed, predicted).statistic) if ranks else np.nan,
    }


def _score_classes(predictions: Predictions) -> dict[str, float]:
    observed, predicted = predictions.observed.astype(str), predictions.predicted.astype(str)
    assert predictions.probabilities is not None
    recalls = metrics.recall_score(observed, predicted, labels=np.unique(observed), average=None, zero_division=0)
    areas = [
        metrics.roc_auc_score(observed == predictions.classes[code], predictions.probabilities[:, code])
        for code in scored_classes(predictions)
        if 0 < (observed == predictions.classes[code]).sum() < len(observed)
    ]
    return {
        "balanced_accuracy": float(recalls.mean()),
        "accuracy": float(metrics.accuracy_score(observed, predicted)),
        "f1": float(metrics.f1_score(observed, predicted, average="macro", zero_division=0)),
        "auroc": float(np.mean(areas)) if areas else np.nan,
    }


def _draw(predictions: Predictions, draws: int, seed: int, groups: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """Every metric in every bootstrap draw."""
    size = len(predictions) * max(1, len(predictions.classes))
    draws = int(np.clip(MOST_NUMBERS // size, min(LEAST_DRAWS, draws), draws))
    groups = predictions.groups if groups is None else groups
    blocks = [
        resampled_metrics(predictions, weights) for weights in _bootstrap_weights(len(predictions), draws, seed, groups)
    ]
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
