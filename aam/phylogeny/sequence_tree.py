"""A tree made from DNA: Ward's, of the frequencies of words in the sequences.

Legend: ``A`` ASVs, ``K`` nodes of a tree.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.cluster.hierarchy import linkage
from scipy.sparse import csr_array

from aam import alphabet
from aam.alphabet import NUM_BASES
from aam.files.scratch import new_array

WORD = 6
# ASVs that Ward's tree is made of; its time and memory grow with their square (6,000: 0.5 GB)
MAX_CLUSTERED = 6_000
ASVS_PER_BLOCK = 1_000

ArrayTree = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Parent of each node (``K``; -1 for the root, the last), node of each ASV (``A``), and length above each node."""


def tree_of_sequences(tokens: np.ndarray, prevalence: np.ndarray) -> ArrayTree:
    """Ward's tree of the sequences, from the Euclidean distances between their frequencies of words of six bases.

    Parameters
    ----------
    tokens
        Bases of the ASVs, as codes of :mod:`aam.alphabet`.
    prevalence
        How many training samples have each ASV. Of more than ``MAX_CLUSTERED`` ASVs the most prevalent make the tree,
        and each of the others joins the nearest of them.
    """
    return tree_of_profiles(kmer_frequencies(tokens), prevalence)


def tree_of_profiles(profiles: csr_array, prevalence: np.ndarray) -> ArrayTree:
    """The same of any numbers of each ASV."""
    chosen = most_prevalent(prevalence)
    centres = profiles[chosen].toarray()
    node_of_asv = np.empty(len(prevalence), dtype=np.int64)
    node_of_asv[chosen] = np.arange(len(chosen))
    others = np.setdiff1d(np.arange(len(prevalence)), chosen)
    node_of_asv[others] = nearest(lambda block: profiles[others[block]], len(others), centres)
    parent, length = ward(centres)
    return parent, node_of_asv, length


def most_prevalent(prevalence: np.ndarray) -> np.ndarray:
    """The ``MAX_CLUSTERED`` most prevalent ASVs, ascending: those that others are compared with."""
    return np.sort(np.argsort(-prevalence, kind="stable")[:MAX_CLUSTERED])


def kmer_frequencies(tokens: np.ndarray, bases: int = WORD, dtype: type[np.floating] = np.float32) -> csr_array:
    """Share of each word of so many bases among the words of a sequence, ``A x 4^6``; words with N do not count.

    Made by blocks of ASVs; those of very many ASVs lie on the disk.

    Parameters
    ----------
    tokens
        Bases of the ASVs.
    bases
        Of a word.
    dtype
        Of the shares, which are computed as float32. A product with a matrix of another type copies all of them.
    """
    num_asvs, length = tokens.shape
    shape = (num_asvs, NUM_BASES**bases)
    if num_asvs <= ASVS_PER_BLOCK:
        return _frequencies(tokens, bases).astype(dtype, copy=False)
    most = num_asvs * max(0, length - bases + 1)
    kind = np.int32 if most <= np.iinfo(np.int32).max else np.int64
    data, indices, indptr = new_array(most, dtype), new_array(most, kind), np.zeros(num_asvs + 1, dtype=kind)
    done = 0
    for start in range(0, num_asvs, ASVS_PER_BLOCK):
        some = _frequencies(tokens[start : start + ASVS_PER_BLOCK], bases)
        end = done + some.nnz
        data[done:end], indices[done:end] = some.data, some.indices
        indptr[start + 1 : start + 1 + some.shape[0]] = some.indptr[1:] + done
        done = end
    return csr_array((data[:done], indices[:done], indptr), shape=shape)


def _frequencies(tokens: np.ndarray, bases: int) -> csr_array:
    """Shares of the words of some ASVs, whose words are all in memory."""
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


def nearest(profiles_of: Callable[[slice], csr_array], number: int, centres: np.ndarray) -> np.ndarray:
    """For each of so many profiles the nearest row of ``centres``; profiles are asked for block by block."""
    found = np.empty(number, dtype=np.int64)
    for start in range(0, number, ASVS_PER_BLOCK):
        block = slice(start, start + ASVS_PER_BLOCK)
        found[block] = squared_distances(profiles_of(block).toarray(), centres).argmin(axis=1)
    return found


def squared_distances(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Squared Euclidean distances of all rows of one matrix to all of another."""
    lengths = [np.einsum("ij,ij->i", matrix, matrix) for matrix in (first, second)]
    return np.maximum(lengths[0][:, None] + lengths[1][None, :] - 2 * first @ second.T, 0)


def ward(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
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
