"""Clades of ASVs: a tree made from DNA, how much of a sample lies in each clade, and where a new sequence belongs.

Legend: ``N`` samples, ``A`` ASVs, ``K`` nodes of a tree, ``F`` clades that are asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import csr_array, vstack

from aam import alphabet
from aam.phylogeny.sequence_tree import (
    ASVS_PER_BLOCK,
    MAX_CLUSTERED,
    WORD,
    kmer_frequencies,
    most_prevalent,
    nearest,
    scale_rows,
    squared_distances,
    tree_of_profiles,
    tree_of_sequences,
)

__all__ = [
    "ASVS_PER_BLOCK",
    "FLOOR",
    "MAX_CLUSTERED",
    "MAX_DEPTH",
    "WORD",
    "Clades",
    "asvs_per_clade",
    "clade_counts",
    "clades_of_sequences",
    "clades_of_vectors",
    "kmer_frequencies",
    "log_abundances",
    "most_prevalent",
    "nearest_sequences",
    "scale_rows",
    "sequence_keys",
    "squared_distances",
    "totals",
]

# relative abundance below which clades look alike: one read in ten thousand
FLOOR = 1e-4
# mean depth of ASVs from which on cumulative sums are the faster way to the reads of clades
MAX_DEPTH = 64
# numbers of a block of samples x nodes that is held dense
BLOCK_VALUES = 1 << 23


@dataclass(frozen=True, eq=False)
class Clades:
    """A rooted tree, and where the ASVs are on it.

    Attributes
    ----------
    parent
        Parent of each node (``K``), which comes after it; -1 for the root, which is the last.
    node_of_asv
        Node of each ASV (``A``); several ASVs may share one.
    length
        Length of the branch above each node (``K``), where distances are taken from the tree.
    """

    parent: np.ndarray
    node_of_asv: np.ndarray
    length: np.ndarray | None = None

    @cached_property
    def above(self) -> csr_array | None:
        """The nodes above each ASV (see :meth:`ancestors`); None for a tree that is too deep."""
        return self.ancestors(MAX_DEPTH)

    def ancestors(self, most: float = np.inf) -> csr_array | None:
        """The nodes above each ASV, its own one too: ``A x K`` of 0 and 1 (int64).

        Parameters
        ----------
        most
            Mean depth of the ASVs beyond which there is no answer.
        """
        nodes, asvs, node_A = [], [], self.node_of_asv.astype(np.int64)
        left, number = np.flatnonzero(node_A >= 0), 0
        while len(left):
            number += len(left)
            if number > most * len(node_A):
                return None
            nodes.append(node_A[left])
            asvs.append(left)
            node_A[left] = self.parent[node_A[left]]
            left = left[node_A[left] >= 0]
        places = np.concatenate([np.empty(0, dtype=np.int64), *asvs]), np.concatenate([np.empty(0, np.int64), *nodes])
        shape = (len(node_A), len(self.parent))
        return csr_array((np.ones(number, dtype=np.int64), places), shape)


def clade_counts(counts: csr_array, clades: Clades, nodes: np.ndarray | None = None) -> csr_array:
    """Reads of clades in samples, ``N x F`` (int64).

    Where the tree is not deep, each read is added to all nodes above it. Otherwise nodes are numbered so that those
    below a node are the ones right after it; the reads of a clade are then the difference of two cumulative sums,
    whatever the depth.

    Parameters
    ----------
    counts
        ``N x A`` reads.
    clades
        The tree, and the node of each of these ASVs.
    nodes
        Top nodes of the clades; all nodes in their order where left out.
    """
    if clades.above is not None:
        above = clades.above if nodes is None else clades.above[:, nodes]
        found = csr_array(csr_array(counts, dtype=np.int64) @ above)
        found.sort_indices()
        return found
    place_K, size_K = _preorder(clades.parent)
    wanted = np.arange(len(clades.parent)) if nodes is None else nodes
    place_A = place_K[clades.node_of_asv]
    starts, ends = place_K[wanted], place_K[wanted] + size_K[wanted]
    blocks = []
    for first, last in _row_blocks(counts.shape[0], len(clades.parent) + len(wanted)):
        some = counts[first:last]
        data = some.data.astype(np.int64)
        on_nodes = csr_array((data, place_A[some.indices], some.indptr), (last - first, len(clades.parent)))
        total = np.zeros((last - first, len(clades.parent) + 1), dtype=np.int64)
        np.cumsum(on_nodes.toarray(), axis=1, out=total[:, 1:])
        blocks.append(csr_array(total[:, ends] - total[:, starts]))
    return vstack(blocks, format="csr") if blocks else csr_array((0, len(wanted)), dtype=np.int64)


def totals(counts: csr_array) -> np.ndarray:
    """Reads of each sample (float64)."""
    return np.asarray(counts.sum(axis=1), dtype=np.float64).ravel()


def log_abundances(counts: csr_array, total: np.ndarray) -> csr_array:
    """``log(1 + share / FLOOR)`` of reads among all reads of a sample, which is 0 where there are none."""
    shares = scale_rows(counts, 1 / total)
    shares.data = np.log1p(shares.data / FLOOR)
    return shares


def asvs_per_clade(clades: Clades) -> np.ndarray:
    """How many ASVs are on each node or below it, ``K``."""
    one_of_each = csr_array(np.ones((1, len(clades.node_of_asv)), dtype=np.int64))
    return clade_counts(one_of_each, clades).toarray()[0]


def clades_of_sequences(tokens: np.ndarray, prevalence: np.ndarray) -> Clades:
    """Ward's tree of the sequences, from the Euclidean distances between their frequencies of words of six bases.

    Of more than ``MAX_CLUSTERED`` ASVs the most prevalent make the tree, and each of the others joins the nearest
    of them.

    Parameters
    ----------
    tokens
        Bases of the ASVs, as in :class:`~aam.data.study.study.Study`.
    prevalence
        How many training samples have each ASV.

    References
    ----------
    Ward (1963), Hierarchical grouping to optimize an objective function, Journal of the American Statistical
    Association 58. Vinga, Almeida (2003), Alignment-free sequence comparison, Bioinformatics 19.
    """
    return Clades(*tree_of_sequences(tokens, prevalence))


def clades_of_vectors(vectors: np.ndarray, prevalence: np.ndarray) -> Clades:
    """The same of an encoder's vectors of the ASVs, ``A x D``."""
    return Clades(*tree_of_profiles(csr_array(vectors), prevalence))


def nearest_sequences(tokens: np.ndarray, known: np.ndarray) -> np.ndarray:
    """For each sequence the place of the known one whose words are the most alike (Euclidean distance).

    Parameters
    ----------
    tokens
        Bases of ``A`` sequences.
    known
        Bases of the known sequences, which may be longer or shorter.
    """
    if not len(tokens):
        return np.empty(0, dtype=np.int64)
    return nearest(lambda block: kmer_frequencies(tokens[block]), len(tokens), kmer_frequencies(known).toarray())


def sequence_keys(tokens: np.ndarray) -> list[bytes]:
    """The bases of each sequence without padding, by which equal sequences of two tables are found."""
    pad = bytes([alphabet.PAD])
    return [row.tobytes().rstrip(pad) for row in tokens]


def _preorder(parent: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Place of each node where all below it come right after it, and the number of nodes in its clade."""
    above = parent.tolist()
    size = [1] * len(above)
    for node, up in enumerate(above[:-1]):
        size[up] += size[node]
    place, free = [0] * len(above), [1] * len(above)
    for node in range(len(above) - 2, -1, -1):
        up = above[node]
        place[node] = free[up]
        free[up] += size[node]
        free[node] = place[node] + 1
    return np.array(place, dtype=np.int64), np.array(size, dtype=np.int64)


def _row_blocks(num_rows: int, row_values: int) -> Iterator[tuple[int, int]]:
    """First and last row of blocks that are small enough to be dense."""
    at_once = max(1, BLOCK_VALUES // row_values)
    for first in range(0, num_rows, at_once):
        yield first, min(num_rows, first + at_once)
