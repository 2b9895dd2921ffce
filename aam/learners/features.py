"""What forests and kernels read of a sample: abundances of ASVs, their log-ratios, or abundances of clades.

Nothing is learned from the target. The training samples alone decide which features are kept; clades come from the
tree or from the sequences, which are no labels. What was fitted on one study serves any other: ASVs are known by their
DNA, and a new one counts with the clade of the sequence that it resembles most.

Legend: ``N`` samples, ``B`` rows that are asked for, ``A`` ASVs, ``K`` nodes of a tree, ``F`` features.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from scipy.sparse import csc_array, csr_array

from aam import alphabet
from aam.config.json_dataclass import need
from aam.data.readers.feature_ids import takes_names
from aam.learners.clades import (
    Clades,
    asvs_per_clade,
    clade_counts,
    clades_of_sequences,
    log_abundances,
    most_prevalent,
    nearest_sequences,
    scale_rows,
    sequence_keys,
    totals,
)
from aam.learners.stored import PerAsvsCache, Stored

if TYPE_CHECKING:
    from aam.data.study.study import Study

FeatureKind = Literal["asv", "clr", "clades"]

# share of the training samples that must have a feature
MIN_PREVALENCE = 0.01
# reads that every ASV gets before logarithms are taken
PSEUDOCOUNT = 1.0


class Features(ABC):
    """Fitted features, the same columns for every study."""

    kind: ClassVar[str]

    @classmethod
    @abstractmethod
    def fit(cls, study: Study, rows: np.ndarray) -> Self:
        """Choose features by the training samples; all their reads are used, not rarefied."""

    @property
    @abstractmethod
    def number(self) -> int:
        """Number ``F`` of features."""

    @abstractmethod
    def transform(self, study: Study, rows: np.ndarray) -> Any:
        """The features of some samples of any study, ``B x F``: a sparse array, or a dense one of log-ratios."""

    @abstractmethod
    def to_arrays(self) -> Stored:
        """What :meth:`from_arrays` makes the same features of."""

    @classmethod
    @abstractmethod
    def from_arrays(cls, stored: Stored) -> Self:
        """Fitted features; :class:`ValueError` where something else was written."""


def fit_features(study: Study, kind: FeatureKind, rows: np.ndarray) -> Features:
    """Features that at least ``MIN_PREVALENCE`` of the training samples have.

    Parameters
    ----------
    study
        The study.
    kind
        ``asv``: relative abundances of ASVs. ``clr``: centred log-ratios of these ASVs' reads + ``PSEUDOCOUNT``.
        ``clades``: log relative abundances of the clades (tips included) of the study's tree or, where there is none,
        of one made from the sequences (:func:`~aam.learners.clades.clades_of_sequences`).
    rows
        The training samples.
    """
    return KINDS[kind].fit(study, rows)


class AsvFeatures(Features):
    """Relative abundances of ASVs, which are known by their DNA; the reads of all others are in the total.

    Parameters
    ----------
    tokens
        Bases of the ``F`` ASVs, as in :class:`~aam.data.study.study.Study`.
    """

    kind = "asv"

    def __init__(self, tokens: np.ndarray) -> None:
        self.tokens = tokens
        self._indicator = PerAsvsCache(self._indicator_of)

    @classmethod
    def fit(cls, study: Study, rows: np.ndarray) -> Self:
        """Keep the prevalent ASVs, in the order of the table."""
        return cls(study.tokens[_prevalent(study.table.counts[rows])])

    @property
    def number(self) -> int:
        """Number of ASVs."""
        return len(self.tokens)

    def transform(self, study: Study, rows: np.ndarray) -> Any:
        """Their shares of a sample's reads, sparse."""
        counts = study.table.counts[rows]
        return scale_rows(self._reads(study, counts), 1 / totals(counts))

    def to_arrays(self) -> Stored:
        """The sequences."""
        return Stored({"tokens": self.tokens}, {"kind": self.kind})

    @classmethod
    def from_arrays(cls, stored: Stored) -> Self:
        """The features of these sequences."""
        return cls(read_tokens(stored))

    def _reads(self, study: Study, counts: csr_array) -> csr_array:
        """Reads of each ASV, ``B x F``."""
        found = csr_array(counts @ self._indicator(study))
        found.sort_indices()
        return found

    def _indicator_of(self, tokens: np.ndarray) -> csr_array:
        """Which of these ASVs is which feature, ``A x F`` of 0 and 1 (int64)."""
        feature_of = {key: place for place, key in enumerate(sequence_keys(self.tokens))}
        place_A = np.array([feature_of.get(key, -1) for key in sequence_keys(tokens)], dtype=np.int64)
        asvs = np.flatnonzero(place_A >= 0)
        shape = (len(place_A), self.number)
        return csr_array((np.ones(len(asvs), dtype=np.int64), (asvs, place_A[asvs])), shape)


class ClrFeatures(AsvFeatures):
    """Centred log-ratios of ASVs; an ASV that a study does not have has no reads in it."""

    kind = "clr"

    def transform(self, study: Study, rows: np.ndarray) -> Any:
        """The log-ratios, dense (float64)."""
        logs = np.log(self._reads(study, study.table.counts[rows]).toarray() + PSEUDOCOUNT)
        return logs - logs.mean(axis=1, keepdims=True)


class CladeFeatures(Features):
    """Log relative abundances of clades, ``log((x + FLOOR) / FLOOR)``, which is 0 where one is absent.

    Parameters
    ----------
    clades
        The tree, and the node of each known ASV.
    tokens
        Bases of the known ASVs.
    compared
        Places of the known ASVs that new ones are compared with.
    nodes
        Top nodes of the ``F`` clades.
    has_dna
        Whether ASVs have DNA. New ones without it belong to the root alone.
    """

    kind = "clades"

    def __init__(
        self, clades: Clades, tokens: np.ndarray, compared: np.ndarray, nodes: np.ndarray, *, has_dna: bool = True
    ) -> None:
        self.clades = clades
        self.tokens = tokens
        self.compared = compared
        self.nodes = nodes
        self.has_dna = has_dna
        self._on_tree = PerAsvsCache(self._placed)

    @classmethod
    def fit(cls, study: Study, rows: np.ndarray) -> Self:
        """Keep the clades that are prevalent and not alike in the training samples.

        Of those that are alike the largest stays: it counts relatives, too, that only other samples have.
        """
        counts = study.table.counts[rows]
        prevalence = _prevalence(counts)
        if study.tree is None or study.phylogeny is None:
            clades = clades_of_sequences(study.tokens, prevalence)
        else:
            clades = Clades(study.tree.parent, study.tree.tips[study.phylogeny.tip_A])
        largest_first = np.argsort(-asvs_per_clade(clades), kind="stable")
        found = clade_counts(counts, clades, largest_first)
        kept = _prevalent(found)
        nodes = largest_first[kept][_distinct(csc_array(found[:, kept]))]
        return cls(clades, study.tokens, most_prevalent(prevalence), nodes, has_dna=study.has_dna)

    @property
    def number(self) -> int:
        """Number of clades."""
        return len(self.nodes)

    def transform(self, study: Study, rows: np.ndarray) -> Any:
        """The logs, sparse."""
        counts = study.table.counts[rows]
        return log_abundances(clade_counts(counts, self._on_tree(study), self.nodes), totals(counts))

    def place(self, tokens: np.ndarray) -> np.ndarray:
        """Node of each sequence, ``A``: its own where it is known, else that of the one it resembles most.

        Names of tips are not asked: those of the stored tree are known sequences anyway, and an id such as ``ASV7``
        is another sequence in each study.
        """
        node_of = dict(zip(sequence_keys(self.tokens), self.clades.node_of_asv.tolist(), strict=True))
        node_A = np.array([node_of.get(key, -1) for key in sequence_keys(tokens)], dtype=np.int64)
        new = np.flatnonzero(node_A < 0)
        if not self.has_dna:
            node_A[new] = len(self.clades.parent) - 1
            return node_A
        nearest = nearest_sequences(tokens[new], self.tokens[self.compared])
        node_A[new] = self.clades.node_of_asv[self.compared[nearest]]
        return node_A

    def to_arrays(self) -> Stored:
        """The tree, the sequences and the clades."""
        places = {
            "parent": self.clades.parent,
            "node_of_asv": self.clades.node_of_asv,
            "compared": self.compared,
            "nodes": self.nodes,
        }
        arrays = {name: values.astype(np.int32) for name, values in places.items()}
        return Stored({"tokens": self.tokens, **arrays}, {"kind": self.kind})

    @classmethod
    def from_arrays(cls, stored: Stored) -> Self:
        """The features of this tree."""
        tokens = read_tokens(stored)
        parent = read_parents(stored)
        number = len(parent)
        node_of_asv = read_places(stored, "node_of_asv", number, len(tokens))
        compared = read_places(stored, "compared", len(tokens))
        need(len(compared) > 0, "there is no sequence to compare new ones with")
        nodes = read_places(stored, "nodes", number)
        return cls(Clades(parent, node_of_asv), tokens, compared, nodes, has_dna=not takes_names(stored.facts))

    def _placed(self, tokens: np.ndarray) -> Clades:
        return Clades(self.clades.parent, self.place(tokens))


KINDS: dict[str, type[Features]] = {cls.kind: cls for cls in (AsvFeatures, ClrFeatures, CladeFeatures)}


def read_features(stored: Stored) -> Features:
    """Fitted features of the kind that their facts name.

    Raises
    ------
    ValueError
        If something else was written.
    """
    kind = stored.facts.get("kind")
    need(isinstance(kind, str) and kind in KINDS, "unknown kind of features")
    return KINDS[str(kind)].from_arrays(stored)


def read_tokens(stored: Stored) -> np.ndarray:
    """Sequences over ACGTN, or names where the facts say so, padded at their ends."""
    tokens = stored.array("tokens", np.uint8, (None, None))
    need(takes_names(stored.facts) or bool((tokens <= alphabet.N).all()), "a sequence has letters other than bases")
    is_pad = tokens == alphabet.PAD
    need(not bool((is_pad[:, :-1] & ~is_pad[:, 1:]).any()), "a sequence has a gap")
    need(len(set(sequence_keys(tokens))) == len(tokens), "duplicate sequence")
    return tokens


def read_parents(stored: Stored) -> np.ndarray:
    """Parent of each node of a tree (int64), which comes after it; -1 for the root, which is the last."""
    parent = stored.array("parent", np.int32, (None,)).astype(np.int64)
    number = len(parent)
    need(number > 0 and parent[-1] == -1, "the tree of clades has no root")
    above = parent[:-1]
    need(bool((above > np.arange(number - 1)).all() and (above < number).all()), "the clades do not form a tree")
    return parent


def read_places(stored: Stored, name: str, number: int, length: int | None = None) -> np.ndarray:
    """Places from 0 to ``number - 1`` (int64)."""
    places = stored.array(name, np.int32, (length,)).astype(np.int64)
    need(bool((places >= 0).all() and (places < number).all()), f"'{name}' is out of range")
    return places


def _distinct(counts: csc_array) -> np.ndarray:
    """Of the columns that are alike, the first; ascending."""
    counts.sort_indices()
    first: dict[bytes, int] = {}
    for column, (start, end) in enumerate(zip(counts.indptr[:-1], counts.indptr[1:], strict=True)):
        cells = counts.indices[start:end].tobytes() + counts.data[start:end].tobytes()
        first.setdefault(hashlib.blake2b(cells, digest_size=16).digest(), column)
    return np.array(list(first.values()), dtype=np.int64)


def _prevalence(counts: csr_array) -> np.ndarray:
    """How many samples have each column."""
    return np.bincount(counts.indices, minlength=counts.shape[1])


def _prevalent(counts: csr_array) -> np.ndarray:
    """The columns that enough of the training samples have."""
    least = max(1, np.ceil(MIN_PREVALENCE * counts.shape[0]))
    return np.flatnonzero(_prevalence(counts) >= least)
