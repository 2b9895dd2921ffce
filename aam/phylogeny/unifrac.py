"""UniFrac distances and Faith's phylogenetic diversity of a batch of samples.

Legend: ``B`` samples, ``A`` columns of a table (ASVs), ``T`` tips of the tree from left to right, ``U`` tips that the
batch has, ``N`` branches above them.

The tree is held as its outline: how far each tip is from the root, and how far the node at which it parts from its
left neighbour. Two tips part at the smallest of the distances between them, so the tree of a batch takes a look at
``T`` numbers, whatever the shape of the tree; all else is work on the batch's own tips. Branches that follow each
other without a tip of the batch parting are one branch there, since all of them have the same tips below.

References
----------
Lozupone and Knight 2005, Appl. Environ. Microbiol. 71:8228 (unweighted). https://doi.org/10.1128/AEM.71.12.8228-8235.2005
Lozupone et al. 2007, Appl. Environ. Microbiol. 73:1576 (weighted). https://doi.org/10.1128/AEM.01996-06
Chen et al. 2012, Bioinformatics 28:2106 (generalised). https://doi.org/10.1093/bioinformatics/bts342
Faith 1992, Biol. Conserv. 61:1 (phylogenetic diversity). https://doi.org/10.1016/0006-3207(92)91201-3
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from scipy.sparse import csr_array, vstack

from aam.phylogeny.pair_sums import add_minima, add_powers
from aam.phylogeny.tree import Tree

Sides = tuple[np.ndarray, np.ndarray, np.ndarray]

BLOCK_VALUES = 1 << 19
"""Branches times samples that are worked on at once, so that the memory stays small."""


class Phylogeny:
    """A tree over the columns of a table. Arrays only, so that it can be sent to a worker.

    Parameters
    ----------
    tree
        The tree.
    tips
        Name of the tip of each column; several columns may have the same.

    Attributes
    ----------
    tip_A
        int64: number of each column's tip.
    depth_T
        float64: distance of each tip from the root.
    parting_T
        float64: distance from the root to the node at which a tip and its left neighbour part; 0 for the first.
    """

    def __init__(self, tree: Tree, tips: Sequence[str]) -> None:
        number_of = {name: number for number, name in enumerate(tree.names)}
        self.tip_A = np.array([number_of[name] for name in tips], dtype=np.int64)
        distance, nodes = tree.root_distances(), tree.tips
        self.depth_T = distance[nodes]
        # In postorder, what comes before a tip is the last node that its left neighbour is in and it is not.
        self.parting_T = np.concatenate([[0.0], distance[tree.parent[nodes[1:] - 1]]])

    def unweighted_unifrac(self, counts_BA: csr_array, others_CA: csr_array | None = None) -> np.ndarray:
        """Unweighted UniFrac: the share of the branches above two samples that is above one of them only.

        Parameters
        ----------
        counts_BA
            Reads.
        others_CA
            Reads of other samples; the same ones where left out.

        Returns
        -------
        numpy.ndarray
            Distances ``B x C``; ``B x B``, symmetric with a diagonal of 0, of the samples among themselves.
        """
        shared_BC, length_B, length_C = _zeros(counts_BA, others_CA)
        for length_N, reads_NB, reads_NC in self._sides(counts_BA, others_CA):
            root_N = np.sqrt(length_N)
            own_NB = (reads_NB > 0) * root_N[:, None]
            # Of an array and itself, NumPy computes half of the product.
            other_NC = own_NB if others_CA is None else (reads_NC > 0) * root_N[:, None]
            shared_BC += own_NB.T @ other_NC
            length_B += root_N @ own_NB
            length_C += root_N @ other_NC
        union_BC = length_B[:, None] + length_C - shared_BC
        return _distances(union_BC - shared_BC, union_BC, others_CA is None)

    def weighted_unifrac(
        self, counts_BA: csr_array, normalized: bool = True, others_CA: csr_array | None = None
    ) -> np.ndarray:
        """Weighted UniFrac: branch lengths times the differences of the shares of reads below them.

        Parameters
        ----------
        counts_BA
            Reads.
        normalized
            Divide by the largest value that the samples' distances from the root allow, so that it lies in 0..1.
        others_CA
            Reads of other samples; the same ones where left out.

        Returns
        -------
        numpy.ndarray
            Distances, as of :meth:`unweighted_unifrac`.
        """
        minima_BC, depth_B, depth_C = _zeros(counts_BA, others_CA)
        for length_N, share_NB, share_NC in self._shares(counts_BA, others_CA):
            add_minima(minima_BC, length_N, share_NB, share_NC)
            depth_B += length_N @ share_NB
            depth_C += length_N @ share_NC
        # |p - q| is p + q less twice the smaller one, which is 0 wherever one of the two samples is absent.
        largest_BC = depth_B[:, None] + depth_C
        whole_BC = largest_BC if normalized else np.ones_like(largest_BC)
        return _distances(largest_BC - 2.0 * minima_BC, whole_BC, others_CA is None)

    def generalized_unifrac(self, counts_BA: csr_array, alpha: float, others_CA: csr_array | None = None) -> np.ndarray:
        """Generalised UniFrac, which weighs a branch by its reads to the power of ``alpha``.

        Parameters
        ----------
        counts_BA
            Reads.
        alpha
            0 gives rare and abundant lineages the same weight, 1 is normalised weighted UniFrac.
        others_CA
            Reads of other samples; the same ones where left out.

        Returns
        -------
        numpy.ndarray
            Distances, as of :meth:`unweighted_unifrac`.
        """
        minima_BC, *_ = _zeros(counts_BA, others_CA)
        total_BC = np.zeros_like(minima_BC)
        for length_N, share_NB, share_NC in self._shares(counts_BA, others_CA):
            add_powers(total_BC, minima_BC, length_N, share_NB, share_NC, alpha)
            # On the branches that the first sample lacks, the sum has the second's weight alone.
            is_present_NC = share_NC > 0
            weight_NC = length_N[:, None] * np.where(is_present_NC, share_NC, 1.0) ** alpha * is_present_NC
            total_BC += weight_NC.sum(axis=0) - (share_NB > 0).astype(np.float64).T @ weight_NC
        # |p - q| is p + q less twice the smaller one here too.
        return _distances(total_BC - 2.0 * minima_BC, total_BC, others_CA is None)

    def faith_pd(self, counts_BA: csr_array) -> np.ndarray:
        """Faith's phylogenetic diversity ``B``: the length of all branches between a sample's tips and the root."""
        diversity_B = np.zeros(counts_BA.shape[0])
        for length_N, reads_NB in self._blocks(counts_BA):
            diversity_B += length_N @ (reads_NB > 0)
        return diversity_B

    def _shares(self, counts_BA: csr_array, others_CA: csr_array | None) -> Iterator[Sides]:
        """As ``_sides``, with the share of each sample's reads."""
        reads_B = counts_BA.sum(axis=1)
        reads_C = reads_B if others_CA is None else others_CA.sum(axis=1)
        for length_N, reads_NB, reads_NC in self._sides(counts_BA, others_CA):
            share_NB = reads_NB / reads_B
            yield length_N, share_NB, share_NB if others_CA is None else reads_NC / reads_C

    def _sides(self, counts_BA: csr_array, others_CA: csr_array | None) -> Iterator[Sides]:
        """Some branches at a time: their lengths ``N``, and the reads of both sides below them."""
        if others_CA is None:
            yield from ((length_N, reads_NB, reads_NB) for length_N, reads_NB in self._blocks(counts_BA))
            return
        size = counts_BA.shape[0]
        for length_N, reads_NS in self._blocks(vstack([counts_BA, others_CA], format="csr")):
            yield length_N, reads_NS[:, :size], reads_NS[:, size:]

    def _blocks(self, counts_BA: csr_array) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Some branches at a time: their lengths ``N``, and the reads of each sample below them ``N x B``."""
        tip_of_count = self.tip_A[counts_BA.indices]
        is_present_T = np.zeros(len(self.depth_T), dtype=bool)
        is_present_T[tip_of_count] = True
        tips_U = np.flatnonzero(is_present_T)
        place = (np.cumsum(is_present_T) - 1)[tip_of_count]
        reads = counts_BA.data.astype(np.float64)
        length_N, start_N, end_N = self._branches(tips_U)
        size = max(1, BLOCK_VALUES // counts_BA.shape[0])
        for first in range(0, len(length_N), size):
            block = slice(first, first + size)
            is_bound = np.zeros(len(tips_U) + 1, dtype=bool)
            is_bound[start_N[block]] = is_bound[end_N[block]] = True
            bounds_until = np.cumsum(is_bound)
            # Reads on the tips before each bound. The counts are whole numbers, so that sums over any tips are exact.
            shape = (counts_BA.shape[0], bounds_until[-1] + 1)
            until_BU = csr_array((reads, bounds_until[place], counts_BA.indptr), shape).toarray()
            np.cumsum(until_BU, axis=1, out=until_BU)
            until_UB = np.ascontiguousarray(until_BU.T)
            reads_NB = until_UB[bounds_until[end_N[block]] - 1]
            reads_NB -= until_UB[bounds_until[start_N[block]] - 1]
            yield length_N[block], reads_NB

    def _branches(self, tips_U: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The branches above some tips: their lengths, and the first and the end of the range of tips below them."""
        num_tips = len(tips_U)
        depth_U = self.depth_T[tips_U]
        parting = np.zeros(num_tips + 1)
        if num_tips > 1:
            between = self.parting_T[tips_U[0] + 1 : tips_U[-1] + 1]
            parting[1:-1] = np.minimum.reduceat(between, tips_U[:-1] - tips_U[0])
        left, right = _nearest_above(parting)
        tip = np.arange(num_tips)
        tip_length = depth_U - np.maximum(parting[:-1], parting[1:])
        inner_length = parting[1:-1] - np.maximum(parting[left], parting[right])
        length = np.concatenate([tip_length, inner_length])
        start, end = np.concatenate([tip, left]), np.concatenate([tip + 1, right])
        order = np.argsort(start, kind="stable")
        order = order[length[order] > 0]
        return length[order], start[order], end[order]


def _nearest_above(parting: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
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


def _zeros(counts_BA: csr_array, others_CA: csr_array | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Room for sums of all pairs ``B x C``, and of each side's samples."""
    num_samples = counts_BA.shape[0]
    num_others = num_samples if others_CA is None else others_CA.shape[0]
    return np.zeros((num_samples, num_others)), np.zeros(num_samples), np.zeros(num_others)


def _distances(part_BC: np.ndarray, whole_BC: np.ndarray, is_square: bool) -> np.ndarray:
    """``part / whole``; 0 where there is nothing, and below 0 from rounding. Of a square, the upper triangle twice."""
    values_BC = np.zeros_like(whole_BC)
    np.divide(part_BC, whole_BC, out=values_BC, where=whole_BC > 0)
    np.maximum(values_BC, 0.0, out=values_BC)
    if not is_square:
        return values_BC
    upper_BB = np.triu(values_BC, k=1)
    return upper_BB + upper_BB.T
