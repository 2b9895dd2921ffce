"""Kernel ridge regression on groups that are held out whole, and how several kernels are put together.

The penalty is chosen by grouped folds within the training part. Legend: ``N`` samples, ``T`` columns of the truth,
``M`` kernels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize
from scipy.spatial.distance import pdist, squareform
from sklearn.metrics import r2_score, roc_auc_score

from aam.data.study.dealing import deal, deal_largest_first
from benchmarks.encoder.studies import Judged

PENALTIES = np.geomspace(1e-3, 30, 10)
OUTER, INNER = 5, 4
PULL = 0.2
"""How strongly the weights of a stack are pulled to their mean."""


@dataclass(frozen=True, eq=False)
class Held:
    """Predictions of held-out samples: by the whole training part (``N x T``), and within each (``OUTER x N x T``)."""

    outer: np.ndarray
    inner: np.ndarray


def linear_kernel(features: np.ndarray) -> np.ndarray:
    """Inner products of the centred features, with a mean of 1 on the diagonal."""
    centred = features - features.mean(axis=0)
    return _scaled(centred @ centred.T)


def radial_kernel(features: np.ndarray) -> np.ndarray:
    """A Gaussian of the distances, as wide as their median; centred, with a mean of 1 on the diagonal."""
    squares = squareform(pdist(features, "sqeuclidean"))
    width = np.median(squares[np.triu_indices(len(squares), 1)])
    kernel = np.exp(-squares / max(float(width), 1e-12))
    middle = kernel.mean(axis=0)
    return _scaled(kernel - middle[:, None] - middle[None, :] + middle.mean())


def _scaled(kernel: np.ndarray) -> np.ndarray:
    return np.asarray(kernel / max(np.trace(kernel) / len(kernel), 1e-12))


def folds_of(judged: Judged, seed: int) -> np.ndarray:
    """Fold of each sample; groups stay whole."""
    return deal(judged.strata, judged.groups, OUTER, np.random.default_rng([seed, OUTER]))


def held_out(kernel: np.ndarray, judged: Judged, fold_of: np.ndarray) -> Held:
    """Predictions of each sample when its group was held out."""
    outer = np.empty_like(judged.truth)
    inner = np.full((OUTER, *judged.truth.shape), np.nan)
    for fold in range(OUTER):
        train, test = np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold)
        by_penalty = _within(kernel, judged, train)
        best = int(np.argmin([((found - judged.truth[train]) ** 2).sum() for found in by_penalty]))
        inner[fold, train] = by_penalty[best]
        outer[test] = _predicted(kernel, judged.truth, train, test, PENALTIES[best : best + 1])[0]
    return Held(outer, inner)


def _within(kernel: np.ndarray, judged: Judged, train: np.ndarray) -> np.ndarray:
    """Predictions of the training samples by inner folds, for each penalty."""
    found = np.empty((len(PENALTIES), len(train), judged.truth.shape[1]))
    part_of = deal_largest_first(judged.groups[train], INNER)
    for part in range(INNER):
        mine = part_of == part
        found[:, mine] = _predicted(kernel, judged.truth, train[~mine], train[mine], PENALTIES)
    return found


def _predicted(
    kernel: np.ndarray, truth: np.ndarray, train: np.ndarray, test: np.ndarray, penalties: np.ndarray
) -> np.ndarray:
    mean = truth[train].mean(axis=0)
    among, across = kernel[np.ix_(train, train)], kernel[np.ix_(test, train)]
    diagonal = np.eye(len(train))
    return np.stack(
        [
            mean + across @ cho_solve(cho_factor(among + penalty * diagonal), truth[train] - mean)
            for penalty in penalties
        ]
    )


def mean_of(held: Sequence[Held]) -> np.ndarray:
    """The plain mean of the predictions."""
    return np.mean([one.outer for one in held], axis=0)


def stack_of(held: Sequence[Held], judged: Judged, fold_of: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Predictions weighted by what the inner folds say, and the mean weight of each kernel."""
    outer, weights = np.empty_like(judged.truth), []
    for fold in range(OUTER):
        train, test = fold_of != fold, fold_of == fold
        inner = np.stack([one.inner[fold, train] for one in held])
        weight_M = _weights(inner, judged.truth[train])
        outer[test] = np.tensordot(weight_M, np.stack([one.outer[test] for one in held]), 1)
        weights.append(weight_M)
    return outer, np.mean(weights, axis=0)


def _weights(inner: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Weights of at least 0 with a sum of 1 that make the error small, pulled to their mean."""
    number, scale = len(inner), truth.var()
    flat, wanted = inner.reshape(number, -1), truth.ravel()
    gram = flat @ flat.T / (flat.shape[1] * scale)
    moment = flat @ wanted / (flat.shape[1] * scale)

    def loss(weight_M: np.ndarray) -> float:
        return float(weight_M @ gram @ weight_M - 2 * weight_M @ moment + PULL * ((weight_M - 1 / number) ** 2).sum())

    bounds, total = [(0, 1)] * number, {"type": "eq", "fun": lambda weight_M: weight_M.sum() - 1}
    return np.asarray(minimize(loss, np.full(number, 1 / number), bounds=bounds, constraints=total).x)


def score(predicted: np.ndarray, judged: Judged) -> float:
    """R2 of all samples together; of classes the mean AUROC of one against the rest."""
    if not judged.is_classes:
        return float(r2_score(judged.truth, predicted))
    columns = range(judged.truth.shape[1])
    return float(np.mean([roc_auc_score(judged.truth[:, column], predicted[:, column]) for column in columns]))
