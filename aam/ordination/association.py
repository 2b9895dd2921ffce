"""Whether distances between samples go with what is known of them: PERMANOVA and PERMDISP.

Legend: ``N`` samples, ``G`` levels of a factor.

References
----------
Anderson (2001), A new method for non-parametric multivariate analysis of variance, Austral Ecology 26. McArdle,
Anderson (2001), Fitting multivariate models to community data, Ecology 82 (numbers instead of levels). Anderson (2006),
Distance-based tests for homogeneity of multivariate dispersions, Biometrics 62.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from aam.ordination.ordinations import centred_products
from aam.ordination.permutations import Permutations, p_value


@dataclass(frozen=True, kw_only=True)
class Association:
    """The result of a test.

    Attributes
    ----------
    statistic
        Pseudo-F.
    share
        Share of the sum of squared distances that is explained (R2); NaN for PERMDISP.
    p
        Of the permutations.
    """

    statistic: float
    share: float
    p: float


def permanova(distances_NN: np.ndarray, level_N: np.ndarray, permutations: Permutations) -> Association:
    """PERMANOVA of a factor: whether samples of one level are nearer to each other than to those of others.

    Parameters
    ----------
    distances_NN
        The distances.
    level_N
        Code of each sample's level, from 0 to ``G - 1``, each of which some sample has.
    permutations
        Which samples change places.
    """
    squares_NN = np.square(distances_NN, dtype=np.float64)
    number, levels = len(squares_NN), int(level_N.max()) + 1
    total = float(squares_NN.sum()) / (2 * number)

    def f_of(codes_N: np.ndarray) -> float:
        within = float((_to_levels(squares_NN, codes_N, levels).sum()) / 2)
        return _pseudo_f(total - within, within, levels - 1, number - levels)

    statistic = f_of(level_N)
    found = np.array([f_of(codes_N) for codes_N in permutations.permuted(level_N)])
    within = float(_to_levels(squares_NN, level_N, levels).sum() / 2)
    return Association(statistic=statistic, share=1 - within / total if total else np.nan, p=p_value(statistic, found))


def permanova_of_numbers(distances_NN: np.ndarray, value_N: np.ndarray, permutations: Permutations) -> Association:
    """The same of a number: whether the samples' places change in a straight line with it.

    Parameters
    ----------
    distances_NN, permutations
        As of :func:`permanova`.
    value_N
        The numbers, not all the same.
    """
    products_NN = centred_products(distances_NN)
    total, number = float(np.trace(products_NN)), len(products_NN)
    values = np.column_stack([value_N, *permutations.permuted(value_N)])
    centred = values - values.mean(axis=0)
    squares = np.einsum("np,np->p", centred, centred)
    model = np.einsum("np,np->p", centred, products_NN @ centred) / np.where(squares > 0, squares, np.inf)
    statistics = np.array([_pseudo_f(part, total - part, 1, number - 2) for part in model])
    share = float(model[0] / total) if total else np.nan
    return Association(
        statistic=float(statistics[0]), share=share, p=p_value(float(statistics[0]), np.asarray(statistics[1:]))
    )


def permdisp(distances_NN: np.ndarray, level_N: np.ndarray, permutations: Permutations) -> Association:
    """PERMDISP: whether samples of some levels scatter more about their centroid than those of others.

    Parameters
    ----------
    distances_NN, level_N, permutations
        As of :func:`permanova`.
    """
    number, levels = len(level_N), int(level_N.max()) + 1
    squares_NN = np.square(distances_NN, dtype=np.float64)
    size_G = np.bincount(level_N, minlength=levels)
    to_own_N = _to_levels(squares_NN, level_N, levels)
    spread_G = np.bincount(level_N, to_own_N, levels) / (2 * size_G)
    scatter_N = np.sqrt(np.abs(to_own_N - spread_G[level_N]))

    def f_of(codes_N: np.ndarray) -> float:
        counts = np.bincount(codes_N, minlength=levels)
        means = np.bincount(codes_N, scatter_N, levels) / np.maximum(counts, 1)
        within = float(((scatter_N - means[codes_N]) ** 2).sum())
        total = float(((scatter_N - scatter_N.mean()) ** 2).sum())
        return _pseudo_f(total - within, within, levels - 1, number - levels)

    statistic = f_of(level_N)
    found = np.array([f_of(codes_N) for codes_N in permutations.permuted(level_N)])
    return Association(statistic=statistic, share=np.nan, p=p_value(statistic, found))


def _to_levels(squares_NN: np.ndarray, codes_N: np.ndarray, levels: int) -> np.ndarray:
    """Mean squared distance of each sample from those of its level, itself among them (``N``)."""
    number = len(codes_N)
    size_G = np.bincount(codes_N, minlength=levels)
    order = np.argsort(codes_N, kind="stable")
    means_GN = csr_array(
        (1.0 / size_G[codes_N[order]], order, np.concatenate([[0], np.cumsum(size_G)])), (levels, number)
    )
    found: np.ndarray = (means_GN @ squares_NN)[codes_N, np.arange(number)]
    return found


def _pseudo_f(between: float, within: float, upper: int, lower: int) -> float:
    if upper < 1 or lower < 1 or within <= 0:
        return float("nan")
    return (between / upper) / (within / lower)
