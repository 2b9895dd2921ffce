"""What is known of any sample: its reads, its ASVs, how even they are, and how much of it the model knows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.sparse import csr_array

FACTS = {
    "reads": "reads",
    "asvs": "observed ASVs",
    "shannon": "Shannon diversity (bits)",
    "familiar_reads": "share of reads of known ASVs",
    "novelty": "novelty (above 1: unlike the training samples)",
}
"""Name of each fact -> what it is."""
Facts = Mapping[str, np.ndarray]
"""Name of a fact -> its value in each sample, NaN where it is not known."""


def sample_facts(counts_NA: csr_array, familiar_N: np.ndarray, novelty_N: np.ndarray) -> dict[str, np.ndarray]:
    """All facts of the samples of a table (``N``, float64).

    Parameters
    ----------
    counts_NA
        Reads, without explicit zeros.
    familiar_N, novelty_N
        How much of each sample the model knows, and how new it is.

    References
    ----------
    Shannon (1948), doi:10.1002/j.1538-7305.1948.tb01338.x; to the base of 2, as in QIIME 2.
    """
    reads = np.asarray(counts_NA.sum(axis=1), dtype=np.float64).ravel()
    number = np.diff(counts_NA.indptr)
    shares = counts_NA.data / np.repeat(reads, number)
    of_sample = np.repeat(np.arange(len(reads)), number)
    shannon = np.bincount(of_sample, -shares * np.log2(shares), minlength=len(reads))
    values = (reads, number.astype(np.float64), shannon, familiar_N, novelty_N)
    return dict(zip(FACTS, values, strict=True))
