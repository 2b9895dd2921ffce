"""What the learners of a blend share: the ASVs that they know, trees of these, and training samples to compare with.

It is made once for a study, without a look at the targets, and stored once in the model folder.

Legend: ``N`` training samples that are kept, ``B`` rows that are asked for, ``A`` known ASVs, ``K`` nodes of a tree.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csr_array

from aam.config.json_dataclass import need
from aam.data.readers.feature_ids import takes_names
from aam.learners.clades import (
    Clades,
    clades_of_sequences,
    clades_of_vectors,
    totals,
)
from aam.learners.features import read_parents, read_places, read_tokens
from aam.learners.known_asvs import KnownAsvs, Placement
from aam.learners.stored import Stored

if TYPE_CHECKING:
    from aam.data.study.study import Study

DNA, PHYLOGENY, ENCODER = "dna", "phylogeny", "encoder"
TREES = (DNA, PHYLOGENY, ENCODER)
MAX_SAMPLES = 1_500
"""Training samples that are kept. More than these are learned from, and compared with a random choice of so many."""
MAX_READS = 2**31 - 1
Encode = Callable[[np.ndarray], np.ndarray]
"""From the bases of ASVs, ``A x L``, to their vectors, ``A x D``."""


@dataclass(frozen=True, eq=False)
class Reads:
    """Reads of some samples by known ASVs.

    Attributes
    ----------
    exact
        ``B x A`` reads of known ASVs.
    placed
        ``B x A`` all reads; those of a new ASV count with the known one that it resembles most.
    total
        All reads of each sample (``B``).
    richness
        ASVs of each sample, new ones too (``B``).
    """

    exact: csr_array
    placed: csr_array
    total: np.ndarray
    richness: np.ndarray

    def __len__(self) -> int:
        return len(self.total)


class Reference:
    """The known ASVs, their trees, and training samples.

    Parameters
    ----------
    tokens
        Bases of the ``A`` ASVs, as in :class:`~aam.data.study.study.Study`.
    prevalence
        How many of all training samples have each ASV.
    num_samples
        All training samples.
    counts
        ``N x A`` reads of those that are kept.
    trees
        ``dna``: made from the sequences; ``phylogeny``: the tree that was given, where one was; ``encoder``: made from
        a pre-trained encoder's vectors of the ASVs, where there is one.
    has_dna
        Whether ASVs are known by their DNA, and not by their names alone; without it new ones resemble none.
    """

    def __init__(
        self,
        tokens: np.ndarray,
        prevalence: np.ndarray,
        num_samples: int,
        counts: csr_array,
        trees: Mapping[str, Clades],
        *,
        has_dna: bool = True,
    ) -> None:
        self.tokens = tokens
        self.prevalence = prevalence
        self.num_samples = num_samples
        self.counts = counts
        self.trees = dict(trees)
        self.asvs = KnownAsvs(tokens, prevalence, has_dna=has_dna)

    @classmethod
    def fit(cls, study: Study, rows: np.ndarray, seed: int = 42, encode: Encode | None = None) -> Reference:
        """The ASVs of a study's training samples, and its samples, or a random choice of them.

        Parameters
        ----------
        study
            Its tree, where it has one, is a second tree beside the one made from the sequences.
        rows
            The training samples.
        seed
            Seed of the choice.
        encode
            Makes an encoder's vectors of ASVs from their bases.
        """
        counts = study.table.counts[rows]
        prevalence = np.bincount(counts.indices, minlength=counts.shape[1])
        asvs = np.flatnonzero(prevalence)
        kept = kept_samples(len(rows), seed)
        trees = {DNA: clades_of_sequences(study.tokens[asvs], prevalence[asvs])} if study.has_dna else {}
        if study.tree is not None and study.phylogeny is not None:
            nodes = study.tree.tips[study.phylogeny.tip_A[asvs]]
            trees[PHYLOGENY] = Clades(study.tree.parent, nodes, study.tree.length)
        if encode is not None:
            trees[ENCODER] = clades_of_vectors(encode(study.tokens[asvs]), prevalence[asvs])
        own = csr_array(counts[kept][:, asvs])
        own.sort_indices()
        return cls(study.tokens[asvs], prevalence[asvs], len(rows), own, trees, has_dna=study.has_dna)

    def first(self, number: int) -> Reference:
        """The same with fewer samples to compare with."""
        own = csr_array(self.counts[:number])
        found = Reference(self.tokens, self.prevalence, self.num_samples, own, self.trees, has_dna=self.has_dna)
        found.asvs = self.asvs
        return found

    @property
    def has_dna(self) -> bool:
        """Whether ASVs are known by their DNA."""
        return self.asvs.has_dna

    @cached_property
    def reads(self) -> Reads:
        """Reads of the kept training samples."""
        return Reads(self.counts, self.counts, totals(self.counts), np.diff(self.counts.indptr))

    def reads_of(self, study: Study, rows: np.ndarray) -> Reads:
        """Reads of some samples of any study."""
        counts, placement = study.table.counts[rows], self.asvs.placement(study)
        known = placement.known >= 0
        exact = _moved(counts, np.flatnonzero(known), placement.known[known], len(self.tokens))
        is_placed = known.all() or not self.has_dna
        placed = exact if is_placed else _moved(counts, np.arange(len(known)), placement.nearest, len(self.tokens))
        return Reads(exact, placed, totals(counts), np.diff(counts.indptr))

    def placement(self, study: Study) -> Placement:
        """Where the ASVs of a study belong."""
        return self.asvs.placement(study)

    @property
    def facts(self) -> dict[str, Any]:
        """What is stored beside the arrays."""
        return {"trees": list(self.trees), "num_samples": self.num_samples}

    def to_arrays(self) -> Stored:
        """Arrays by name."""
        arrays = {
            "tokens": self.tokens,
            "prevalence": self.prevalence.astype(np.int32),
            "counts.data": np.minimum(self.counts.data, MAX_READS).astype(np.int32),
            "counts.indices": self.counts.indices.astype(np.int32),
            "counts.indptr": self.counts.indptr.astype(np.int64),
        }
        for name, clades in self.trees.items():
            assert clades.length is not None
            arrays[f"{name}.parent"] = clades.parent.astype(np.int32)
            arrays[f"{name}.node_of_asv"] = clades.node_of_asv.astype(np.int32)
            arrays[f"{name}.length"] = clades.length.astype(np.float64)
        return Stored(arrays, self.facts)

    @classmethod
    def from_arrays(cls, stored: Stored) -> Reference:
        """From an untrusted source.

        Raises
        ------
        ValueError
            Saying in a few words what cannot be right.
        """
        tokens, trees, number = read_tokens(stored), stored.facts.get("trees"), stored.facts.get("num_samples")
        has_dna = not takes_names(stored.facts)
        need(isinstance(trees, list) and all(name in TREES for name in trees), "unknown tree")
        assert isinstance(trees, list)
        need((DNA in trees) == has_dna, "unknown tree")
        prevalence = stored.array("prevalence", np.int32, (len(tokens),)).astype(np.int64)
        need(len(tokens) > 0, "no ASV is known")
        need(isinstance(number, int) and bool((prevalence > 0).all() and (prevalence <= number).all()), "prevalence")
        counts = _read_counts(stored.part("counts."), len(tokens))
        assert isinstance(number, int)
        need(counts.shape[0] <= number, "more samples than there were")
        return cls(
            tokens,
            prevalence,
            number,
            counts,
            {name: _read_tree(stored.part(f"{name}."), len(tokens)) for name in trees},
            has_dna=has_dna,
        )


def kept_samples(number: int, seed: int) -> np.ndarray:
    """Places of the training samples that are kept, ascending: all, or ``MAX_SAMPLES`` at random."""
    if number <= MAX_SAMPLES:
        return np.arange(number)
    return np.sort(np.random.default_rng(seed).choice(number, MAX_SAMPLES, replace=False))


def _moved(counts: csr_array, asvs: np.ndarray, places: np.ndarray, number: int) -> csr_array:
    """Counts with columns put at other places, and summed where several have one place."""
    indicator = csr_array((np.ones(len(asvs), dtype=np.int64), (asvs, places)), (counts.shape[1], number))
    moved = csr_array(counts @ indicator)
    moved.sort_indices()
    return moved


def _read_counts(stored: Stored, num_asvs: int) -> csr_array:
    """Reads of samples, each of which has some."""
    indptr = stored.array("indptr", np.int64, (None,))
    ascends = len(indptr) > 1 and indptr[0] == 0 and bool((np.diff(indptr) > 0).all())
    need(ascends, "the samples' reads are not in order")
    indices = read_places(stored, "indices", num_asvs, int(indptr[-1]))
    data = stored.array("data", np.int32, (int(indptr[-1]),)).astype(np.int64)
    need(bool((data > 0).all()), "a number of reads is not positive")
    is_start = np.zeros(len(indices), dtype=bool)
    is_start[indptr[:-1]] = True
    need(bool((np.diff(indices)[~is_start[1:]] > 0).all()), "an ASV stands twice in a sample")
    return csr_array((data, indices, indptr), (len(indptr) - 1, num_asvs))


def _read_tree(stored: Stored, num_asvs: int) -> Clades:
    """A tree whose nodes come before their parents."""
    parent = read_parents(stored)
    number = len(parent)
    length = stored.array("length", np.float64, (number,))
    need(bool((length >= 0).all() and np.isfinite(length.sum())), "a branch has no length")
    return Clades(parent, read_places(stored, "node_of_asv", number, num_asvs), length)


def reference_facts(value: Any) -> Mapping[str, Any] | None:
    """What a manifest says of a reference; None where a model has none."""
    need(value is None or isinstance(value, dict), "the reference is no object")
    found: Mapping[str, Any] | None = value
    return found
