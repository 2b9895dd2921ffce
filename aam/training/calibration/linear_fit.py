"""The regularised linear model that a target's linear path starts as; its penalty is chosen by cross-validation."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge

from aam.data.study.dealing import deal, deal_largest_first

RIDGE_PENALTIES = np.logspace(-1, 5, 13)
LOGISTIC_INVERSE_PENALTIES = np.logspace(-5, 1, 7)
FOLDS = 5
LEAST_PROBABILITY = 1e-6

Linear = tuple[np.ndarray, np.ndarray]


def fit_linear(
    profile_BK: np.ndarray,
    target_BT: np.ndarray,
    num_classes: Sequence[int],
    groups: np.ndarray | None = None,
    weights: np.ndarray | None = None,
) -> Linear:
    """Fit the best of several ridge regressions of each number, or of several logistic regressions of each class.

    Parameters
    ----------
    profile_BK
        What the model reads.
    target_BT
        Numbers, of which some may be missing (NaN), or classes (-1).
    num_classes
        Number of classes of each column; empty for numbers.
    groups
        Groups of samples of which none is on both sides of a fold.
    weights
        Weight of each sample, ``B``, or of each in each column, ``B x T``; None for equal weights.

    Returns
    -------
    tuple
        Weights ``outputs x K`` and biases ``outputs`` (float32). Classes that are absent get the least probability; a
        number that no sample has, or one alone, has weights of zero.
    """
    x_BK, fits = np.asarray(profile_BK, dtype=np.float64), []
    for place, target_B in enumerate(target_BT.T):
        number = num_classes[place] if num_classes else 0
        weight_B = weights if weights is None or weights.ndim == 1 else weights[:, place]
        fits.append(_fit_present(x_BK, target_B, number, groups, weight_B))
    weight, bias = (np.concatenate(parts) for parts in zip(*fits, strict=True))
    return weight.astype(np.float32), bias.astype(np.float32)


def _fit_present(
    x_BK: np.ndarray,
    target_B: np.ndarray,
    num_classes: int,
    groups: np.ndarray | None,
    weight_B: np.ndarray | None,
) -> Linear:
    """The best regression of one column over the samples that have it."""
    present = target_B >= 0 if num_classes else ~np.isnan(target_B)
    if num_classes and not present.any():
        return np.zeros((num_classes, x_BK.shape[1])), np.zeros(num_classes)
    if not num_classes and present.sum() < 2:
        return np.zeros((1, x_BK.shape[1])), np.array([target_B[present].sum()])
    groups, weight_B = (None if part is None else part[present] for part in (groups, weight_B))
    return _fit_best(x_BK[present], target_B[present], num_classes, groups, weight_B)


def _fit_best(
    x_BK: np.ndarray,
    target_B: np.ndarray,
    num_classes: int,
    groups: np.ndarray | None,
    weight_B: np.ndarray | None,
) -> Linear:
    """The regression whose penalty predicts best across folds."""
    fold_B = assign_folds(target_B if num_classes else None, len(x_BK), groups)
    penalties = LOGISTIC_INVERSE_PENALTIES if num_classes else RIDGE_PENALTIES
    strongest_first = sorted(penalties, reverse=not num_classes)
    data = Data(x_BK, target_B, num_classes, weight_B)
    losses = [_loss_across(data, fold_B, penalty) for penalty in strongest_first]
    return _fit(data, strongest_first[int(np.argmin(losses))])


def assign_folds(classes_B: np.ndarray | None, num_samples: int, groups: np.ndarray | None) -> np.ndarray:
    """Fold of each sample, ``B``: groups stay whole, else classes are dealt out evenly. At most five folds."""
    if groups is not None and len(np.unique(groups)) > 1:
        return deal_largest_first(groups, FOLDS)
    strata_B = np.zeros(num_samples, dtype=np.int64) if classes_B is None else classes_B
    return deal(strata_B, None, FOLDS, np.random.default_rng(0))


class Data(NamedTuple):
    """What a regression is fitted to; ``weight_B`` None for equal weights."""

    x_BK: np.ndarray
    target_B: np.ndarray
    num_classes: int
    weight_B: np.ndarray | None

    def select(self, chosen_B: np.ndarray) -> Data:
        """Some of the samples."""
        weight_B = None if self.weight_B is None else self.weight_B[chosen_B]
        return Data(self.x_BK[chosen_B], self.target_B[chosen_B], self.num_classes, weight_B)


def _loss_across(data: Data, fold_B: np.ndarray, penalty: float) -> float:
    """Sum of the losses of all samples, each predicted by a model of the other folds."""
    total = 0.0
    for fold in np.unique(fold_B):
        test = fold_B == fold
        if test.all():
            continue
        weight, bias = _fit(data.select(~test), penalty)
        held_out = data.select(test)
        total += _loss(held_out.x_BK @ weight.T + bias, held_out)
    return total


def _loss(output: np.ndarray, data: Data) -> float:
    if data.num_classes:
        largest = output.max(axis=1, keepdims=True)
        log_total = largest[:, 0] + np.log(np.exp(output - largest).sum(axis=1))
        losses_B = log_total - output[np.arange(len(output)), data.target_B]
    else:
        losses_B = np.square(output[:, 0] - data.target_B)
    return float((losses_B if data.weight_B is None else losses_B * data.weight_B).sum())


def _fit(data: Data, penalty: float) -> Linear:
    x_BK, target_B, num_classes, weight_B = data
    if not num_classes:
        ridge = Ridge(alpha=penalty).fit(x_BK, target_B, sample_weight=weight_B)
        return ridge.coef_[None], np.array([ridge.intercept_])
    weight = np.zeros((num_classes, x_BK.shape[1]))
    bias = np.full(num_classes, np.log(LEAST_PROBABILITY))
    present = np.unique(target_B)
    if len(present) == 1:
        bias[present] = 0.0
        return weight, bias
    with _slow_convergence_accepted():
        logistic = LogisticRegression(C=penalty, max_iter=300).fit(x_BK, target_B, sample_weight=weight_B)
    coefficients, intercepts = logistic.coef_, logistic.intercept_
    if len(present) == 2:
        coefficients = np.concatenate([-coefficients, coefficients]) / 2
        intercepts = np.concatenate([-intercepts, intercepts]) / 2
    weight[present], bias[present] = coefficients, intercepts
    return weight, bias


@contextmanager
def _slow_convergence_accepted() -> Iterator[None]:
    """Convergence warnings are ignored: an initial fit need not be optimal."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield
