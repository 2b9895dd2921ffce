"""Screening: of very many groups of ASVs those are measured whose shares go most with the predictions.

No truths are looked at, so that what is then measured with them is not biased by the choice.

Legend of shapes: ``N`` samples that are explained, ``G`` groups, ``O`` outputs.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from aam.explain.groups import AsvGroups
from aam.explain.results.association import rank_correlations
from aam.learners.clades import scale_rows, totals


def screened(
    groups: AsvGroups, counts_NA: csr_array, donor_N: np.ndarray, predicted_NO: np.ndarray, most: int
) -> AsvGroups:
    """As many of the groups as so many exchanges allow, at least one, in their order.

    Parameters
    ----------
    groups, counts_NA
        The groups, and the reads of the samples.
    donor_N
        A donor of each sample: a group is exchanged where the sample or the donor has it.
    predicted_NO
        Predictions of the samples. Groups are taken by the largest of their rank correlations with an output.
    most
        Exchanges.
    """
    found = groups.counts(counts_NA)
    has = csr_array((np.ones(found.nnz, dtype=np.int64), found.indices, found.indptr), found.shape)
    cost_G = np.bincount(csr_array(has + has[donor_N]).indices, minlength=len(groups))
    if cost_G.sum() <= most:
        return groups
    shares = scale_rows(csr_array(found, dtype=np.float64), 1 / totals(counts_NA))
    with np.errstate(invalid="ignore"):
        size_G = np.nan_to_num(np.abs(rank_correlations(shares, predicted_NO))).max(axis=1)
    order = np.argsort(-size_G, kind="stable")
    number = max(1, int(np.searchsorted(np.cumsum(cost_G[order]), most, side="right")))
    return groups.take(np.sort(order[:number]))
