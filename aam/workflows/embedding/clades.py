"""Vectors of clades: the mean of their ASVs' vectors, weighted by reads.

Legend: ``A`` ASVs, ``K`` nodes of the tree, ``F`` clades, ``D`` width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array

from aam.data.counts.blocks import prevalence
from aam.errors import ConfigError
from aam.files.columns import Columns
from aam.workflows.embedding.vectors import Vectors

if TYPE_CHECKING:
    from aam.data.study.study import Study
    from aam.learners.clades import Clades
    from aam.workflows.trained.model import TrainedModel

SAMPLES_AT_ONCE = 1_024
MIN_PREVALENCE = 0.02
"""Share of the samples that have a clade which is written."""


@dataclass(frozen=True, eq=False)
class NamedTree:
    """A tree that the ASVs of a study are on.

    Attributes
    ----------
    name
        Begins the names of its clades.
    words
        What it is, in words.
    clades
        The tree, and the node of each ASV.
    is_on
        Which of the ASVs are on it.
    """

    name: str
    words: str
    clades: Clades
    is_on: np.ndarray


@dataclass(frozen=True, eq=False)
class CladeVectors:
    """Vectors of clades, what these are, and which ASVs are in them.

    Attributes
    ----------
    vectors
        A row for each clade.
    clades
        The smallest larger clade (empty where there is none), ASVs, share of all reads and most frequent ASV of each.
    members
        The smallest of these clades that each ASV is in.
    """

    vectors: Vectors
    clades: Columns
    members: Columns


def tree_for_clades(model: TrainedModel, study: Study, given: NamedTree | None) -> NamedTree:
    """The tree of the clades: that which is given, else that of the model, else one made of the table's DNA.

    Raises
    ------
    ConfigError
        If there is none, and the ASVs have no DNA.
    """
    from aam.learners.clades import clades_of_sequences
    from aam.learners.reference import DNA, PHYLOGENY
    from aam.workflows.trained.combined import CombinedModel

    if given is not None:
        return given
    reference = model.predictor.reference if isinstance(model, CombinedModel) else None
    every = np.ones(study.shape[1], dtype=bool)
    if reference is not None:
        for name, words in ((PHYLOGENY, "the tree that the model was trained with"), (DNA, "the model's tree of DNA")):
            if name in reference.trees:
                place = reference.placement(study)
                own = reference.trees[name]
                is_on = every if study.has_dna else place.known >= 0
                return NamedTree(name, words, type(own)(own.parent, own.node_of_asv[place.nearest]), is_on)
    if not study.has_dna:
        raise ConfigError("--of clades needs --tree: the ASVs have no DNA to make a tree of, and the model has none")
    clades = clades_of_sequences(study.tokens, prevalence(study.table.counts))
    return NamedTree("table", "a tree of this table's DNA", clades, every)


def clade_vectors(study: Study, vectors_AD: np.ndarray, tree: NamedTree) -> CladeVectors:
    """Vectors of the clades of two ASVs or more that enough samples have.

    Parameters
    ----------
    study
        The samples.
    vectors_AD
        Vectors of its ASVs.
    tree
        The tree.
    """
    counts, parent = study.table.counts, tree.clades.parent
    node_A = tree.clades.node_of_asv
    reads_A = np.where(tree.is_on, np.asarray(counts.sum(axis=0), dtype=np.float64).ravel(), 0.0)
    asvs_K = _summed(parent, node_A, tree.is_on.astype(np.float64))
    chosen = _chosen(counts, tree, asvs_K)
    reads_K = _summed(parent, node_A, reads_A)
    sums_KD = _summed(parent, node_A, reads_A[:, None] * vectors_AD)
    values = (sums_KD[chosen] / reads_K[chosen][:, None]).astype(np.float32)
    ids = np.array([f"{tree.name}_node_{node}" for node in chosen], dtype=object)
    within = _nearest_above(parent, chosen)
    names = np.append(ids, "")
    asv_ids = study.table.asv_ids
    top = _most_frequent(parent, node_A, reads_A)[chosen]
    total = float(counts.sum())
    words = (
        f"A clade's vector is the mean of its ASVs' vectors, weighted by reads; the clades are those of {tree.words} "
        f"with two ASVs or more that {MIN_PREVALENCE:.0%} of the samples have."
    )
    of_clades = {
        "id": ids,
        "within": names[within[parent[chosen]]],
        "asvs": asvs_K[chosen].astype(np.int64),
        "share_of_reads": reads_K[chosen] / total,
        "most_frequent_asv": asv_ids[top],
    }
    smallest = np.where(tree.is_on, within[node_A], len(ids))
    members = {"feature-id": asv_ids, "clade": names[smallest]}
    return CladeVectors(Vectors("clades", ids, values, words), Columns(of_clades), Columns(members))


def _chosen(counts: csr_array, tree: NamedTree, asvs_K: np.ndarray) -> np.ndarray:
    """Nodes of at least two ASVs that enough samples have, without those that hold what their only child does."""
    from aam.learners.clades import Clades, clade_counts

    on_tree = np.flatnonzero(tree.is_on)
    clades = Clades(tree.clades.parent, tree.clades.node_of_asv[on_tree])
    present_K = np.zeros(len(tree.clades.parent), dtype=np.int64)
    for start in range(0, counts.shape[0], SAMPLES_AT_ONCE):
        some = clade_counts(csr_array(counts[start : start + SAMPLES_AT_ONCE][:, on_tree]), clades)
        present_K += np.bincount(some.indices[some.data > 0], minlength=len(present_K))
    is_same = np.zeros(len(present_K), dtype=bool)
    above = tree.clades.parent[:-1]
    is_same[above[asvs_K[:-1] == asvs_K[above]]] = True
    enough = present_K >= max(1, MIN_PREVALENCE * counts.shape[0])
    return np.flatnonzero((asvs_K > 1) & enough & ~is_same)


def _summed(parent: np.ndarray, node_A: np.ndarray, values_A: np.ndarray) -> np.ndarray:
    """Sum of the values of the ASVs at each node or below it; children come before their parents."""
    found = np.zeros((len(parent), *values_A.shape[1:]))
    np.add.at(found, node_A, values_A)
    for node, up in enumerate(parent[:-1].tolist()):
        found[up] += found[node]
    return found


def _most_frequent(parent: np.ndarray, node_A: np.ndarray, reads_A: np.ndarray) -> np.ndarray:
    """The ASV with the most reads at each node or below it."""
    best, most = [0] * len(parent), [-1.0] * len(parent)
    for asv, (node, reads) in enumerate(zip(node_A.tolist(), reads_A.tolist(), strict=True)):
        if reads > most[node]:
            best[node], most[node] = asv, reads
    for node, up in enumerate(parent[:-1].tolist()):
        if most[node] > most[up]:
            best[up], most[up] = best[node], most[node]
    return np.array(best)


def _nearest_above(parent: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Place of the smallest chosen clade that each node is in, itself among them; one past the last where none is.

    The parent of the root, -1, is the last entry, which is the root's own.
    """
    place = np.full(len(parent), -1)
    place[chosen] = np.arange(len(chosen))
    found, nothing = np.empty(len(parent) + 1, dtype=np.int64), len(chosen)
    found[-1] = nothing
    for node in range(len(parent) - 1, -1, -1):
        above = found[parent[node]] if parent[node] >= 0 else nothing
        found[node] = place[node] if place[node] >= 0 else above
    return found
