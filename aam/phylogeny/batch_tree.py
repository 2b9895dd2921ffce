"""The part of a tree that a batch of samples has: its branches, and the reads of each sample below them.

Legend: as of :mod:`aam.phylogeny.unifrac`, with ``S`` samples.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array

FEW_VALUES, MOST_VALUES = 1 << 17, 1 << 19
"""Branches times samples that are worked on at once: the few fit a processor's cache, the most little memory."""


class Private(NamedTuple):
    """Branches above a tip that one sample alone has: most of those of rich samples, and of no pair.

    Attributes
    ----------
    sample
        Of each branch.
    length
        Its length.
    reads
        Reads of the sample below it.
    """

    sample: np.ndarray
    length: np.ndarray
    reads: np.ndarray


class BatchTree:
    """The branches above the tips of some samples.

    Parameters
    ----------
    depth_T, parting_T
        As of :class:`~aam.phylogeny.unifrac.Phylogeny`.
    tip_A
        The tip of each column.
    counts_SA
        Reads: whole numbers, of which no zero is stored.

    Attributes
    ----------
    private
        The branches of one tip and one sample.
    """

    def __init__(self, depth_T: np.ndarray, parting_T: np.ndarray, tip_A: np.ndarray, counts_SA: csr_array) -> None:
        self.num_samples = counts_SA.shape[0]
        self.pointers = counts_SA.indptr
        self.reads = counts_SA.data.astype(np.int64)
        tip_of_count = tip_A[counts_SA.indices]
        occurrences_T = np.bincount(tip_of_count, minlength=len(depth_T))
        is_present_T = occurrences_T > 0
        tips_U = np.flatnonzero(is_present_T)
        self.num_tips = len(tips_U)
        self.place = (np.cumsum(is_present_T) - 1)[tip_of_count]
        length, start, end = _branches(depth_T, parting_T, tips_U)
        is_private = (end - start == 1) & (occurrences_T[tips_U] == 1)[start]
        self.private = self._private(length[is_private], start[is_private])
        self.length_N, self.start_N, self.end_N = length[~is_private], start[~is_private], end[~is_private]

    def _private(self, length: np.ndarray, place: np.ndarray) -> Private:
        sample_of_count = np.repeat(np.arange(self.num_samples), np.diff(self.pointers))
        count_of_place = np.empty(self.num_tips, dtype=np.int64)
        count_of_place[self.place] = np.arange(len(self.place))
        counts = count_of_place[place]
        return Private(sample_of_count[counts], length, self.reads[counts])

    def private_sums(self, values: np.ndarray) -> np.ndarray:
        """The sums ``S`` of values of the private branches over those of each sample."""
        sums_S = np.zeros(self.num_samples)
        np.add.at(sums_S, self.private.sample, values)
        return sums_S

    def blocks(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Some of the other branches at a time: their lengths ``N``, and the reads below them ``N x S``."""
        values = min(MOST_VALUES, max(FEW_VALUES, 4 * len(self.reads)))  # each block looks at all reads
        size = max(1, values // self.num_samples)
        for first in range(0, len(self.length_N), size):
            block = slice(first, first + size)
            is_bound = np.zeros(self.num_tips + 1, dtype=bool)
            is_bound[self.start_N[block]] = is_bound[self.end_N[block]] = True
            bounds_until = np.cumsum(is_bound)
            # Reads on the tips before each bound: sums of whole numbers are exact, and faster than those of others.
            shape = (self.num_samples, bounds_until[-1] + 1)
            until_SU = csr_array((self.reads, bounds_until[self.place], self.pointers), shape).toarray()
            np.cumsum(until_SU, axis=1, out=until_SU)
            until_US = np.ascontiguousarray(until_SU.T)
            reads_NS = until_US[bounds_until[self.end_N[block]] - 1]
            reads_NS -= until_US[bounds_until[self.start_N[block]] - 1]
            yield self.length_N[block], reads_NS


def _branches(
    depth_T: np.ndarray, parting_T: np.ndarray, tips_U: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The branches above some tips: their lengths, and the first and the end of the range of tips below them."""
    num_tips = len(tips_U)
    depth_U = depth_T[tips_U]
    parting = np.zeros(num_tips + 1)
    if num_tips > 1:
        between = parting_T[tips_U[0] + 1 : tips_U[-1] + 1]
        parting[1:-1] = np.minimum.reduceat(between, tips_U[:-1] - tips_U[0])
    left, right = nearest_above(parting)
    tip = np.arange(num_tips)
    tip_length = depth_U - np.maximum(parting[:-1], parting[1:])
    inner_length = parting[1:-1] - np.maximum(parting[left], parting[right])
    length = np.concatenate([tip_length, inner_length])
    start, end = np.concatenate([tip, left]), np.concatenate([tip + 1, right])
    order = np.argsort(start, kind="stable")
    order = order[length[order] > 0]
    return length[order], start[order], end[order]


def nearest_above(parting: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the clade below each parting begins and ends: at the nearest partings that are closer to the root.

    Of partings at one node the last one stands for it, the others begin and end where they get no length.
    """
    depth = parting.tolist()
    last = len(depth) - 1
    left, right = [0] * len(depth), [last] * len(depth)
    pending: list[int] = []
    for place in range(1, last):
        while pending and depth[pending[-1]] >= depth[place]:
            right[pending.pop()] = place
        left[place] = pending[-1] if pending else 0
        pending.append(place)
    return np.array(left[1:last], dtype=np.int64), np.array(right[1:last], dtype=np.int64)
