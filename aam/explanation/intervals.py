"""Intervals of mean effects, from groups of samples that are drawn whole.

Legend of shapes: ``N`` samples, ``G`` things, ``O`` outputs, ``R`` bootstrap draws, ``C`` cells of units.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

DRAWS = 1_000
LEVEL = 0.95
THINGS_AT_ONCE = 1_024


def bootstrap_interval(
    by_sample_NGO: np.ndarray,
    has_NG: np.ndarray,
    unit_N: np.ndarray,
    *,
    seed: int,
    draws: int = DRAWS,
    crossed: Sequence[np.ndarray] = (),
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The mean effect over the samples that have a thing, with the ends of its percentile interval.

    Parameters
    ----------
    by_sample_NGO
        Effect in each sample; 0 where the thing is absent, NaN where it is not known, which then does not count.
    has_NG
        Which samples have it.
    unit_N
        Unit of each sample; units are drawn whole.
    seed, draws
        Of the bootstrap.
    crossed
        Further divisions of the samples, each as ``unit_N``: by model, or by draw of reads. Each is drawn from by
        itself, and a sample counts as often as all that it belongs to together.

    Returns
    -------
    tuple of numpy.ndarray
        Mean, low and high, each ``G x O``; NaN without such a sample, and the ends NaN where one unit alone has the
        thing.

    References
    ----------
    Field, Welsh (2007), Bootstrapping clustered data, Journal of the Royal Statistical Society B 69. Owen (2007), The
    pigeonhole bootstrap, Annals of Applied Statistics 1.
    """
    cells, weight_RC, cell_N = _drawn(unit_N, crossed, seed, draws)
    number, things, outputs = by_sample_NGO.shape
    place_N = np.unique(unit_N, return_inverse=True)[1].ravel()
    of_cell_CN = np.zeros((cells, number))
    of_cell_CN[cell_N, np.arange(number)] = 1
    mean, low, high = (np.full((things, outputs), np.nan) for _ in range(3))
    for start in range(0, things, THINGS_AT_ONCE):
        some = slice(start, start + THINGS_AT_ONCE)
        for output in range(outputs):
            values = by_sample_NGO[:, some, output]
            known = has_NG[:, some] & ~np.isnan(values)
            several_G = _num_units(known, place_N) > 1
            count_CG = of_cell_CN @ known.astype(np.float64)
            sum_CG = of_cell_CN @ np.where(known, values, 0.0)
            with np.errstate(invalid="ignore", divide="ignore"):
                mean[some, output] = sum_CG.sum(axis=0) / count_CG.sum(axis=0)
                means_RG = (weight_RC @ sum_CG) / (weight_RC @ count_CG)
            ends = np.full((2, len(several_G)), np.nan)
            ends[:, several_G] = np.nanquantile(means_RG[:, several_G], [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
            low[some, output], high[some, output] = ends
    return mean, low, high


def _drawn(
    unit_N: np.ndarray, crossed: Sequence[np.ndarray], seed: int, draws: int
) -> tuple[int, np.ndarray, np.ndarray]:
    """Number of cells (of units that occur together), how often each is drawn (``R x C``), and each sample's cell."""
    rng = np.random.default_rng(seed)
    table = np.stack([unit_N, *crossed], axis=1)
    cells, cell_N = np.unique(table, axis=0, return_inverse=True)
    weight_RC = np.ones((draws, len(cells)))
    for column in cells.T:
        units, place_C = np.unique(column, return_inverse=True)
        if len(units) > 1:
            drawn_RU = rng.multinomial(len(units), np.full(len(units), 1 / len(units)), size=draws)
            weight_RC *= drawn_RU[:, place_C.ravel()]
    return len(cells), weight_RC, cell_N.ravel()


def _num_units(has_NG: np.ndarray, place_N: np.ndarray) -> np.ndarray:
    """How many units have each thing."""
    of_unit_UN = np.zeros((place_N.max() + 1, len(place_N)))
    of_unit_UN[place_N, np.arange(len(place_N))] = 1
    return np.asarray((of_unit_UN @ has_NG.astype(np.float64) > 0).sum(axis=0))
