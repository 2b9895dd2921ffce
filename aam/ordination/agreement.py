"""How far two sets of distances between the same samples agree: Mantel's test, and Procrustes analysis.

Legend: ``N`` samples, ``K`` axes.

References
----------
Mantel (1967), The detection of disease clustering and a generalized regression approach, Cancer Research 27. Gower
(1975), Generalized Procrustes analysis, Psychometrika 40. Jackson (1995), PROTEST: a Procrustean randomization test of
community environment concordance, Ecoscience 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.stats import rankdata

from aam.ordination.permutations import p_value


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How far two sets of distances agree.

    Attributes
    ----------
    correlation
        1 where they agree perfectly.
    p
        Of the permutations of the samples of one: of both signs for Mantel's test, of a larger one for Procrustes.
    """

    correlation: float
    p: float


def mantel(
    first_NN: np.ndarray,
    second_NN: np.ndarray,
    method: Literal["pearson", "spearman"],
    permutations: int,
    seed: int = 42,
) -> Agreement:
    """Mantel's test: the correlation of the distances of all pairs of samples.

    Parameters
    ----------
    first_NN, second_NN
        The distances.
    method
        Of the distances themselves, or of their ranks.
    permutations, seed
        Permutations of the samples of the second matrix.
    """
    pairs = np.triu_indices(len(first_NN), 1)
    first, second = (_standard(matrix[pairs], method) for matrix in (first_NN, second_NN))
    observed = float(first @ second)
    # float32 halves the time of what is nothing but reading; its rounding is far below the spread of permutations
    one, other = (_square(values, pairs, len(first_NN)) for values in (first, second))
    rng, found = np.random.default_rng(seed), np.empty(permutations)
    for place in range(permutations):
        order = rng.permutation(len(one))
        found[place] = np.vdot(one, other[order][:, order]) / 2
    p = p_value(abs(observed), np.abs(found)) if np.isfinite(observed) else np.nan
    return Agreement(correlation=observed, p=p)


def procrustes(first_NK: np.ndarray, second_NK: np.ndarray, permutations: int, seed: int = 42) -> Agreement:
    """Procrustes correlation of two ordinations, and its test (PROTEST).

    One is moved, turned, mirrored and scaled to fit the other; the correlation is ``sqrt(1 - m2)``, where ``m2`` is the
    sum of squares that is left (:func:`scipy.spatial.procrustes`).

    Parameters
    ----------
    first_NK, second_NK
        Coordinates, of as many axes.
    permutations, seed
        Permutations of the samples of the second ordination.
    """
    first, second = (_of_unit_size(points) for points in (first_NK, second_NK))
    observed = _fit(first, second)
    rng = np.random.default_rng(seed)
    found = np.array([_fit(first, second[rng.permutation(len(second))]) for _ in range(permutations)])
    return Agreement(correlation=observed, p=p_value(observed, found))


def _fit(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.linalg.svd(first.T @ second, compute_uv=False).sum())


def _of_unit_size(points_NK: np.ndarray) -> np.ndarray:
    centred = points_NK - points_NK.mean(axis=0)
    return np.asarray(centred / (np.linalg.norm(centred) or 1.0))


def _standard(values: np.ndarray, method: str) -> np.ndarray:
    """Values, or their ranks, with a mean of 0 and a sum of squares of 1 (NaN where all are the same)."""
    used = rankdata(values) if method == "spearman" else np.asarray(values, dtype=np.float64)
    centred = used - used.mean()
    size = float(np.linalg.norm(centred))
    return np.asarray(centred / size) if size > 0 else np.full(len(used), np.nan)


def _square(values: np.ndarray, pairs: tuple[np.ndarray, np.ndarray], number: int) -> np.ndarray:
    matrix = np.zeros((number, number), dtype=np.float32)
    matrix[pairs] = values
    return matrix + matrix.T
