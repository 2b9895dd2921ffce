"""Whether errors go along with something else that is known of the samples.

Without groups: Spearman's correlation with a number, the test of Kruskal and Wallis for levels. Samples of one group
are alike, which makes p values of these tests far too small. So where there are groups,

- what is the same in all samples of each group is compared with the mean error of each group, by the same tests;
- what differs within groups is compared by a regression of the ranks of the errors (on the ranks of a number, or on
  levels) whose errors may be correlated within groups, and a Wald test with as many degrees of freedom as there are
  groups, less one (Liang and Zeger 1986; the correction of Stata and statsmodels for few groups).

Legend: ``N`` samples, ``G`` groups, ``K`` coefficients.

References
----------
Spearman (1904), doi:10.2307/1412159. Kruskal, Wallis (1952), doi:10.1080/01621459.1952.10483441.
Liang, Zeger (1986), doi:10.1093/biomet/73.1.13. Cameron, Miller (2015), doi:10.3368/jhr.50.2.317 (few groups).
Tomczak, Tomczak (2014), The need to report effect size estimates revisited, Trends Sport Sci. 1:19 (epsilon squared).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import f as f_distribution
from scipy.stats import kruskal, rankdata, spearmanr
from scipy.stats.contingency import association

from aam.evaluation.errors.columns import LEAST_IN_LEVEL, Usable, common_levels
from aam.evaluation.false_discovery import corrected

LEAST_UNITS = 10
"""Samples, or groups, below which nothing is tested."""
LEAST_GROUPS_IN_LEVEL = 5
"""Of a level that differs within groups: with fewer, the spread over groups is not known."""
STRONG = 0.7
"""Strength from which on a column goes along with the target itself."""
SPEARMAN, KRUSKAL = "Spearman", "Kruskal-Wallis"


@dataclass(frozen=True, kw_only=True)
class Association:
    """How errors go along with one column.

    Attributes
    ----------
    column
        Its name.
    test
        ``Spearman`` of numbers, ``Kruskal-Wallis`` of levels.
    unit
        What was counted: ``samples``; ``groups``, of which each has one value; or ``samples in groups``.
    num_samples, num_units
        Samples with a value; and what was counted.
    num_levels
        Levels that were compared; 0 for numbers.
    effect
        Spearman's correlation (-1 to 1), or epsilon squared: the share of the variance of ranks between levels (0 to
        1).
    p, q
        Of no association; and the false discovery rate at which it would be taken for one (Benjamini and Hochberg). NaN
        where nothing can be tested.
    """

    column: str
    test: str
    unit: str
    num_samples: int
    num_units: int
    num_levels: int
    effect: float
    p: float
    q: float = np.nan


def associate(error_N: np.ndarray, column: Usable, groups: np.ndarray | None = None) -> Association:
    """Compare errors with one column.

    Parameters
    ----------
    error_N
        How wrong each prediction is.
    column
        What is known of the same samples.
    groups
        Group of each; None where each stands for itself.
    """
    values = column.values if column.is_number else common_levels(column.values, LEAST_IN_LEVEL)
    known = dataclasses.replace(column, values=values).known
    error_N, values = error_N[known], values[known]
    own = None if groups is None else groups[known].astype(str)
    num_samples = len(values)
    unit = "samples"
    if own is not None:
        error_N, values, own, unit = _by_group(error_N, values, own)
    if not column.is_number:
        least = LEAST_IN_LEVEL if own is None else 1
        kept = _common(values, own, least)
        error_N, values, own = error_N[kept], values[kept], None if own is None else own[kept]
    num_units = len(values) if own is None else len(np.unique(own))
    levels = 0 if column.is_number else len(np.unique(values.astype(str)))
    effect, p = np.nan, np.nan
    if num_units >= LEAST_UNITS and len(np.unique(values.astype(str))) > 1 and np.ptp(error_N) > 0:
        effect, p = _numbers(error_N, values, own) if column.is_number else _levels(error_N, values, own)
    return Association(
        column=column.name,
        test=SPEARMAN if column.is_number else KRUSKAL,
        unit=unit,
        num_samples=num_samples,
        num_units=num_units,
        num_levels=levels,
        effect=effect,
        p=p,
    )


def with_false_discovery(found: Sequence[Association]) -> list[Association]:
    """The same with q values, over all that were tested."""
    q = corrected(np.array([one.p for one in found], dtype=np.float64))
    return [dataclasses.replace(one, q=float(own)) for one, own in zip(found, q, strict=True)]


def strength(values_N: np.ndarray, column: Usable) -> float:
    """How closely a column goes along with the target: 0 not at all, 1 it says the same in other words.

    The size of Spearman's correlation of two numbers; the root of epsilon squared of a number in levels or classes;
    Cramér's V of two kinds of levels. NaN where it is not defined.

    References
    ----------
    Cramér (1946), Mathematical Methods of Statistics, section 21.9.
    """
    known = column.known
    own, other = values_N[known], column.values[known]
    if len(own) < LEAST_UNITS or len(set(own)) < 2 or len(set(other)) < 2:
        return float("nan")
    is_number = own.dtype == np.float64
    if is_number and column.is_number:
        return abs(float(spearmanr(own, other).statistic))
    if is_number or column.is_number:
        numbers, labels = (own, other) if is_number else (other, own)
        return float(np.sqrt(np.clip(_levels(numbers, labels, None)[0], 0, 1)))
    codes = tuple(np.unique(labels.astype(str), return_inverse=True)[1] for labels in (own, other))
    table = np.zeros((codes[0].max() + 1, codes[1].max() + 1), dtype=np.int64)
    np.add.at(table, codes, 1)
    return float(association(table, method="cramer"))


def _by_group(
    error_N: np.ndarray, values: np.ndarray, groups: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, str]:
    """A mean error and the value of each group, where each has one; else all samples with their groups."""
    names, first, place = np.unique(groups, return_index=True, return_inverse=True)
    if len(names) == len(groups):
        return error_N, values, None, "samples"
    if not (values[first][place] == values).all():
        return error_N, values, groups, "samples in groups"
    return np.bincount(place, error_N) / np.bincount(place), values[first], None, "groups"


def _common(labels_N: np.ndarray, groups: np.ndarray | None, least: int) -> np.ndarray:
    """Which samples have a level that enough samples, or groups, have."""
    if groups is None:
        return np.asarray(common_levels(labels_N, least) != "", dtype=bool)
    pairs = {(str(label), group) for label, group in zip(labels_N, groups, strict=True)}
    times: dict[str, int] = {}
    for label, _ in pairs:
        times[label] = times.get(label, 0) + 1
    return np.array([times[str(label)] >= LEAST_GROUPS_IN_LEVEL for label in labels_N], dtype=bool)


def _numbers(error_N: np.ndarray, values: np.ndarray, groups: np.ndarray | None) -> tuple[float, float]:
    effect, p = map(float, spearmanr(error_N, values))
    if groups is None:
        return effect, p
    design = np.column_stack([np.ones(len(values)), rankdata(values)])
    return effect, clustered_p(rankdata(error_N), design, groups)


def _levels(error_N: np.ndarray, labels: np.ndarray, groups: np.ndarray | None) -> tuple[float, float]:
    names, place = np.unique(labels.astype(str), return_inverse=True)
    statistic, p = map(float, kruskal(*(error_N[place == code] for code in range(len(names)))))
    effect = statistic / (len(labels) - 1)
    if groups is None:
        return effect, p
    design = np.column_stack([np.ones(len(labels)), *(place == code for code in range(1, len(names)))])
    return effect, clustered_p(rankdata(error_N), design.astype(np.float64), groups)


def clustered_p(values_N: np.ndarray, design_NK: np.ndarray, groups: np.ndarray) -> float:
    """Whether all coefficients but the first are 0, where errors may be correlated within groups.

    Parameters
    ----------
    values_N
        What is regressed.
    design_NK
        On what; the first column is the constant.
    groups
        Group of each sample.

    Returns
    -------
    float
        The p value of the Wald test; NaN where there are too few groups for as many coefficients.
    """
    number, size = design_NK.shape
    place = np.unique(groups, return_inverse=True)[1]
    num_groups = int(place.max()) + 1
    if num_groups <= size or np.linalg.matrix_rank(design_NK) < size:
        return float("nan")
    bread = np.linalg.inv(design_NK.T @ design_NK)
    beta = bread @ design_NK.T @ values_N
    scores = design_NK * (values_N - design_NK @ beta)[:, None]
    sums_GK = np.stack([np.bincount(place, scores[:, k]) for k in range(size)], axis=1)
    correction = num_groups / (num_groups - 1) * (number - 1) / (number - size)
    covariance = correction * bread @ (sums_GK.T @ sums_GK) @ bread
    tested = covariance[1:, 1:]
    if np.linalg.matrix_rank(tested) < size - 1:
        return float("nan")
    statistic = float(beta[1:] @ np.linalg.solve(tested, beta[1:])) / (size - 1)
    return float(f_distribution.sf(statistic, size - 1, num_groups - 1))
