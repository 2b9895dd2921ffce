"""Distances between samples from their counts alone.

Legend: ``B`` samples of a batch, ``A`` ASVs of the study, ``U`` ASVs that any sample of the batch has.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

PSEUDOCOUNT = 1.0


def bray_curtis(counts_BA: csr_array) -> np.ndarray:
    """Bray-Curtis dissimilarity ``B x B``: the share of all reads of two samples that they do not have in common.

    References
    ----------
    Bray and Curtis 1957, Ecol. Monogr. 27:325. https://doi.org/10.2307/1942268
    """
    counts_UB = _present(counts_BA)
    reads_B = counts_UB.sum(axis=0)
    shared_BB = np.zeros((len(reads_B), len(reads_B)))
    for sample, own_U in enumerate(counts_UB.T):
        present = np.flatnonzero(own_U)
        shared_BB[sample, sample:] = np.minimum(counts_UB[present, sample:], own_U[present, None]).sum(axis=0)
    return _symmetric(1.0 - 2.0 * shared_BB / (reads_B[:, None] + reads_B))


def jaccard(counts_BA: csr_array) -> np.ndarray:
    """Jaccard distance of presence ``B x B``: the share of the ASVs of two samples that only one of them has.

    References
    ----------
    Jaccard 1912, New Phytol. 11:37. https://doi.org/10.1111/j.1469-8137.1912.tb05611.x
    """
    present_UB = (_present(counts_BA) > 0).astype(np.float64)
    shared_BB = present_UB.T @ present_UB
    richness_B = present_UB.sum(axis=0)
    return _symmetric(1.0 - shared_BB / (richness_B[:, None] + richness_B - shared_BB))


def aitchison(counts_BA: csr_array) -> np.ndarray:
    """Aitchison distance ``B x B``: the Euclidean distance of centred log-ratios, with 1 added to every count.

    The ratios are those of all ``A`` ASVs, so the distance of two samples does not depend on the rest of their batch.
    An ASV that both lack adds nothing but its place in the mean; so the others are enough.

    References
    ----------
    Aitchison 1982, J. R. Stat. Soc. B 44:139. https://doi.org/10.1111/j.2517-6161.1982.tb01195.x
    """
    logs_UB = np.log(_present(counts_BA) + PSEUDOCOUNT)
    products_BB = logs_UB.T @ logs_UB
    squares_B, sums_B = np.diagonal(products_BB), logs_UB.sum(axis=0)
    means_BB = (sums_B[:, None] - sums_B) ** 2 / counts_BA.shape[1]
    return np.sqrt(_symmetric(squares_B[:, None] + squares_B - 2.0 * products_BB - means_BB))


def _present(counts_BA: csr_array) -> np.ndarray:
    """Counts ``U x B`` (float64) of the ASVs that any of the samples has."""
    asvs_U, places = np.unique(counts_BA.indices, return_inverse=True)
    shape = (counts_BA.shape[0], len(asvs_U))
    return np.ascontiguousarray(csr_array((counts_BA.data, places, counts_BA.indptr), shape).toarray().T, np.float64)


def _symmetric(upper_BB: np.ndarray) -> np.ndarray:
    """The upper triangle on both sides, with nothing below 0 from rounding and 0 on the diagonal."""
    values_BB = np.maximum(np.triu(upper_BB, k=1), 0.0)
    return values_BB + values_BB.T
