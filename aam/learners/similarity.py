"""How alike two samples are: what kernel learners compare, without a look at the targets.

Similarities need not be positive definite: what belongs to negative eigenvalues is left out by those who use them.

Legend: ``B`` samples, ``N`` training samples that they are compared with, ``A`` known ASVs, ``K`` nodes of a tree,
``F`` features.

References
----------
Gower (1966), Some distance properties of latent root and vector methods used in multivariate analysis, Biometrika 53
(half the negative squared distance as a similarity). Lozupone, Knight (2005), UniFrac: a new phylogenetic method for
comparing microbial communities, Applied and Environmental Microbiology 71. Aitchison (1982), The statistical analysis
of compositional data, Journal of the Royal Statistical Society B 44 (log-ratios).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
from scipy.sparse import csr_array

from aam.config.json_dataclass import need
from aam.config.tuning.settings import LearnerSettings
from aam.learners.clades import clade_counts, log_abundances
from aam.learners.features import read_places
from aam.learners.reference import DNA, ENCODER, Reads, Reference
from aam.learners.stored import Stored

USUAL = LearnerSettings()
MIN_ASV_PREVALENCE = LearnerSettings.asv_prevalence
MIN_CLADE_PREVALENCE = LearnerSettings.clade_prevalence
"""Share of the training samples that must have an ASV, or a clade, where nothing else is asked for."""
MAX_CORRELATION = 0.9
"""Of a clade with a larger one that it is kept beside."""
TINY = 1e-12
PSEUDOCOUNT = 0.5
"""Reads that every ASV gets before logarithms are taken."""
COLUMNS_AT_ONCE = 2_048
LARGEST_WIDTH = 1e100
"""Of a stored kernel, so that its square is a number."""


class Similarity(ABC):
    """Compares samples with the training samples that a reference keeps.

    Parameters
    ----------
    reference
        The training samples, and what is known of their ASVs.
    """

    names: ClassVar[tuple[str, ...]]
    """The names of the catalogue that it serves."""

    def __init__(self, reference: Reference) -> None:
        self.reference = reference

    @classmethod
    @abstractmethod
    def fit(cls, name: str, reference: Reference, settings: LearnerSettings = USUAL) -> Self:
        """Choose features by the training samples."""

    @abstractmethod
    def embed(self, reads: Reads) -> Any:
        """What is compared of some samples."""

    @cached_property
    def embedded(self) -> Any:
        """The same of the training samples that are kept."""
        return self.embed(self.reference.reads)

    @abstractmethod
    def between(self, first: Any, second: Any) -> np.ndarray:
        """Similarities of what was embedded, ``B x N`` (float64)."""

    def to_arrays(self) -> Stored:
        """What :meth:`from_arrays` makes the same of; nothing where the reference is all."""
        return Stored({}, {})

    @classmethod
    @abstractmethod
    def from_arrays(cls, name: str, stored: Stored, reference: Reference) -> Self:
        """From an untrusted source; :class:`ValueError` where something else was written."""


class JaccardSimilarity(Similarity):
    """Shared ASVs among all ASVs of two samples; new ASVs are shared with nobody."""

    names = ("jaccard",)

    @classmethod
    def fit(cls, name: str, reference: Reference, settings: LearnerSettings = USUAL) -> Self:
        """Nothing is chosen."""
        return cls(reference)

    def embed(self, reads: Reads) -> Any:
        """Presence of the known ASVs, and the number of all."""
        return _presence(reads.exact), reads.richness.astype(np.float64)

    def between(self, first: Any, second: Any) -> np.ndarray:
        """Half the negative squared Jaccard distance."""
        shared = np.asarray((first[0] @ second[0].T).toarray(), dtype=np.float64)
        return _of_shared(shared, first[1], second[1])

    @classmethod
    def from_arrays(cls, name: str, stored: Stored, reference: Reference) -> Self:
        """Nothing is stored."""
        return cls(reference)


class UnifracSimilarity(Similarity):
    """Shared branch length of two samples: unweighted UniFrac.

    Parameters
    ----------
    reference
        The reference.
    tree
        Name of the tree.
    """

    names = ("unifrac-dna", "unifrac-phylogeny")

    def __init__(self, reference: Reference, tree: str) -> None:
        super().__init__(reference)
        self.clades = reference.trees[tree]
        assert self.clades.length is not None
        self.nodes = np.flatnonzero(self.clades.length > 0)
        self.root_length = np.sqrt(self.clades.length[self.nodes]).astype(np.float32)

    @classmethod
    def fit(cls, name: str, reference: Reference, settings: LearnerSettings = USUAL) -> Self:
        """Nothing is chosen."""
        return cls(reference, name.partition("-")[2])

    def embed(self, reads: Reads) -> Any:
        """Square roots of the lengths of the branches above a sample's ASVs, ``B x K``, and their sums of squares."""
        present = clade_counts(reads.placed, self.clades, self.nodes).toarray() > 0
        roots = present * self.root_length
        return roots, np.einsum("ij,ij->i", roots, roots, dtype=np.float64)

    def between(self, first: Any, second: Any) -> np.ndarray:
        """Half the negative squared UniFrac distance."""
        return _of_shared(_products(first[0], second[0]), first[1], second[1])

    @classmethod
    def from_arrays(cls, name: str, stored: Stored, reference: Reference) -> Self:
        """Nothing is stored."""
        need(name.partition("-")[2] in reference.trees, "a tree is lacking")
        return cls.fit(name, reference)


class FeatureSimilarity(Similarity):
    """Inner products of features, or a Gaussian function of their Euclidean distances.

    Parameters
    ----------
    reference
        The reference.
    columns
        The ``F`` ASVs or nodes that are features.
    width
        Standard deviation of the Gaussian, the median distance of training samples; 0 for inner products.
    """

    def __init__(self, reference: Reference, columns: np.ndarray, width: float) -> None:
        super().__init__(reference)
        self.columns = columns
        self.width = width

    @classmethod
    @abstractmethod
    def choose(cls, name: str, reference: Reference, settings: LearnerSettings = USUAL) -> np.ndarray:
        """The features."""

    @classmethod
    def fit(cls, name: str, reference: Reference, settings: LearnerSettings = USUAL) -> Self:
        """Choose the features, and the width where it is radial."""
        found = cls(reference, cls.choose(name, reference, settings), 0.0)
        if name.endswith("-radial"):
            squares = _squared_distances(found.embedded, found.embedded)
            median = float(np.sqrt(np.median(squares[np.triu_indices(len(squares), 1)])))
            found.width = settings.kernel_width * (median or 1.0)
        return found

    def between(self, first: Any, second: Any) -> np.ndarray:
        """Inner products, or Gaussian similarities."""
        if not self.width:
            return _products(first, second)
        return np.exp(-_squared_distances(first, second) / (2 * self.width**2))

    def to_arrays(self) -> Stored:
        """The features and the width."""
        return Stored({"columns": self.columns.astype(np.int32), "width": np.array([self.width])}, {})

    @classmethod
    def from_arrays(cls, name: str, stored: Stored, reference: Reference) -> Self:
        """Checked features."""
        columns = read_places(stored, "columns", cls.num_choices(reference))
        width = float(stored.array("width", np.float64, (1,))[0])
        fits = 1 / LARGEST_WIDTH < width < LARGEST_WIDTH if name.endswith("-radial") else width == 0
        need(fits, "a kernel has another width")
        return cls(reference, columns, width)

    @classmethod
    @abstractmethod
    def num_choices(cls, reference: Reference) -> int:
        """What features are chosen from."""


class ClrSimilarity(FeatureSimilarity):
    """Centred log-ratios of the prevalent ASVs."""

    names = ("clr-linear", "clr-radial")

    @classmethod
    def choose(cls, name: str, reference: Reference, settings: LearnerSettings = USUAL) -> np.ndarray:
        """ASVs that enough training samples have."""
        least = max(1, np.ceil(settings.asv_prevalence * reference.num_samples))
        return np.flatnonzero(reference.prevalence >= least)

    @classmethod
    def num_choices(cls, reference: Reference) -> int:
        """ASVs."""
        return len(reference.tokens)

    def embed(self, reads: Reads) -> Any:
        """Log-ratios, dense (float32)."""
        logs = np.log(reads.exact[:, self.columns].toarray() + PSEUDOCOUNT)
        return (logs - logs.mean(axis=1, keepdims=True)).astype(np.float32)


class CladeSimilarity(FeatureSimilarity):
    """Log relative abundances of clades of the DNA tree."""

    names = ("clades-linear", "clades-radial")
    tree: ClassVar[str] = DNA

    @classmethod
    def choose(cls, name: str, reference: Reference, settings: LearnerSettings = USUAL) -> np.ndarray:
        """Clades that enough training samples have."""
        return prevalent_clades(reference, cls.tree, settings.clade_prevalence)

    @classmethod
    def num_choices(cls, reference: Reference) -> int:
        """Nodes."""
        need(cls.tree in reference.trees, "a tree is lacking")
        return len(reference.trees[cls.tree].parent)

    def embed(self, reads: Reads) -> Any:
        """The logs, dense (float32)."""
        return log_clades(reads, self.reference, self.tree, self.columns).toarray().astype(np.float32)


class EncoderCladeSimilarity(CladeSimilarity):
    """The same of the tree of an encoder's vectors."""

    names = ("encoder-linear", "encoder-radial")
    tree = ENCODER


def prevalent_clades(reference: Reference, tree: str, prevalence: float = MIN_CLADE_PREVALENCE) -> np.ndarray:
    """Nodes that at least so many of the kept training samples have."""
    counts = clade_counts(reference.reads.placed, reference.trees[tree])
    least = max(1, np.ceil(prevalence * counts.shape[0]))
    return np.flatnonzero(np.bincount(counts.indices, minlength=counts.shape[1]) >= least)


def distinct_clades(reference: Reference, tree: str, prevalence: float = MIN_CLADE_PREVALENCE) -> np.ndarray:
    """Prevalent clades whose log abundances differ from those of the nearest larger clade that is one of them.

    Trees that try a share of all features take half the time, and predict no worse.
    """
    nodes = prevalent_clades(reference, tree, prevalence)
    logs = log_clades(reference.reads, reference, tree, nodes).toarray()
    centred = logs - logs.mean(axis=0)
    standard = centred / np.maximum(np.sqrt((centred**2).sum(axis=0)), TINY)
    parent, place_of = reference.trees[tree].parent, {node: place for place, node in enumerate(nodes.tolist())}
    chosen, above = [], np.full(len(parent), -1)
    for node in range(len(parent) - 1, -1, -1):
        nearest = above[parent[node]] if parent[node] >= 0 else -1
        place = place_of.get(node)
        if place is not None and (nearest < 0 or standard[:, place] @ standard[:, nearest] < MAX_CORRELATION):
            chosen.append(node)
            nearest = place
        above[node] = nearest
    return np.sort(np.array(chosen, dtype=np.int64))


def log_clades(reads: Reads, reference: Reference, tree: str, nodes: np.ndarray) -> csr_array:
    """Log abundances of clades, ``B x F``; 0 where one is absent."""
    return log_abundances(clade_counts(reads.placed, reference.trees[tree], nodes), reads.total)


def _presence(counts: csr_array) -> csr_array:
    return csr_array((np.ones(len(counts.data), dtype=np.float32), counts.indices, counts.indptr), counts.shape)


def _of_shared(shared: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Half the negative squared distance 1 - shared / union; two samples without anything are the same."""
    union = first[:, None] + second[None, :] - shared
    distance = np.clip(1 - np.divide(shared, union, out=np.ones_like(shared), where=union > 0), 0, 1)
    similarity: np.ndarray = -(distance**2) / 2
    return similarity


def _squared_distances(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    sums = [np.einsum("ij,ij->i", some, some, dtype=np.float64) for some in (first, second)]
    return np.maximum(sums[0][:, None] + sums[1][None, :] - 2 * _products(first, second), 0)


def _products(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Inner products of rows, ``B x N``, in double precision: what is written must not depend on who else is asked."""
    found = np.zeros((len(first), len(second)))
    for start in range(0, first.shape[1], COLUMNS_AT_ONCE):
        some = slice(start, start + COLUMNS_AT_ONCE)
        found += first[:, some].astype(np.float64) @ second[:, some].astype(np.float64).T
    return found


KINDS = (JaccardSimilarity, UnifracSimilarity, ClrSimilarity, CladeSimilarity, EncoderCladeSimilarity)
SIMILARITIES: dict[str, type[Similarity]] = {name: kind for kind in KINDS for name in kind.names}
"""Name of the catalogue -> what compares."""
