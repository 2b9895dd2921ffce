"""Clades of ASVs: a tree made from DNA, how much of a sample lies in each clade, and where a new sequence belongs.

Legend: ``N`` samples, ``A`` ASVs, ``K`` nodes of a tree, ``F`` clades that are asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.cluster.hierarchy import linkage
from scipy.sparse import csr_array, vstack

from aam import alphabet
from aam.alphabet import NUM_BASES

WORD = 6
# relative abundance below which clades look alike: one read in ten thousand
FLOOR = 1e-4
# ASVs that Ward's tree is made of; its time and memory grow with their square (6,000: 0.5 GB)
MAX_CLUSTERED = 6_000
ASVS_PER_BLOCK = 1_000
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
    return _clades_of(kmer_frequencies(tokens), prevalence)


def clades_of_vectors(vectors: np.ndarray, prevalence: np.ndarray) -> Clades:
    """The same of an encoder's vectors of the ASVs, ``A x D``."""
    return _clades_of(csr_array(vectors), prevalence)


def _clades_of(profiles: csr_array, prevalence: np.ndarray) -> Clades:
    chosen = most_prevalent(prevalence)
    centres = profiles[chosen].toarray()
    node_of_asv = np.empty(len(prevalence), dtype=np.int64)
    node_of_asv[chosen] = np.arange(len(chosen))
    others = np.setdiff1d(np.arange(len(prevalence)), chosen)
    node_of_asv[others] = _nearest(profiles[others], centres)
    parent, length = _ward(centres)
    return Clades(parent, node_of_asv, length)


def most_prevalent(prevalence: np.ndarray) -> np.ndarray:
    """The ``MAX_CLUSTERED`` most prevalent ASVs, ascending: those that others are compared with."""
    return np.sort(np.argsort(-prevalence, kind="stable")[:MAX_CLUSTERED])


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
    return _nearest(kmer_frequencies(tokens), kmer_frequencies(known).toarray())


def sequence_keys(tokens: np.ndarray) -> list[bytes]:
    """The bases of each sequence without padding, by which equal sequences of two tables are found."""
    pad = bytes([alphabet.PAD])
    return [row.tobytes().rstrip(pad) for row in tokens]


def kmer_frequencies(tokens: np.ndarray, bases: int = WORD) -> csr_array:
    """Share of each word of so many bases among the words of a sequence, ``A x 4^6``; words with N do not count."""
    num_asvs, length = tokens.shape
    codes = tokens.astype(np.int64) - alphabet.A
    num_words = max(0, length - bases + 1)
    words = np.zeros((num_asvs, num_words), dtype=np.int64)
    known = np.ones((num_asvs, num_words), dtype=bool)
    for place in range(bases):
        window = codes[:, place : place + num_words]
        words = words * NUM_BASES + window
        known &= (window >= 0) & (window < NUM_BASES)
    rows, _ = np.nonzero(known)
    values = np.ones(len(rows), dtype=np.float32)
    found = csr_array((values, (rows, words[known])), (num_asvs, NUM_BASES**bases))
    return scale_rows(found, 1 / np.maximum(1, known.sum(axis=1)).astype(np.float32))


def scale_rows(matrix: csr_array, factors: np.ndarray) -> csr_array:
    """The matrix with each row multiplied by its factor."""
    values = matrix.data * np.repeat(factors, np.diff(matrix.indptr))
    return csr_array((values, matrix.indices, matrix.indptr), matrix.shape)


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


def _nearest(profiles: csr_array, centres: np.ndarray) -> np.ndarray:
    """For each row of ``profiles`` the nearest row of ``centres``."""
    found = np.empty(profiles.shape[0], dtype=np.int64)
    for start in range(0, len(found), ASVS_PER_BLOCK):
        block = slice(start, start + ASVS_PER_BLOCK)
        found[block] = squared_distances(profiles[block].toarray(), centres).argmin(axis=1)
    return found


def squared_distances(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Squared Euclidean distances of all rows of one matrix to all of another."""
    lengths = [np.einsum("ij,ij->i", matrix, matrix) for matrix in (first, second)]
    return np.maximum(lengths[0][:, None] + lengths[1][None, :] - 2 * first @ second.T, 0)


def _ward(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ward's tree, whose first nodes are the points: the parent of each node (-1 for the root, the last), and lengths.

    Branches reach from the square root of the height of one merge to that of the next: heights grow with the number of
    points that are merged, and the oldest branches would outweigh all others.
    """
    number = len(points)
    parent, height = np.full(2 * number - 1, -1), np.zeros(2 * number - 1)
    if number > 1:
        distances = np.sqrt(squared_distances(points, points))
        condensed = np.concatenate([distances[row, row + 1 :] for row in range(number - 1)]).astype(np.float64)
        merges = linkage(condensed, "ward")
        parent[merges[:, :2].astype(np.int64)] = number + np.arange(number - 1)[:, None]
        height[number:] = np.sqrt(merges[:, 2])
    length = np.zeros(2 * number - 1)
    length[:-1] = np.maximum(height[parent[:-1]] - height[:-1], 0)
    return parent, length
