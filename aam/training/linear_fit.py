"""The regularised linear model that a target's linear path starts as; its penalty is chosen by cross-validation."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge

RIDGE_PENALTIES = np.logspace(-1, 5, 13)
LOGISTIC_INVERSE_PENALTIES = np.logspace(-5, 1, 7)
FOLDS = 5
LEAST_PROBABILITY = 1e-6

Linear = tuple[np.ndarray, np.ndarray]


def fit_linear(
    profile_BK: np.ndarray, target_BT: np.ndarray, num_classes: int, groups: np.ndarray | None = None
) -> Linear:
    """Fit the best of several ridge regressions for each number, or the best of several logistic regressions.

    Parameters
    ----------
    profile_BK
        What the model reads.
    target_BT
        Numbers, of which some may be missing (NaN), or one column of classes.
    num_classes
        Number of classes; 0 for numbers.
    groups
        Groups of samples of which none is on both sides of a fold.

    Returns
    -------
    tuple
        Weights ``outputs x K`` and biases ``outputs`` (float32). Classes that are absent get the least probability; a
        number that no sample has, or one alone, has weights of zero.
    """
    x_BK = np.asarray(profile_BK, dtype=np.float64)
    if num_classes:
        weight, bias = _fit_best(x_BK, target_BT[:, 0], num_classes, groups)
    else:
        fits = [_fit_present(x_BK, target_B, groups) for target_B in target_BT.T]
        weight, bias = (np.concatenate(parts) for parts in zip(*fits, strict=True))
    return weight.astype(np.float32), bias.astype(np.float32)


def _fit_present(x_BK: np.ndarray, target_B: np.ndarray, groups: np.ndarray | None) -> Linear:
    """The best ridge regression of one number over the samples that have it."""
    present = ~np.isnan(target_B)
    if present.sum() < 2:
        return np.zeros((1, x_BK.shape[1])), np.array([target_B[present].sum()])
    return _fit_best(x_BK[present], target_B[present], 0, None if groups is None else groups[present])


def _fit_best(x_BK: np.ndarray, target_B: np.ndarray, num_classes: int, groups: np.ndarray | None) -> Linear:
    """The regression whose penalty predicts best across folds."""
    fold_B = assign_folds(target_B if num_classes else None, len(x_BK), groups)
    penalties = LOGISTIC_INVERSE_PENALTIES if num_classes else RIDGE_PENALTIES
    strongest_first = sorted(penalties, reverse=not num_classes)
    losses = [_loss_across(x_BK, target_B, fold_B, penalty, num_classes) for penalty in strongest_first]
    return _fit(x_BK, target_B, strongest_first[int(np.argmin(losses))], num_classes)


def assign_folds(classes_B: np.ndarray | None, num_samples: int, groups: np.ndarray | None) -> np.ndarray:
    """Fold of each sample, ``B``: groups stay whole, else classes are dealt out evenly. At most five folds."""
    rng = np.random.default_rng(0)
    if groups is not None and len(np.unique(groups)) > 1:
        unit_B = np.unique(groups, return_inverse=True)[1]
        order = np.argsort(-np.bincount(unit_B), kind="stable")
        fold_of_unit = np.empty(len(order), dtype=np.int64)
        fold_of_unit[order] = np.arange(len(order)) % FOLDS
        return fold_of_unit[unit_B]
    shuffled = rng.permutation(num_samples)
    if classes_B is not None:
        shuffled = shuffled[np.argsort(classes_B[shuffled], kind="stable")]
    fold_B = np.empty(num_samples, dtype=np.int64)
    fold_B[shuffled] = np.arange(num_samples) % FOLDS
    return fold_B


def _loss_across(x_BK: np.ndarray, target_B: np.ndarray, fold_B: np.ndarray, penalty: float, num_classes: int) -> float:
    """Sum of the losses of all samples, each predicted by a model of the other folds."""
    total = 0.0
    for fold in np.unique(fold_B):
        test = fold_B == fold
        if test.all():
            continue
        weight, bias = _fit(x_BK[~test], target_B[~test], penalty, num_classes)
        output = x_BK[test] @ weight.T + bias
        total += _loss(output, target_B[test], num_classes)
    return total


def _loss(output: np.ndarray, truth_B: np.ndarray, num_classes: int) -> float:
    if not num_classes:
        return float(np.square(output[:, 0] - truth_B).sum())
    largest = output.max(axis=1, keepdims=True)
    log_total = largest[:, 0] + np.log(np.exp(output - largest).sum(axis=1))
    return float((log_total - output[np.arange(len(truth_B)), truth_B]).sum())


def _fit(x_BK: np.ndarray, target_B: np.ndarray, penalty: float, num_classes: int) -> Linear:
    if not num_classes:
        ridge = Ridge(alpha=penalty).fit(x_BK, target_B)
        return ridge.coef_[None], np.array([ridge.intercept_])
    weight = np.zeros((num_classes, x_BK.shape[1]))
    bias = np.full(num_classes, np.log(LEAST_PROBABILITY))
    present = np.unique(target_B)
    if len(present) == 1:
        bias[present] = 0.0
        return weight, bias
    with _slow_convergence_accepted():
        logistic = LogisticRegression(C=penalty, max_iter=300).fit(x_BK, target_B)
    coefficients, intercepts = logistic.coef_, logistic.intercept_
    if len(present) == 2:
        coefficients = np.concatenate([-coefficients, coefficients]) / 2
        intercepts = np.concatenate([-intercepts, intercepts]) / 2
    weight[present], bias[present] = coefficients, intercepts
    return weight, bias


@contextmanager
def _slow_convergence_accepted() -> Iterator[None]:
    """A start need not be the very optimum."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield
