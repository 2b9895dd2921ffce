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

from aam.phylogeny.batch_tree import BatchTree
from aam.phylogeny.tree import Tree

GROUP = 64
"""Samples that are compared with the same others where both sides are the same, so that few pairs are done twice."""

Comparison = tuple[int, slice, np.ndarray, np.ndarray, np.ndarray]


def add_minima(sums_BC: np.ndarray, length_N: np.ndarray, share_NB: np.ndarray, share_NC: np.ndarray) -> None:
    """Add the sums of length times the smaller share of a pair."""
    for sample, columns, length_P, own_P1, other_PC in _comparisons(length_N, share_NB, share_NC):
        np.minimum(other_PC, own_P1, out=other_PC)
        sums_BC[sample, columns] += length_P @ other_PC


def add_powers(
    totals_BC: np.ndarray,
    minima_BC: np.ndarray,
    length_N: np.ndarray,
    share_NB: np.ndarray,
    share_NC: np.ndarray,
    alpha: float,
) -> None:
    """Add the sums of generalised UniFrac over the branches that each first sample has.

    Parameters
    ----------
    totals_BC
        Takes the sums of length times ``(p + q) ** alpha``.
    minima_BC
        Takes those of length times ``min(p, q) * (p + q) ** (alpha - 1)``.
    length_N, share_NB, share_NC
        Branches, and the shares ``p`` and ``q`` of the reads below them.
    alpha
        The exponent.
    """
    for sample, columns, length_P, own_P1, other_PC in _comparisons(length_N, share_NB, share_NC):
        smaller_PC = np.minimum(other_PC, own_P1)
        other_PC += own_P1
        smaller_PC /= other_PC
        other_PC **= alpha
        smaller_PC *= other_PC
        totals_BC[sample, columns] += length_P @ other_PC
        minima_BC[sample, columns] += length_P @ smaller_PC


def _comparisons(length_N: np.ndarray, share_NB: np.ndarray, share_NC: np.ndarray) -> Iterator[Comparison]:
    """Each sample beside others: which sample, which others, its branches' lengths, its shares and those of the others.

    The others' shares may be overwritten, and are at the next step.
    """
    num_samples, num_others = share_NB.shape[1], share_NC.shape[1]
    is_square = share_NC is share_NB
    present = [np.flatnonzero(own_N) for own_N in np.ascontiguousarray((share_NB > 0).T)]
    space = np.empty(max(map(len, present)) * num_others)
    group = GROUP if is_square else num_samples
    for first in range(0, num_samples, group):
        columns = slice(first if is_square else 0, num_others)
        others_NC = np.ascontiguousarray(share_NC[:, columns])
        for sample in range(first, min(first + group, num_samples)):
            branches = present[sample]
            shape = (len(branches), others_NC.shape[1])
            taken = space[: shape[0] * shape[1]].reshape(shape)
            # With out=, any other mode than "clip" would make a copy.
            np.take(others_NC, branches, axis=0, out=taken, mode="clip")
            yield sample, columns, length_N[branches], share_NB[branches, sample, None], taken


Block = tuple[np.ndarray, np.ndarray, np.ndarray]


class Phylogeny:
    """A tree over the columns of a table. Arrays only, so that it can be sent to a worker.

    Reads are whole numbers, and a table stores no zeros.

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
        sides = _Sides(self, counts_BA, others_CA)
        shared_BC = sides.zeros()
        length_B, length_C = sides.private_sums(sides.tree.private.length)
        for length_N, reads_NB, reads_NC in sides.blocks():
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
        sides = _Sides(self, counts_BA, others_CA)
        minima_BC = sides.zeros()
        depth_B, depth_C = sides.private_sums(sides.tree.private.length * sides.private_shares())
        for length_N, share_NB, share_NC in sides.shares():
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
        sides = _Sides(self, counts_BA, others_CA)
        minima_BC = sides.zeros()
        own_B, own_C = sides.private_sums(sides.tree.private.length * sides.private_shares() ** alpha)
        total_BC = own_B[:, None] + own_C
        for length_N, share_NB, share_NC in sides.shares():
            add_powers(total_BC, minima_BC, length_N, share_NB, share_NC, alpha)
            # On the branches that the first sample lacks, the sum has the second's weight alone.
            is_present_NC = share_NC > 0
            weight_NC = length_N[:, None] * np.where(is_present_NC, share_NC, 1.0) ** alpha * is_present_NC
            total_BC += weight_NC.sum(axis=0) - (share_NB > 0).astype(np.float64).T @ weight_NC
        # |p - q| is p + q less twice the smaller one here too.
        return _distances(total_BC - 2.0 * minima_BC, total_BC, others_CA is None)

    def faith_pd(self, counts_BA: csr_array) -> np.ndarray:
        """Faith's phylogenetic diversity ``B``: the length of all branches between a sample's tips and the root."""
        tree = self.tree_of(counts_BA)
        diversity_B = tree.private_sums(tree.private.length)
        for length_N, reads_NB in tree.blocks():
            diversity_B += length_N @ (reads_NB > 0)
        return diversity_B

    def tree_of(self, counts_SA: csr_array) -> BatchTree:
        """The branches above some samples' tips."""
        return BatchTree(self.depth_T, self.parting_T, self.tip_A, counts_SA)


class _Sides:
    """The branches above two sides, and what each side has below them; one side alone is compared with itself."""

    def __init__(self, phylogeny: Phylogeny, counts_BA: csr_array, others_CA: csr_array | None) -> None:
        self.is_square = others_CA is None
        self.size = counts_BA.shape[0]
        both_SA = counts_BA if others_CA is None else vstack([counts_BA, others_CA], format="csr")
        self.reads_S = both_SA.sum(axis=1)
        self.tree = phylogeny.tree_of(both_SA)

    def zeros(self) -> np.ndarray:
        """Room for a sum of all pairs ``B x C``."""
        return np.zeros((self.size, len(self.reads_S) - (0 if self.is_square else self.size)))

    def private_shares(self) -> np.ndarray:
        """The share of its sample's reads of each private tip."""
        return self.tree.private.reads / self.reads_S[self.tree.private.sample]

    def private_sums(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What the private tips add to each sample of both sides; two arrays, that may be added to."""
        sums_S = self.tree.private_sums(values)
        return (sums_S, sums_S.copy()) if self.is_square else (sums_S[: self.size], sums_S[self.size :])

    def blocks(self) -> Iterator[Block]:
        """Some of the other branches at a time: their lengths ``N``, and the reads of both sides below them."""
        for length_N, reads_NS in self.tree.blocks():
            yield length_N, *self._divided(reads_NS)

    def shares(self) -> Iterator[Block]:
        """As :meth:`blocks`, with the share of each sample's reads."""
        for length_N, reads_NS in self.tree.blocks():
            yield length_N, *self._divided(reads_NS / self.reads_S)

    def _divided(self, values_NS: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return (values_NS, values_NS) if self.is_square else (values_NS[:, : self.size], values_NS[:, self.size :])


def _distances(part_BC: np.ndarray, whole_BC: np.ndarray, is_square: bool) -> np.ndarray:
    """``part / whole``; 0 where there is nothing, and below 0 from rounding. Of a square, the upper triangle twice."""
    values_BC = np.zeros_like(whole_BC)
    np.divide(part_BC, whole_BC, out=values_BC, where=whole_BC > 0)
    np.maximum(values_BC, 0.0, out=values_BC)
    if not is_square:
        return values_BC
    upper_BB = np.triu(values_BC, k=1)
    return upper_BB + upper_BB.T
