"""Groups of ASVs whose part in a prediction is measured: single ASVs, clades of a tree, taxa of a rank.

Legend of shapes: ``N`` samples, ``A`` ASVs of the study, ``G`` groups, ``K`` nodes of a tree.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from aam.data.counts.blocks import prevalence
from aam.data.readers.taxonomy import Taxonomy
from aam.data.study.study import Study
from aam.learners.clades import Clades, clades_of_sequences
from aam.text import shorten

ASV, CLADE = "asv", "clade"
RANKS = ("domain", "phylum", "class", "order", "family", "genus", "species")
"""Ranks of a lineage, from the first."""
MIN_PREVALENCE = 0.02
"""Share of the samples that must have a group: the part of a rarer one cannot be told from chance."""
LARGEST_CLADE = 0.5
"""Share of the study's ASVs above which a clade says nothing: nearly all samples are mostly of it."""
ALIKE = 0.9
"""Share of the ASVs of a clade above which one that is nested in it is left out, as nearly the same."""
HASH_LENGTH = 8
LONGEST_NAME = 20


@dataclass(frozen=True, kw_only=True, eq=False)
class AsvGroups:
    """Sets of ASVs of one level; an ASV may be in several groups (clades are nested), or in none.

    Attributes
    ----------
    level
        ``asv``, ``clade`` or a rank of the taxonomy.
    names
        Id of each group (``G``), unique within the level: the ASV's id, ``clade-17``, or the lineage down to the rank.
    labels
        How each is shown: a taxon's name where a taxonomy is known.
    members
        Which ASVs are in each group: ``G x A`` of 0 and 1 (int64).
    taxa
        The lineage that the ASVs of each group have in common, ranks separated by ``; ``; empty where none is known.
    """

    level: str
    names: tuple[str, ...]
    labels: tuple[str, ...]
    members: csr_array
    taxa: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.taxa:
            object.__setattr__(self, "taxa", ("",) * len(self.names))

    def __len__(self) -> int:
        return len(self.names)

    @property
    def size_G(self) -> np.ndarray:
        """ASVs of each group."""
        return np.diff(self.members.indptr)

    def counts(self, counts_NA: csr_array) -> csr_array:
        """Reads of each group in samples, ``N x G``."""
        return csr_array(counts_NA @ self.members.T)

    def take(self, chosen_G: np.ndarray) -> AsvGroups:
        """Some of the groups."""
        places = np.arange(len(self))[chosen_G]
        return AsvGroups(
            level=self.level,
            names=tuple(self.names[g] for g in places),
            labels=tuple(self.labels[g] for g in places),
            members=self.members[places],
            taxa=tuple(self.taxa[g] for g in places),
        )

    def prevalent(self, counts_NA: csr_array, least: float = MIN_PREVALENCE) -> AsvGroups:
        """The groups that at least this share of samples have, and at least one."""
        prevalence_G = np.bincount(self.counts(counts_NA).indices, minlength=len(self))
        return self.take(prevalence_G >= max(1, np.ceil(least * counts_NA.shape[0])))

    def most_prevalent(self, counts_NA: csr_array, most: int) -> AsvGroups:
        """So many of the groups at most: those that most samples have, in their order."""
        prevalence_G = np.bincount(self.counts(counts_NA).indices, minlength=len(self))
        return self.take(np.sort(np.argsort(-prevalence_G, kind="stable")[:most]))


def asv_groups(study: Study, taxonomy: Taxonomy | None = None) -> AsvGroups:
    """Each ASV by itself."""
    number = len(study.lengths)
    members = csr_array((np.ones(number, dtype=np.int64), (np.arange(number), np.arange(number))))
    lineages = _lineages(study, taxonomy)
    labels = [_asv_label(study, a, line) for a, line in enumerate(lineages)]
    taxa = tuple("; ".join(line) for line in lineages)
    return AsvGroups(level=ASV, names=asv_names(study), labels=tuple(labels), members=members, taxa=taxa)


def asv_names(study: Study) -> tuple[str, ...]:
    """Id of each ASV: the table's own, or its sequence where (in merged tables) several have the same."""
    times = Counter(map(str, study.table.asv_ids))
    ids = zip(map(str, study.table.asv_ids), map(str, study.table.sequences), strict=True)
    return tuple(name if times[name] == 1 else sequence for name, sequence in ids)


def taxon_groups(study: Study, taxonomy: Taxonomy, rank: str) -> AsvGroups:
    """The taxa of a rank; ASVs that are not classified down to it are in none.

    Raises
    ------
    InputError
        If no ASV is in the taxonomy, or none is classified down to this rank.
    """
    labels_A, classes = taxonomy.labels(study.table.asv_ids, study.table.sequences, RANKS.index(rank) + 1)
    asvs = np.flatnonzero(labels_A >= 0)
    shape = (len(classes), len(labels_A))
    members = csr_array((np.ones(len(asvs), dtype=np.int64), (labels_A[asvs], asvs)), shape)
    names = tuple(taxon_name(tuple(one.split("; "))) for one in classes)
    times = Counter(names)
    labels = tuple(name if times[name] == 1 else line for name, line in zip(names, classes, strict=True))
    return AsvGroups(level=rank, names=classes, labels=labels, members=members, taxa=classes)


def ranks_of(taxonomy: Taxonomy, study: Study) -> tuple[str, ...]:
    """The ranks at which some ASV of a study is classified."""
    lineages = _lineages(study, taxonomy)
    return tuple(rank for depth, rank in enumerate(RANKS) if any(len(one) > depth and one[depth] for one in lineages))


def clade_groups(study: Study, taxonomy: Taxonomy | None = None, clades: Clades | None = None) -> AsvGroups:
    """Clades of a tree or, where there is none, of the tree made from the sequences.

    A clade has two ASVs or more, and at most ``LARGEST_CLADE`` of all. Of nested clades with nearly the same ASVs
    (``ALIKE``) the largest counts. Named by their place in the tree, and shown by the deepest taxon that most of their
    ASVs share.

    Parameters
    ----------
    study, taxonomy
        The ASVs, and what they are called.
    clades
        The tree, with -1 for ASVs that are not in it; the study's own, or that of its sequences, where left out.
    """
    found, number = clades or clades_of(study), len(study.lengths)
    above_AK = found.ancestors()
    assert above_AK is not None
    inside_KA = csr_array(above_AK.T)
    kept = _unlike(found.parent, np.diff(inside_KA.indptr), number)
    members = inside_KA[kept]
    lineages = _lineages(study, taxonomy)
    taxa, labels = [], []
    for place, node in enumerate(kept):
        asvs = members.indices[members.indptr[place] : members.indptr[place + 1]]
        taxon = consensus([lineages[a] for a in asvs])
        taxa.append("; ".join(taxon))
        labels.append(f"{taxon_name(taxon) or 'clade'} {node} ({len(asvs)} ASVs)")
    names = tuple(f"clade-{k}" for k in kept)
    return AsvGroups(level=CLADE, names=names, labels=tuple(labels), members=members, taxa=tuple(taxa))


def _unlike(parent: np.ndarray, size_K: np.ndarray, number: int) -> np.ndarray:
    """Nodes of the clades that count, ascending; parents come after their children."""
    above, kept = np.full(len(parent), -1), []
    for node in range(len(parent) - 1, -1, -1):
        nearest = above[parent[node]] if parent[node] >= 0 else -1
        is_alike = nearest >= 0 and size_K[node] > ALIKE * size_K[nearest]
        counts = 2 <= size_K[node] <= LARGEST_CLADE * number and not is_alike
        above[node] = node if counts else nearest
        if counts:
            kept.append(node)
    return np.array(kept[::-1], dtype=np.int64)


def _asv_label(study: Study, asv: int, lineage: tuple[str, ...]) -> str:
    """A taxon's name, and a short one of the ASV: its id, or the first letters of the MD5 sum of its sequence."""
    name, sequence = str(study.table.asv_ids[asv]), str(study.table.sequences[asv])
    if not study.has_dna:
        short = shorten(name, LONGEST_NAME)
    elif name.upper() == sequence or len(name) > LONGEST_NAME:
        short = hashlib.md5(sequence.encode(), usedforsecurity=False).hexdigest()[:HASH_LENGTH]
    else:
        short = name
    taxon = taxon_name(lineage)
    if taxon:
        return f"{taxon} ({short})"
    return f"ASV {short}" if study.has_dna and short != name else short


def clades_of(study: Study) -> Clades:
    """The tree of the study, or the one made from its sequences."""
    if study.tree is not None and study.phylogeny is not None:
        return Clades(study.tree.parent, study.tree.tips[study.phylogeny.tip_A])
    return clades_of_sequences(study.tokens, prevalence(study.table.counts))


def consensus(lineages: Sequence[tuple[str, ...]], share: float = 0.8) -> tuple[str, ...]:
    """The deepest lineage that at least this share of ASVs have in common; empty where there is none."""
    found: tuple[str, ...] = ()
    for depth in range(1, max(map(len, lineages), default=0) + 1):
        tops: dict[tuple[str, ...], int] = {}
        for line in lineages:
            if len(line) >= depth and line[depth - 1]:
                tops[line[:depth]] = tops.get(line[:depth], 0) + 1
        best = max(tops, key=lambda line: tops[line], default=())
        if not best or tops[best] < share * len(lineages):
            break
        found = best
    return found


def taxon_name(lineage: Sequence[str]) -> str:
    """The last rank of a lineage that has a name, without its prefix: ``g__Blautia`` -> ``Blautia``.

    A species is named with its genus.
    """
    ranks = [rank.split("__", 1)[-1].strip() for rank in lineage]
    named = [rank for rank in ranks if rank]
    if len(ranks) == len(RANKS) and ranks[-1] and ranks[-2] and not ranks[-1].startswith(ranks[-2]):
        return f"{ranks[-2]} {ranks[-1]}"
    return named[-1] if named else ""


def _lineages(study: Study, taxonomy: Taxonomy | None) -> list[tuple[str, ...]]:
    known: Mapping[str, tuple[str, ...]] = {} if taxonomy is None else taxonomy.lineages
    ids = zip(study.table.asv_ids, study.table.sequences, strict=True)
    return [known.get(name, known.get(sequence, ())) for name, sequence in ids]
