"""The metrics of many bootstrap draws at once, from how often each sample was drawn.

Legend: ``R`` draws, ``N`` samples, ``C`` classes. Repeating a sample is the same as weighting it, so that one matrix
of weights ``R x N`` replaces ``R`` resampled data sets. Each metric equals scikit-learn's on the repeated samples.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from aam.evaluation.prediction_table import Predictions


def resampled_metrics(predictions: Predictions, weights_RN: np.ndarray) -> dict[str, np.ndarray]:
    """Every metric of :func:`aam.evaluation.metrics.score` in every draw; NaN where it is not defined.

    Parameters
    ----------
    predictions
        ``N`` samples.
    weights_RN
        Whole numbers: how often each sample was drawn.

    Returns
    -------
    dict
        Name of the metric -> ``R`` values.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return _of_classes(predictions, weights_RN) if predictions.classes else _of_numbers(predictions, weights_RN)


def scored_classes(predictions: Predictions) -> range:
    """Codes of the classes whose ROC curves count: all, or the second of two, whose curve is the first's mirrored."""
    return range(1 if len(predictions.classes) == 2 else 0, len(predictions.classes))


def _of_numbers(predictions: Predictions, weights_RN: np.ndarray) -> dict[str, np.ndarray]:
    error = predictions.predicted - predictions.observed
    total = weights_RN.sum(axis=1)
    centred = predictions.observed - predictions.observed.mean()
    squared_error = weights_RN @ error**2
    spread = weights_RN @ centred**2 - (weights_RN @ centred) ** 2 / total
    spread[spread <= 1e-12 * (centred**2).sum()] = np.nan
    observed_RN, predicted_RN = (_ranks(values, weights_RN) for values in (predictions.observed, predictions.predicted))
    return {
        "mae": weights_RN @ np.abs(error) / total,
        "rmse": np.sqrt(squared_error / total),
        "r2": 1 - squared_error / spread,
        "spearman": _correlation(observed_RN, predicted_RN, weights_RN),
    }


def _of_classes(predictions: Predictions, weights_RN: np.ndarray) -> dict[str, np.ndarray]:
    code_of = {name: code for code, name in enumerate(predictions.classes)}
    observed = np.array([code_of[label] for label in predictions.observed])
    predicted = np.array([code_of[label] for label in predictions.predicted])
    num_classes = len(code_of)
    cells = csr_array(
        (np.ones(len(observed)), (observed * num_classes + predicted, np.arange(len(observed)))),
        shape=(num_classes**2, len(observed)),
    )
    confusion_RCC = (cells @ weights_RN.T).T.reshape(-1, num_classes, num_classes)
    right = np.diagonal(confusion_RCC, axis1=1, axis2=2)
    of_observed, of_predicted = confusion_RCC.sum(axis=2), confusion_RCC.sum(axis=1)
    assert predictions.probabilities is not None
    shares = predictions.probabilities
    areas = [_area(observed == code, shares[:, code], weights_RN) for code in scored_classes(predictions)]
    return {
        "balanced_accuracy": _mean_of_defined(right / of_observed),
        "accuracy": right.sum(axis=1) / of_observed.sum(axis=1),
        "f1": _mean_of_defined(2 * right / (of_observed + of_predicted)),
        "auroc": _mean_of_defined(np.stack(areas, axis=1)),
    }


def _ranks(values: np.ndarray, weights_RN: np.ndarray) -> np.ndarray:
    """Rank of each sample among those drawn, equal values sharing their mean rank; ``R x N``."""
    order, starts, place = _ties(values)
    of_tie = np.add.reduceat(weights_RN[:, order], starts, axis=1)
    below = np.cumsum(of_tie, axis=1) - of_tie
    return (below + (of_tie + 1) / 2)[:, place]


def _correlation(x_RN: np.ndarray, y_RN: np.ndarray, weights_RN: np.ndarray) -> np.ndarray:
    total = weights_RN.sum(axis=1, keepdims=True)
    x_RN = x_RN - (weights_RN * x_RN).sum(axis=1, keepdims=True) / total
    y_RN = y_RN - (weights_RN * y_RN).sum(axis=1, keepdims=True) / total
    variances = [(weights_RN * z_RN**2).sum(axis=1) for z_RN in (x_RN, y_RN)]
    smallest = 1e-9 * total[:, 0]
    product = np.where(np.minimum(*variances) > smallest, variances[0] * variances[1], np.nan)
    return (weights_RN * x_RN * y_RN).sum(axis=1) / np.sqrt(product)


def _area(positive: np.ndarray, scores: np.ndarray, weights_RN: np.ndarray) -> np.ndarray:
    """Area under the ROC curve: the share of (positive, negative) pairs in the right order, ties counting half."""
    order, starts, _ = _ties(scores)
    positive_RT = np.add.reduceat((weights_RN * positive)[:, order], starts, axis=1)
    negative_RT = np.add.reduceat((weights_RN * ~positive)[:, order], starts, axis=1)
    below = np.cumsum(negative_RT, axis=1) - negative_RT
    pairs = positive_RT.sum(axis=1) * negative_RT.sum(axis=1)
    return (positive_RT * (below + negative_RT / 2)).sum(axis=1) / pairs


def _ties(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The order of the values, where each run of equal ones starts in it, and the run of each value."""
    _, place, times = np.unique(values, return_inverse=True, return_counts=True)
    return np.argsort(place, kind="stable"), np.cumsum(times) - times, place


def _mean_of_defined(values_RC: np.ndarray) -> np.ndarray:
    """Mean over the classes whose value is defined in a draw."""
    defined = np.isfinite(values_RC)
    return np.where(defined, values_RC, 0).sum(axis=1) / defined.sum(axis=1)
