"""Steps on the counts of a table that never make a copy of all of them in memory.

What is small is done at once, with the same result. Legend of shapes: ``N`` samples, ``A`` ASVs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from aam.files import scratch
from aam.files.scratch import BLOCK, blocks, is_on_disk, new_array
from aam.text import format_bytes

LARGEST_INT32 = np.iinfo(np.int32).max


def row_blocks(counts: csr_array, entries: int = BLOCK) -> Iterator[tuple[slice, csr_array]]:
    """The samples in parts of about so many counts, of one sample at least."""
    indptr, number = counts.indptr, counts.shape[0]
    start = 0
    while start < number:
        # The pointer may be of 32 bits, and its sum with the entries beyond them.
        end = int(np.searchsorted(indptr, int(indptr[start]) + entries, side="right")) - 1
        end = min(max(end, start + 1), number)
        yield slice(start, end), rows_between(counts, start, end)
        start = end


def rows_between(counts: csr_array, start: int, end: int) -> csr_array:
    """Some samples that follow each other; scipy may copy their counts, those of no others."""
    first, last = counts.indptr[start], counts.indptr[end]
    parts = (counts.data[first:last], counts.indices[first:last], counts.indptr[start : end + 1] - first)
    return csr_array(parts, shape=(end - start, counts.shape[1]))


def times_vector(counts: csr_array, values_A: np.ndarray) -> np.ndarray:
    """The product ``counts @ values_A``, for which scipy would make all counts of the type of the values."""
    found = np.zeros(counts.shape[0], dtype=np.result_type(counts.dtype, values_A.dtype))
    for rows, some in row_blocks(counts):
        found[rows] = some @ values_A
    return found


def prevalence(counts: csr_array) -> np.ndarray:
    """For each ASV the number of samples that have it (int64), of counts without zeros."""
    found = np.zeros(counts.shape[1], dtype=np.int64)
    for block in blocks(counts.nnz):
        found += np.bincount(counts.indices[block], minlength=counts.shape[1])
    return found


def present(counts: csr_array) -> np.ndarray:
    """For each ASV whether a sample has it, of counts without zeros."""
    found = np.zeros(counts.shape[1], dtype=bool)
    for block in blocks(counts.nnz):
        found[counts.indices[block]] = True
    return found


def select_rows(counts: csr_array, rows: np.ndarray) -> csr_array:
    """These samples, in this order; where these are all, as they are, the counts themselves."""
    sizes = np.diff(counts.indptr)[rows].astype(np.int64)
    if sizes.sum() <= BLOCK:
        return counts[rows]
    if len(rows) == counts.shape[0] and np.array_equal(rows, np.arange(len(rows))):
        return counts
    found = _Filled(int(sizes.sum()), (len(rows), counts.shape[1]), counts.indices.dtype)
    ends = np.cumsum(sizes)
    start = 0
    while start < len(rows):
        done = int(ends[start - 1]) if start else 0
        end = max(start + 1, int(np.searchsorted(ends, done + BLOCK, side="right")))
        found.add(counts[rows[start:end]])
        start = end
    return found.counts(sizes)


def select_columns(counts: csr_array, columns: np.ndarray) -> csr_array:
    """These ASVs, whose places ascend; samples without any of them stay."""
    new_A = np.full(counts.shape[1], -1, dtype=np.int64)
    new_A[columns] = np.arange(len(columns))
    kept = sum(int(np.count_nonzero(new_A[counts.indices[block]] >= 0)) for block in blocks(counts.nnz))
    found = _Filled(kept, (counts.shape[0], len(columns)), counts.indices.dtype)
    sizes = np.zeros(counts.shape[0], dtype=np.int64)
    for rows, some in row_blocks(counts):
        new = new_A[some.indices]
        is_kept = new >= 0
        sizes[rows] = np.diff(np.concatenate([[0], np.cumsum(is_kept)])[some.indptr])
        found.append(some.data[is_kept], new[is_kept])
    return found.counts(sizes)


def stack(parts: Sequence[csr_array]) -> csr_array:
    """The samples of all parts, which have the same ASVs, one below the other."""
    if len(parts) == 1:
        return parts[0]
    shape = (sum(part.shape[0] for part in parts), parts[0].shape[1])
    number = sum(part.nnz for part in parts)
    found = _Filled(number, shape, np.dtype(index_type(number, shape)))
    for part in parts:
        for block in blocks(part.nnz):
            found.append(part.data[block], part.indices[block])
    return found.counts(np.concatenate([np.diff(part.indptr) for part in parts]))


def without_zeros(
    number: int, shape: tuple[int, int], dtype: Any, parts: Iterator[tuple[int, np.ndarray]]
) -> csr_array:
    """The matrix of a dense one that is given in parts.

    Parameters
    ----------
    number
        How many of its values are not 0.
    shape, dtype
        Of the dense one.
    parts
        Some of its rows at a time, in order, each with the place of the first.
    """
    kind = index_type(number, shape)
    data, indices = new_array(number, dtype), new_array(number, kind)
    sizes, done = np.zeros(shape[0] + 1, dtype=kind), 0
    for start, values in parts:
        rows, columns = np.nonzero(values)
        where = slice(done, done + len(rows))
        data[where], indices[where] = values[rows, columns], columns
        sizes[start + 1 : start + 1 + len(values)] = np.bincount(rows, minlength=len(values))
        done += len(rows)
    return csr_array((data, indices, np.cumsum(sizes, dtype=kind)), shape=shape)


def is_large(counts: csr_array) -> bool:
    """Whether counts that are read anew would lie on the disk."""
    return bool(counts.data.nbytes > scratch.IN_MEMORY_BYTES)


def size_words(counts: csr_array) -> str:
    """How many counts there are, what they take, and whether they are in memory."""
    size = format_bytes(counts.data.nbytes + counts.indices.nbytes + counts.indptr.nbytes)
    where = "read from the disk where they are needed" if is_on_disk(counts.data) else "in memory"
    return f"{counts.nnz:,} that are not 0, {size}, {where}"


def index_type(number: int, shape: Sequence[int]) -> type[np.int32 | np.int64]:
    """The type of the places of so many counts: what scipy takes without making another."""
    return np.int32 if max(number, *shape) <= LARGEST_INT32 else np.int64


class _Filled:
    """Counts that are written one after another, in memory or on the disk."""

    def __init__(self, number: int, shape: tuple[int, int], kind: np.dtype[Any]) -> None:
        self.kind, self.shape, self._done = kind, shape, 0
        self.data, self.indices = new_array(number, np.int64), new_array(number, kind)

    def add(self, some: csr_array) -> None:
        """Take the counts of some samples."""
        self.append(some.data, some.indices)

    def append(self, data: np.ndarray, indices: np.ndarray) -> None:
        """Take some counts and their ASVs."""
        where = slice(self._done, self._done + len(data))
        self.data[where], self.indices[where] = data, indices
        self._done += len(data)

    def counts(self, sizes: np.ndarray) -> csr_array:
        """All of them, so many in each sample."""
        assert self._done == len(self.data), "counts are lacking"
        indptr = np.zeros(len(sizes) + 1, dtype=self.kind)
        np.cumsum(sizes, out=indptr[1:])
        return csr_array((self.data, self.indices, indptr), shape=self.shape)
