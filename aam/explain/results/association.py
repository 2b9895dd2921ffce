"""How common groups of ASVs are, and whether their shares go with predictions and with true values.

An effect says what a model does with a group; whether the group rises or falls with what is predicted is another
matter, and in the data.

Legend of shapes: ``N`` samples, ``G`` groups, ``O`` outputs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from scipy.stats import rankdata

from aam.explain.groups import AsvGroups
from aam.learners.clades import scale_rows, totals

GROUPS_AT_ONCE = 1_024


@dataclass(frozen=True, kw_only=True, eq=False)
class Association:
    """The groups of a level in the samples that are explained.

    Attributes
    ----------
    level
        The level.
    prevalence_G
        Share of the samples that have each group.
    share_G
        Mean share of the reads.
    correlation_GO
        Spearman's correlation of the group's share with the prediction; NaN where either is the same in all samples.
    truth_correlation_GO
        The same with the true value, among the samples that have one; None where no truths are known.
    """

    level: str
    prevalence_G: np.ndarray
    share_G: np.ndarray
    correlation_GO: np.ndarray
    truth_correlation_GO: np.ndarray | None = None


def associate(
    groups: AsvGroups, counts_NA: csr_array, predicted_NO: np.ndarray, truth_NO: np.ndarray | None = None
) -> Association:
    """Measure how the groups' shares of reads go with predictions and truths.

    Parameters
    ----------
    groups
        The groups.
    counts_NA
        Reads of the samples.
    predicted_NO, truth_NO
        Predictions, and true values (NaN where unknown); of classes, probabilities and 0 or 1.
    """
    shares = scale_rows(csr_array(groups.counts(counts_NA), dtype=np.float64), 1 / totals(counts_NA))
    number = counts_NA.shape[0]
    prevalence_G = np.bincount(shares.indices, minlength=len(groups)) / number
    return Association(
        level=groups.level,
        prevalence_G=prevalence_G,
        share_G=np.asarray(shares.sum(axis=0)).ravel() / number,
        correlation_GO=rank_correlations(shares, predicted_NO),
        truth_correlation_GO=None if truth_NO is None else rank_correlations(shares, truth_NO),
    )


def rank_correlations(shares_NG: csr_array, values_NO: np.ndarray) -> np.ndarray:
    """Spearman's correlation of each column of one matrix with each of the other, among the samples that have a value.

    Returns
    -------
    numpy.ndarray
        ``G x O``; NaN where a column is constant or has fewer than three values.
    """
    found = np.full((shares_NG.shape[1], values_NO.shape[1]), np.nan)
    for output, values in enumerate(values_NO.T):
        known = np.flatnonzero(~np.isnan(values))
        if len(known) < 3:
            continue
        columns = shares_NG[known].tocsc()
        wanted = _standardized(rankdata(values[known])[:, None])[:, 0]
        for start in range(0, shares_NG.shape[1], GROUPS_AT_ONCE):
            some = columns[:, start : start + GROUPS_AT_ONCE].toarray()
            found[start : start + GROUPS_AT_ONCE, output] = wanted @ _standardized(rankdata(some, axis=0))
    return found


def _standardized(ranks: np.ndarray) -> np.ndarray:
    """Columns of mean 0 and length 1; NaN where one is constant."""
    centred = ranks - ranks.mean(axis=0)
    length = np.sqrt((centred**2).sum(axis=0))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(centred / np.where(length > 0, length, np.nan))
