"""Intervals of mean effects, from groups of samples that are drawn whole.

Legend of shapes: ``N`` samples, ``G`` things, ``O`` outputs, ``R`` bootstrap draws, ``U`` units.
"""

from __future__ import annotations

import numpy as np

DRAWS = 1_000
LEVEL = 0.95


def bootstrap_interval(
    by_sample_NGO: np.ndarray, has_NG: np.ndarray, unit_N: np.ndarray, *, seed: int, draws: int = DRAWS
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The mean effect over the samples that have a thing, with the ends of its percentile interval.

    Parameters
    ----------
    by_sample_NGO
        Effect in each sample; 0 where the thing is absent.
    has_NG
        Which samples have it.
    unit_N
        Unit of each sample; units are drawn whole.
    seed, draws
        Of the bootstrap.

    Returns
    -------
    tuple of numpy.ndarray
        Mean, low and high, each ``G x O``; NaN without such a sample, and the ends NaN where one unit alone has the
        thing.

    References
    ----------
    Field, Welsh (2007), Bootstrapping clustered data, Journal of the Royal Statistical Society B 69.
    """
    units, place_N = np.unique(unit_N, return_inverse=True)
    number, _, outputs = by_sample_NGO.shape
    has = has_NG.astype(np.float64)
    of_unit_UN = np.zeros((len(units), number))
    of_unit_UN[place_N, np.arange(number)] = 1
    count_UG = of_unit_UN @ has
    drawn_RU = np.random.default_rng(seed).multinomial(len(units), np.full(len(units), 1 / len(units)), size=draws)
    count_RG = drawn_RU @ count_UG
    mean, low, high = (np.full(by_sample_NGO.shape[1:], np.nan) for _ in range(3))
    alone_G = (count_UG > 0).sum(axis=0) < 2
    for output in range(outputs):
        sum_UG = of_unit_UN @ (by_sample_NGO[:, :, output] * has)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean[:, output] = sum_UG.sum(axis=0) / count_UG.sum(axis=0)
            means_RG = (drawn_RU @ sum_UG) / count_RG
        known_G = ~np.isnan(means_RG).all(axis=0)
        ends = np.nanquantile(means_RG[:, known_G], [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
        low[known_G, output], high[known_G, output] = ends
    low[alone_G], high[alone_G] = np.nan, np.nan
    return mean, low, high
