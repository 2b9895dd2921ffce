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
from scipy.sparse import csr_array

from aam.phylogeny.tree import Tree

BLOCK_VALUES = 1 << 20
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

    def unweighted_unifrac(self, counts_BA: csr_array) -> np.ndarray:
        """Unweighted UniFrac ``B x B``: the share of the branches above two samples that is above one of them only."""
        shared_BB = self._shared(counts_BA)
        diversity_B = np.diagonal(shared_BB)
        union_BB = diversity_B[:, None] + diversity_B - shared_BB
        return _distances(union_BB - shared_BB, union_BB)

    def weighted_unifrac(self, counts_BA: csr_array, normalized: bool = True) -> np.ndarray:
        """Weighted UniFrac ``B x B``: branch lengths times the differences of the shares of reads below them.

        Parameters
        ----------
        counts_BA
            Reads.
        normalized
            Divide by the largest value that the samples' distances from the root allow, so that it lies in 0..1.
        """
        num_samples = counts_BA.shape[0]
        minima_BB = np.zeros((num_samples, num_samples))
        depth_B = np.zeros(num_samples)
        for length_N, share_NB in self._shares(counts_BA):
            share_NB *= length_N[:, None]
            depth_B += share_NB.sum(axis=0)
            for sample in range(num_samples):
                present = np.flatnonzero(share_NB[:, sample])
                both = share_NB[present, sample:]
                minima_BB[sample, sample:] += np.minimum(both, both[:, :1]).sum(axis=0)
        # |p - q| is p + q less twice the smaller one, which is 0 wherever one of the two samples is absent.
        largest_BB = depth_B[:, None] + depth_B
        return _distances(largest_BB - 2.0 * minima_BB, largest_BB if normalized else np.ones_like(largest_BB))

    def generalized_unifrac(self, counts_BA: csr_array, alpha: float) -> np.ndarray:
        """Generalised UniFrac ``B x B``, which weighs a branch by its reads to the power of ``alpha``.

        Parameters
        ----------
        counts_BA
            Reads.
        alpha
            0 gives rare and abundant lineages the same weight, 1 is normalised weighted UniFrac.
        """
        num_samples = counts_BA.shape[0]
        difference_BB = np.zeros((num_samples, num_samples))
        total_BB = np.zeros((num_samples, num_samples))
        for length_N, share_NB in self._shares(counts_BA):
            # Where the first sample is absent, both sums have the second's weight alone.
            is_present_NB = (share_NB > 0).astype(np.float64)
            weight_NB = length_N[:, None] * np.where(share_NB > 0, share_NB, 1.0) ** alpha * is_present_NB
            alone_BB = weight_NB.sum(axis=0) - is_present_NB.T @ weight_NB
            difference_BB += alone_BB
            total_BB += alone_BB
            for sample in range(num_samples):
                present = np.flatnonzero(share_NB[:, sample])
                others = share_NB[present, sample:]
                both = others + others[:, :1]
                weight = both**alpha
                total_BB[sample, sample:] += length_N[present] @ weight
                weight *= np.abs(others - others[:, :1]) / both
                difference_BB[sample, sample:] += length_N[present] @ weight
        return _distances(difference_BB, total_BB)

    def faith_pd(self, counts_BA: csr_array) -> np.ndarray:
        """Faith's phylogenetic diversity ``B``: the length of all branches between a sample's tips and the root."""
        diversity_B = np.zeros(counts_BA.shape[0])
        for length_N, reads_NB in self._blocks(counts_BA):
            diversity_B += length_N @ (reads_NB > 0)
        return diversity_B

    def _shared(self, counts_BA: csr_array) -> np.ndarray:
        """Length ``B x B`` of the branches above both of two samples."""
        shared_BB = np.zeros((counts_BA.shape[0], counts_BA.shape[0]))
        for length_N, reads_NB in self._blocks(counts_BA):
            root_length_NB = (reads_NB > 0) * np.sqrt(length_N)[:, None]
            shared_BB += root_length_NB.T @ root_length_NB
        return shared_BB

    def _shares(self, counts_BA: csr_array) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """As ``_blocks``, with the share of each sample's reads."""
        all_reads_B = counts_BA.sum(axis=1)
        for length_N, reads_NB in self._blocks(counts_BA):
            yield length_N, reads_NB / all_reads_B

    def _blocks(self, counts_BA: csr_array) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Some branches at a time: their lengths ``N``, and the reads of each sample below them ``N x B``."""
        tip_of_count = self.tip_A[counts_BA.indices]
        is_present_T = np.zeros(len(self.depth_T), dtype=bool)
        is_present_T[tip_of_count] = True
        tips_U = np.flatnonzero(is_present_T)
        # A place for "no tip" comes first. The counts are whole numbers, so that sums over any tips are exact.
        place = np.cumsum(is_present_T)[tip_of_count]
        shape = (counts_BA.shape[0], len(tips_U) + 1)
        until_BU = csr_array((counts_BA.data.astype(np.float64), place, counts_BA.indptr), shape).toarray()
        np.cumsum(until_BU, axis=1, out=until_BU)
        until_UB = np.ascontiguousarray(until_BU.T)
        length_N, start_N, end_N = self._branches(tips_U)
        size = max(1, BLOCK_VALUES // shape[0])
        for first in range(0, len(length_N), size):
            block = slice(first, first + size)
            yield length_N[block], until_UB[end_N[block]] - until_UB[start_N[block]]

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


def _distances(part_BB: np.ndarray, whole_BB: np.ndarray) -> np.ndarray:
    """The upper triangle of ``part / whole`` on both sides; 0 where there is nothing, and below 0 from rounding."""
    values_BB = np.zeros_like(whole_BB)
    np.divide(part_BB, whole_BB, out=values_BB, where=whole_BB > 0)
    values_BB = np.maximum(np.triu(values_BB, k=1), 0.0)
    return values_BB + values_BB.T
