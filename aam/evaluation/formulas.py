"""The formulas of the metrics of targets, of many bootstrap draws at once, from how often each sample was drawn.

Repeating a sample is the same as weighting it, so that one matrix of weights ``R x N`` replaces ``R`` resampled data
sets; weights of 1 give the metric of the samples themselves. Each formula takes the predictions and the weights (whole
numbers), gives ``R`` values, NaN where it is not defined, and equals scikit-learn's on the repeated samples.

Legend: ``R`` draws, ``N`` samples, ``C`` classes.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from aam.data.targets.kinds import Predictions


def mae(predictions: Predictions, weights_RN: np.ndarray) -> np.ndarray:
    """Mean absolute error."""
    return weights_RN @ np.abs(_errors(predictions)) / weights_RN.sum(axis=1)


def rmse(predictions: Predictions, weights_RN: np.ndarray) -> np.ndarray:
    """Root mean squared error."""
    return np.sqrt(weights_RN @ _errors(predictions) ** 2 / weights_RN.sum(axis=1))


def r2(predictions: Predictions, weights_RN: np.ndarray) -> np.ndarray:
    """1 - the squared errors' share of the truths' squared distances from their mean."""
    centred = predictions.observed - predictions.observed.mean()
    spread = weights_RN @ centred**2 - (weights_RN @ centred) ** 2 / weights_RN.sum(axis=1)
    spread[spread <= 1e-12 * (centred**2).sum()] = np.nan
    return 1 - weights_RN @ _errors(predictions) ** 2 / spread


def spearman(predictions: Predictions, weights_RN: np.ndarray) -> np.ndarray:
    """Correlation of ranks, equal values sharing their mean rank; of rates, where counts have an exposure.

    What the exposure alone says of counts is not counted: a constant rate has no correlation.
    """
    said = [predictions.observed, predictions.predicted]
    if predictions.exposure is not None:  # in single precision, since a rate times an exposure is rounded
        said = [(values / predictions.exposure).astype(np.float32) for values in said]
    observed_RN, predicted_RN = (_ranks(values, weights_RN) for values in said)
    return _correlation(observed_RN, predicted_RN, weights_RN)


def balanced_accuracy(predictions: Predictions, weights_RN: np.ndarray) -> np.ndarray:
    """Mean over the classes that occur of the share of their samples that are right."""
    observed, is_right = _codes(predictions, predictions.observed), _is_right(predictions)
    num_classes = len(predictions.classes)
    hits_RC = _counts(observed, weights_RN * is_right, num_classes)
    return _mean_of_defined(hits_RC / _counts(observed, weights_RN, num_classes))


def accuracy(predictions: Predictions, weights_RN: np.ndarray) -> np.ndarray:
    """Share of the samples that are right."""
    return weights_RN @ _is_right(predictions) / weights_RN.sum(axis=1)


def f1(predictions: Predictions, weights_RN: np.ndarray) -> np.ndarray:
    """Mean over the classes that occur, or are predicted, of the harmonic mean of recall and precision."""
    observed, predicted = (_codes(predictions, x) for x in (predictions.observed, predictions.predicted))
    num_classes = len(predictions.classes)
    hits_RC = _counts(observed, weights_RN * _is_right(predictions), num_classes)
    either_RC = _counts(observed, weights_RN, num_classes) + _counts(predicted, weights_RN, num_classes)
    return _mean_of_defined(2 * hits_RC / either_RC)


def auroc(predictions: Predictions, weights_RN: np.ndarray) -> np.ndarray:
    """Mean area under the ROC curve of each class that occurs against the rest; of two classes, that of the second."""
    assert predictions.probabilities is not None
    observed, shares = _codes(predictions, predictions.observed), predictions.probabilities
    num_classes = len(predictions.classes)
    scored = range(1 if num_classes == 2 else 0, num_classes)
    return _mean_of_defined(np.stack([_area(observed == c, shares[:, c], weights_RN) for c in scored], axis=1))


def _errors(predictions: Predictions) -> np.ndarray:
    return predictions.predicted - predictions.observed


def _is_right(predictions: Predictions) -> np.ndarray:
    return (predictions.predicted == predictions.observed).astype(np.float64)


def _codes(predictions: Predictions, labels: np.ndarray) -> np.ndarray:
    code_of = {name: code for code, name in enumerate(predictions.classes)}
    return np.array([code_of[label] for label in labels])


def _counts(codes: np.ndarray, weights_RN: np.ndarray, num_classes: int) -> np.ndarray:
    """Samples of each class, ``R x C``."""
    is_of_class_CN = csr_array((np.ones(len(codes)), (codes, np.arange(len(codes)))), shape=(num_classes, len(codes)))
    return (is_of_class_CN @ weights_RN.T).T


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
