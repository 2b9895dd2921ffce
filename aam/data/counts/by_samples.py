"""Counts that a file keeps by ASV, put in order by sample, block by block.

Legend of shapes: ``N`` samples, ``E`` counts.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from aam.data.counts.blocks import index_type
from aam.files.scratch import IN_MEMORY_BYTES, blocks, new_array
from aam.progress import Bar


def by_samples(source: str, by_asv: csr_array) -> csr_array:
    """Samples x ASVs of a matrix of ASVs x samples; the counts of a large table lie on the disk.

    A counting sort: it takes the memory of a block of counts and of a number for each sample.

    Parameters
    ----------
    source
        The file's name, for the progress bar of a large one.
    by_asv
        ASVs x samples, of which nothing but the pointers need be in memory.

    Returns
    -------
    scipy.sparse.csr_array
        Samples x ASVs; in each sample in the order of the ASVs.
    """
    data_E, samples_E, ends_A, shape = by_asv.data, by_asv.indices, by_asv.indptr, by_asv.shape[::-1]
    number, kind = len(data_E), np.dtype(index_type(len(data_E), shape))
    indptr = np.zeros(shape[0] + 1, dtype=np.int64)
    for block in blocks(number):
        indptr[1:] += np.bincount(samples_E[block], minlength=shape[0])
    np.cumsum(indptr, out=indptr)
    data, asvs = new_array(number, data_E.dtype), new_array(number, kind)
    free_N = indptr[:-1].copy()
    is_shown = data_E.nbytes > IN_MEMORY_BYTES
    with Bar(f"putting {source} in order by sample", "values", number, wanted=is_shown) as bar:
        for block in blocks(number):
            # Stable: the counts of a sample stay in the order of the ASVs.
            order = np.argsort(samples_E[block], kind="stable")
            samples = samples_E[block][order]
            found, first, times = np.unique(samples, return_index=True, return_counts=True)
            place = np.arange(len(samples)) - np.repeat(first, times) + np.repeat(free_N[found], times)
            free_N[found] += times
            data[place] = data_E[block][order]
            asvs[place] = _asvs(ends_A, block)[order]
            bar.advance(len(samples))
    return csr_array((data, asvs, indptr.astype(kind)), shape=shape)


def _asvs(ends_A: np.ndarray, block: slice) -> np.ndarray:
    """ASV of each count of a block."""
    first, last = np.searchsorted(ends_A, [block.start, block.stop - 1], side="right") - 1
    inside = np.clip(ends_A[first : last + 2], block.start, block.stop)
    return np.repeat(np.arange(first, last + 1), np.diff(inside))
