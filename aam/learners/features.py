"""What a random forest reads of a sample: abundances of ASVs, their log-ratios, or abundances of clades.

Nothing is learned from the target. Which features are kept is decided by the training samples alone; the clades come
from the tree or from the sequences, which are no labels.

Legend: ``N`` samples, ``A`` ASVs, ``K`` nodes of a tree, ``F`` features.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from scipy.cluster.hierarchy import linkage
from scipy.sparse import csc_array, csr_array

from aam import alphabet
from aam.alphabet import NUM_BASES

if TYPE_CHECKING:
    from aam.data.study.study import Study

FeatureKind = Literal["asv", "clr", "clades"]

# share of the training samples that must have a feature
LEAST_PREVALENCE = 0.01
# reads that every ASV gets before logarithms are taken
PSEUDOCOUNT = 1.0
# relative abundance below which clades look alike: one read in ten thousand
FLOOR = 1e-4
WORD = 6
# ASVs that Ward's tree is made of; its time and memory grow with their square (6,000: 0.5 GB)
MOST_CLUSTERED = 6_000
ASVS_AT_ONCE = 1_000


@dataclass(frozen=True, eq=False)
class Clades:
    """A rooted tree, and where the ASVs are on it.

    Attributes
    ----------
    parent
        Parent of each node (``K``); -1 for the root.
    node_of_asv
        Node of each ASV (``A``); several ASVs may share one.
    """

    parent: np.ndarray
    node_of_asv: np.ndarray


def forest_features(study: Study, kind: FeatureKind, train_rows: np.ndarray) -> Any:
    """The features of all samples of a study.

    Parameters
    ----------
    study
        All reads are used, not rarefied.
    kind
        ``asv``: relative abundances of the ASVs. ``clr``: centred log-ratios of these ASVs' reads + ``PSEUDOCOUNT``.
        ``clades``: log relative abundances of the clades (tips included) of the study's tree or, where there is none,
        of one made from the sequences (:func:`clades_of_sequences`). Each has the features that at least
        ``LEAST_PREVALENCE`` of the training samples have.
    train_rows
        The training samples.

    Returns
    -------
    scipy.sparse.csr_array or numpy.ndarray
        ``N x F``; sparse, but for ``clr``. Clades have the value ``log((x + FLOOR) / FLOOR)``, which is 0 where they
        are absent.
    """
    counts = study.table.counts
    if kind == "clades":
        return _log_clades(counts, _clades(study, train_rows), train_rows)
    kept = counts[:, _prevalent(counts, train_rows)]
    if kind == "asv":
        return _scaled(kept, 1 / _totals(counts))
    logs = np.log(kept.toarray() + PSEUDOCOUNT)
    return logs - logs.mean(axis=1, keepdims=True)


def members(clades: Clades) -> csr_array:
    """Which ASVs are on each node or below it, ``A x K`` of 0 and 1 (int64)."""
    rows, nodes = [], []
    asvs = np.arange(len(clades.node_of_asv))
    node = clades.node_of_asv
    while len(asvs):
        rows.append(asvs)
        nodes.append(node)
        above = clades.parent[node]
        asvs, node = asvs[above >= 0], above[above >= 0]
    index = (np.concatenate(rows), np.concatenate(nodes))
    shape = (len(clades.node_of_asv), len(clades.parent))
    return csr_array((np.ones(len(index[0]), dtype=np.int64), index), shape)


def clades_of_sequences(tokens: np.ndarray, prevalence: np.ndarray) -> Clades:
    """Ward's tree of the sequences, from the Euclidean distances between their frequencies of words of six bases.

    Of more than ``MOST_CLUSTERED`` ASVs the most prevalent make the tree, and each of the others joins the nearest
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
    profiles = word_frequencies(tokens)
    chosen = np.sort(np.argsort(-prevalence, kind="stable")[:MOST_CLUSTERED])
    centres = profiles[chosen].toarray()
    node_of_asv = np.empty(len(tokens), dtype=np.int64)
    node_of_asv[chosen] = np.arange(len(chosen))
    others = np.setdiff1d(np.arange(len(tokens)), chosen)
    for start in range(0, len(others), ASVS_AT_ONCE):
        block = others[start : start + ASVS_AT_ONCE]
        node_of_asv[block] = _squared_distances(profiles[block].toarray(), centres).argmin(axis=1)
    return Clades(_ward(centres), node_of_asv)


def word_frequencies(tokens: np.ndarray) -> csr_array:
    """Share of each word of ``WORD`` bases among the words of a sequence, ``A x 4^6``; words with N do not count."""
    num_asvs, length = tokens.shape
    codes = tokens.astype(np.int64) - alphabet.A
    num_words = max(0, length - WORD + 1)
    words = np.zeros((num_asvs, num_words), dtype=np.int64)
    known = np.ones((num_asvs, num_words), dtype=bool)
    for place in range(WORD):
        window = codes[:, place : place + num_words]
        words = words * NUM_BASES + window
        known &= (window >= 0) & (window < NUM_BASES)
    rows, _ = np.nonzero(known)
    values = np.ones(len(rows), dtype=np.float32)
    found = csr_array((values, (rows, words[known])), (num_asvs, NUM_BASES**WORD))
    return _scaled(found, 1 / np.maximum(1, known.sum(axis=1)).astype(np.float32))


def _clades(study: Study, train_rows: np.ndarray) -> Clades:
    """The tree given, or one made from the sequences."""
    if study.tree is None or study.phylogeny is None:
        return clades_of_sequences(study.tokens, _prevalence(study.table.counts, train_rows))
    return Clades(study.tree.parent, study.tree.tips[study.phylogeny.tip_A])


def _log_clades(counts: csr_array, clades: Clades, train_rows: np.ndarray) -> csr_array:
    """Logs of the clades' shares, of the clades that are prevalent and not alike in the training samples.

    Of those that are alike the largest stays: it counts relatives, too, that only other samples have.
    """
    asvs_of = members(clades)
    largest_first = np.argsort(-asvs_of.sum(axis=0), kind="stable")
    found = csr_array(counts @ asvs_of)[:, largest_first]
    found = found[:, _prevalent(found, train_rows)]
    shares = _scaled(found[:, _distinct(csc_array(found[train_rows]))], 1 / _totals(counts))
    shares.data = np.log1p(shares.data / FLOOR)
    return shares


def _distinct(counts: csc_array) -> np.ndarray:
    """Of the columns that are alike, the first; ascending."""
    counts.sort_indices()
    first: dict[bytes, int] = {}
    for column, (start, end) in enumerate(zip(counts.indptr[:-1], counts.indptr[1:], strict=True)):
        cells = counts.indices[start:end].tobytes() + counts.data[start:end].tobytes()
        first.setdefault(hashlib.blake2b(cells, digest_size=16).digest(), column)
    return np.array(list(first.values()), dtype=np.int64)


def _prevalence(counts: csr_array, rows: np.ndarray) -> np.ndarray:
    """How many of these samples have each column."""
    return np.bincount(counts[rows].indices, minlength=counts.shape[1])


def _prevalent(counts: csr_array, train_rows: np.ndarray) -> np.ndarray:
    """The columns that enough training samples have."""
    least = max(1, np.ceil(LEAST_PREVALENCE * len(train_rows)))
    return np.flatnonzero(_prevalence(counts, train_rows) >= least)


def _totals(counts: csr_array) -> np.ndarray:
    """Reads of each sample."""
    return np.asarray(counts.sum(axis=1), dtype=np.float64).ravel()


def _scaled(matrix: csr_array, factors: np.ndarray) -> csr_array:
    """The matrix with each row multiplied by its factor."""
    values = matrix.data * np.repeat(factors, np.diff(matrix.indptr))
    return csr_array((values, matrix.indices, matrix.indptr), matrix.shape)


def _squared_distances(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Squared Euclidean distances of all rows of one matrix to all of another."""
    lengths = [np.einsum("ij,ij->i", matrix, matrix) for matrix in (first, second)]
    return np.maximum(lengths[0][:, None] + lengths[1][None, :] - 2 * first @ second.T, 0)


def _ward(points: np.ndarray) -> np.ndarray:
    """Parent of each node of Ward's tree, whose first nodes are the points; -1 for the root, which is the last."""
    number = len(points)
    parent = np.full(2 * number - 1, -1)
    if number > 1:
        distances = np.sqrt(_squared_distances(points, points))
        condensed = np.concatenate([distances[row, row + 1 :] for row in range(number - 1)]).astype(np.float64)
        merges = linkage(condensed, "ward")[:, :2].astype(np.int64)
        parent[merges] = number + np.arange(number - 1)[:, None]
    return parent
