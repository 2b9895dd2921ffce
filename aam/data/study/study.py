"""A study: all data on the samples of a run, aligned, and what was dropped and why."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aam.alphabet import PAD, encode, encode_names
from aam.config import SamplingOptions, StudyOptions, TableOptions
from aam.data.readers.distance_matrix import Distances
from aam.data.readers.metadata import Metadata
from aam.data.readers.table import Table
from aam.data.readers.taxonomy import Taxonomy
from aam.data.study.alignment import Alignment, FlowStep, TargetRequest, check_distances_fit
from aam.data.study.assemble import Attempt, at_once, read_and_align
from aam.data.study.rarefaction import sample_key
from aam.errors import Attempts
from aam.phylogeny.tree import Tree
from aam.phylogeny.unifrac import Phylogeny
from aam.text import plural

__all__ = ["Earlier", "FlowStep", "Study", "TargetRequest", "inspect_study", "load_study", "study_of_table"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Earlier:
    """The earlier samples of the ``N`` samples of a study, ``K`` of each at most, the latest first.

    :mod:`aam.data.study.earlier` finds them.

    Attributes
    ----------
    study
        Where they are: a study with the same ASVs, whose own samples have no earlier ones.
    row_NK
        Their rows in it; -1 where there is none.
    gap_NK
        Time since each, in units of ``typical`` time between samples; 0 where there is none.
    """

    study: Study
    row_NK: np.ndarray
    gap_NK: np.ndarray

    def take(self, rows: np.ndarray) -> Earlier:
        """The earlier samples of some of the samples."""
        return dataclasses.replace(self, row_NK=self.row_NK[rows], gap_NK=self.gap_NK[rows])

    @property
    def has_N(self) -> np.ndarray:
        """Which samples have one."""
        found: np.ndarray = self.row_NK[:, 0] >= 0
        return found


@dataclass(frozen=True, kw_only=True, eq=False)
class Study:
    """The samples that all inputs have in common; every array follows the table's order of samples ``N`` or ASVs ``A``.

    Attributes
    ----------
    table
        Counts, ids and sequences of the kept samples and of the ASVs that they have. A study that was taken from a
        larger one has all of that one's ASVs.
    tokens
        Bases of the ASVs ``A x L`` as codes of :mod:`aam.alphabet` (uint8), padded at the end. Without DNA the bytes
        of their names, which say no more than whether two are equal.
    lengths
        Number of bases of each ASV.
    keys
        A number for each sample that depends on its id alone (uint64); seeds its draws.
    metadata
        The metadata; None where there is none.
    targets
        Column -> the values to predict: float64 with NaN where one is missing, or labels. Empty where nothing is to
        be predicted.
    weights
        A weight for each sample, where a column gives it.
    tree, phylogeny
        The tree of these ASVs, and its arrays over the table's columns.
    distances
        Given distances between the samples.
    taxonomy_labels, taxonomy_classes
        Taxon of each ASV at the level asked for (-1 if unknown), and the taxa's names.
    rarefy_depth
        Reads to draw from each sample; None for all.
    table_ids
        Ids of all samples of the table, including dropped ones.
    flow
        What each step kept and dropped.
    notes
        What else is worth saying.
    earlier
        The earlier samples of each sample's subject, where they are read; None where they are not.
    centred_among
        The study whose samples give the means of studies that a centred model does not know, whichever samples were
        taken of it or changed since; None for this one.

    Examples
    --------
    >>> study = aam.load_study(table="study/table.biom", metadata="study/metadata.tsv", metadata_column="gradient")
    >>> study[:10]
    <Study of 10 samples and 50 ASVs>
    >>> low = study[study.targets["gradient"] < 0.5]
    >>> float(low.targets["gradient"].max()) < 0.5
    True
    """

    table: Table
    tokens: np.ndarray
    lengths: np.ndarray
    keys: np.ndarray
    metadata: Metadata | None
    targets: Mapping[str, np.ndarray]
    weights: np.ndarray | None
    tree: Tree | None
    phylogeny: Phylogeny | None
    distances: Distances | None
    taxonomy_labels: np.ndarray | None
    taxonomy_classes: tuple[str, ...]
    rarefy_depth: int | None
    table_ids: np.ndarray
    flow: tuple[FlowStep, ...]
    notes: tuple[str, ...]
    earlier: Earlier | None = None
    centred_among: Study | None = None

    def __len__(self) -> int:
        return len(self.table.sample_ids)

    def __repr__(self) -> str:
        return f"<Study of {plural(len(self), 'sample')} and {plural(len(self.lengths), 'ASV')}>"

    def __getitem__(self, key: Any) -> Study:
        """Some samples, as :meth:`take`: rows, a mask or a slice, alone or before an ellipsis as scikit-learn asks."""
        rows = key[0] if isinstance(key, tuple) else key
        return self.take(np.atleast_1d(np.arange(len(self))[rows]))

    @property
    def with_means_of_now(self) -> Study:
        """The same, whose studies keep their means in a centred model whatever is taken or changed afterwards."""
        return self if self.centred_among is not None else dataclasses.replace(self, centred_among=self)

    def take(self, rows: np.ndarray | Sequence[int]) -> Study:
        """These samples, in this order; all ASVs stay, and with them the tree.

        What was left out on the way to the larger study, and its notes, stay as they were.
        """
        rows = np.asarray(rows, dtype=np.int64)
        table = self.table.select(rows)
        return dataclasses.replace(
            self,
            table=table,
            keys=self.keys[rows],
            metadata=None if self.metadata is None else self.metadata.select(table.sample_ids),
            targets={column: values[rows] for column, values in self.targets.items()},
            weights=None if self.weights is None else self.weights[rows],
            distances=None if self.distances is None else self.distances.select(table.sample_ids),
            earlier=None if self.earlier is None else self.earlier.take(rows),
        )

    @property
    def shape(self) -> tuple[int, int]:
        """Number of samples and of ASVs."""
        return len(self), len(self.lengths)

    @property
    def has_dna(self) -> bool:
        """Whether the DNA of the ASVs is known; their ids are mere names otherwise."""
        return self.table.has_dna

    @property
    def sample_ids(self) -> np.ndarray:
        """Ids of the kept samples."""
        return self.table.sample_ids

    @property
    def target(self) -> np.ndarray | None:
        """The values of the first column to predict, by which parts are balanced."""
        return next(iter(self.targets.values()), None)

    def made_column(self, name: str) -> str | None:
        """The column that was made of the names of merged tables; None where there is none, or the metadata had it."""
        tables = self.table.studies
        if self.metadata is None or len(set(tables)) < 2:
            return None
        return name if np.array_equal(self.metadata.columns[name], tables) else None

    @property
    def longest_sequence(self) -> int:
        """Bases of the longest ASV."""
        return int(self.lengths.max())


def load_study(
    table: TableOptions,
    study: StudyOptions,
    sampling: SamplingOptions | None,
    target: TargetRequest | None,
    *,
    needs_dna: bool = True,
) -> Study:
    """Read all inputs and align them.

    Parameters
    ----------
    table, study
        Where the inputs are and how to treat them.
    sampling
        Gives the rarefaction depth; None keeps every sample whatever its reads, and rarefies nothing.
    target
        The column to predict; samples without a value are left out.
    needs_dna
        Whether the DNA of the ASVs must be known, or their ids may be any names.

    Raises
    ------
    InputError
        For the first thing that is wrong with a file, or where no sample is left.
    ConfigError
        For options that need metadata where none is given.
    """
    found = read_and_align(table, study, sampling, target, at_once, needs_dna=needs_dna)
    assert found.alignment is not None
    return _make_study(found.alignment, found.taxonomy, study.taxonomy_level, at_once)


def inspect_study(
    table: TableOptions,
    study: StudyOptions,
    sampling: SamplingOptions | None,
    target: TargetRequest | None,
    attempt: Attempts,
    *,
    needs_dna: bool = True,
) -> tuple[Study | None, Metadata | None]:
    """Read and align all inputs as :func:`load_study` does, but continue after errors.

    Parameters
    ----------
    table, study, sampling, target, needs_dna
        As there.
    attempt
        Takes everything that is wrong.

    Returns
    -------
    tuple
        The study, without what could not be used of targets, tree, distances and taxonomy; None where the table cannot
        be used, or no sample of it is in the metadata. And the metadata as read, or None.
    """
    found = read_and_align(table, study, sampling, target, attempt, needs_dna=needs_dna)
    if found.alignment is None:
        return None, found.sheet
    return _make_study(found.alignment, found.taxonomy, study.taxonomy_level, attempt), found.sheet


def study_of_table(table: Table, name: str) -> Study:
    """The study of a table alone: all its samples, and the ASVs that they have.

    Parameters
    ----------
    table
        The table.
    name
        Its name in messages.
    """
    alignment = Alignment(table, name)
    alignment.finish()
    return _make_study(alignment, None, 1, at_once)


def _make_study(alignment: Alignment, taxonomy: Taxonomy | None, taxonomy_level: int, attempt: Attempt) -> Study:
    table, distances = alignment.table, alignment.distances
    tokens = (encode if table.has_dna else encode_names)(list(table.sequences))
    tree, phylogeny = alignment.phylogeny()
    if distances is not None and phylogeny is not None:
        attempt(lambda: check_distances_fit(distances, table.counts, phylogeny))
    labelled = None
    if taxonomy is not None:
        labelled = attempt(lambda: taxonomy.labels(table.asv_ids, table.sequences, taxonomy_level))
    labels, classes = labelled or (None, ())
    return Study(
        table=table,
        tokens=tokens,
        lengths=(tokens != PAD).sum(axis=1),
        keys=np.array([sample_key(sample_id) for sample_id in table.sample_ids], dtype=np.uint64),
        metadata=alignment.metadata,
        targets=alignment.targets,
        weights=alignment.weights,
        tree=tree,
        phylogeny=phylogeny,
        distances=alignment.distances,
        taxonomy_labels=labels,
        taxonomy_classes=classes,
        rarefy_depth=alignment.depth,
        table_ids=alignment.table_ids,
        flow=tuple(alignment.flow),
        notes=tuple(alignment.notes),
    )
