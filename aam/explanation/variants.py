"""Variants of samples in which groups of ASVs are other: each set of the ASVs that a sample holds once.

Groups that hold the same of a sample's ASVs, such as nested clades, are one variant: each ASV has a random number of 64
bits, and a set is known by their sum.

Legend of shapes: ``N`` samples that are explained, ``A`` ASVs, ``G`` groups, ``V`` variants.

References
----------
Zobrist (1970), A new hashing method with application for game playing (a number for each set).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.sparse import csr_array, vstack

from aam.explanation.groups import AsvGroups

AT_ONCE = 1_024
"""Variants that are predicted together."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Variants:
    """Which ASVs of which sample are other.

    Attributes
    ----------
    sample_V
        Place of the sample among the explained ones.
    group_V
        Which of the groups of all levels, one level after the other.
    members
        Which ASVs are in each of them, of 0 and 1.
    variant
        For each level, which variant is that of each group of each sample: sparse ``N x G`` of its number + 1.
    """

    sample_V: np.ndarray
    group_V: np.ndarray
    members: csr_array
    variant: tuple[csr_array, ...]

    def __len__(self) -> int:
        return len(self.sample_V)

    def members_of(self, some: slice) -> csr_array:
        """Which ASVs are other in some of the variants, of 0 and 1."""
        return csr_array(self.members[self.group_V[some]])


def variants(held_NA: csr_array, levels: Sequence[AsvGroups], *, whole: bool) -> Variants:
    """The variants of all groups of which a sample holds something.

    Parameters
    ----------
    held_NA
        What samples hold (numbers above 0), without zeros.
    levels
        The groups.
    whole
        With those that are all that a sample holds.
    """
    members = csr_array(vstack([level.members for level in levels], format="csr"))
    number_A = np.random.default_rng(0).integers(1, 2**63, members.shape[1], dtype=np.int64).astype(np.uint64)
    there = csr_array((np.ones(held_NA.nnz, dtype=np.uint64), held_NA.indices, held_NA.indptr), held_NA.shape)
    by_asv = csr_array(members.T.astype(np.uint64))
    size = csr_array(there @ by_asv)
    keys = csr_array(csr_array((number_A[there.indices], there.indices, there.indptr), there.shape) @ by_asv)
    # No number is 0, and no sum but by a chance of 2^-64: both products have the same places.
    size.sort_indices()
    keys.sort_indices()
    sample, group = np.repeat(np.arange(size.shape[0]), np.diff(size.indptr)), size.indices
    counts = whole | (size.data < np.diff(held_NA.indptr)[sample].astype(np.uint64))
    sample, group = sample[counts].astype(np.int64), group[counts].astype(np.int64)
    _, first, place = np.unique(_pairs(sample, keys.data[counts]), return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")
    number_of = np.empty(len(first), dtype=np.int64)
    number_of[order] = np.arange(len(first))
    first = first[order]
    variant = csr_array((number_of[place.ravel()] + 1, (sample, group)), (size.shape[0], members.shape[0]))
    ends = np.cumsum([0, *map(len, levels)])
    parts = [csr_array(variant[:, start:end]) for start, end in pairwise(ends)]
    return Variants(sample_V=sample[first], group_V=group[first], members=members, variant=tuple(parts))


def _pairs(sample: np.ndarray, key: np.ndarray) -> np.ndarray:
    """Sample and key as one value that can be sorted."""
    pairs = np.empty(len(sample), dtype=[("sample", np.int64), ("key", np.uint64)])
    pairs["sample"], pairs["key"] = sample, key
    return pairs
