"""A study: everything that a run knows of its samples, aligned, and what was left out on the way and why."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aam.config import SamplingOptions, StudyOptions, TableOptions
from aam.data.alignment import Alignment, FlowStep, TargetRequest, with_study_column
from aam.data.alphabet import PAD, encode
from aam.data.distances import Distances, read_distances
from aam.data.metadata import Metadata, read_metadata
from aam.data.rarefaction import sample_key
from aam.data.study_checks import check_distances_fit
from aam.data.table import Table
from aam.data.table_cache import read_cached_table
from aam.data.taxonomy import Taxonomy, read_taxonomy
from aam.errors import ConfigError, InputError
from aam.phylogeny.tree import Tree, read_tree
from aam.phylogeny.tree_cache import read_cached_tree
from aam.phylogeny.unifrac import Phylogeny

__all__ = ["FlowStep", "Study", "TargetRequest", "load_study", "study_of_table", "study_problems"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Study:
    """The samples that all inputs have in common; every array follows the table's order of samples ``N`` or ASVs ``A``.

    Attributes
    ----------
    table
        Counts, ids and sequences of the kept samples and of the ASVs that they have. A study that was taken from a
        larger one has all of that one's ASVs.
    tokens
        Bases of the ASVs ``A x L`` as codes of :mod:`aam.data.alphabet` (uint8), padded at the end.
    lengths
        Number of bases of each ASV.
    keys
        A number for each sample that depends on its id alone (uint64); seeds its draws.
    metadata
        The sample sheet; None where there is none.
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
        Ids of all samples of the table, those left out included.
    flow
        What each step kept and left out.
    notes
        What else is worth saying.
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

    def __len__(self) -> int:
        return len(self.table.sample_ids)

    def __getitem__(self, key: Any) -> Study:
        """Some samples, as :meth:`take`: rows, a mask or a slice, alone or before an ellipsis as scikit-learn asks."""
        rows = key[0] if isinstance(key, tuple) else key
        return self.take(np.atleast_1d(np.arange(len(self))[rows]))

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
        )

    @property
    def shape(self) -> tuple[int, int]:
        """Number of samples and of ASVs."""
        return len(self), len(self.lengths)

    @property
    def sample_ids(self) -> np.ndarray:
        """Ids of the kept samples."""
        return self.table.sample_ids

    @property
    def target(self) -> np.ndarray | None:
        """The values of the first column to predict, by which parts are balanced."""
        return next(iter(self.targets.values()), None)

    @property
    def longest_sequence(self) -> int:
        """Bases of the longest ASV."""
        return int(self.lengths.max())


def load_study(
    table: TableOptions, study: StudyOptions, sampling: SamplingOptions | None, target: TargetRequest | None
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

    Raises
    ------
    InputError
        For the first thing that is wrong with a file, or where no sample is left.
    ConfigError
        For options that need a sample sheet where none is given.
    """
    _check_options(study, target)
    sources = {name: read() for name, read in _readers(table, study).items()}
    alignment = Alignment(sources["table"], _table_name(table))
    for step in _steps(alignment, sources, study, sampling, target):
        step()
    return _make_study(alignment, sources.get("taxonomy"), study.taxonomy_level)


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
    return _make_study(alignment, None, 1)


def study_problems(
    table: TableOptions, study: StudyOptions, sampling: SamplingOptions | None, target: TargetRequest | None
) -> list[str]:
    """Everything that is wrong with the inputs: what :func:`load_study` would stop at, and what it would meet next."""
    problems: list[str] = []

    def attempt(action: Callable[[], Any]) -> Any:
        try:
            return action()
        except InputError as error:
            problems.extend(error.problems)
        except ConfigError as error:
            problems.append(str(error))
        return None

    attempt(lambda: _check_options(study, target))
    results = {name: attempt(read) for name, read in _readers(table, study).items()}
    sources = {name: result for name, result in results.items() if result is not None}
    if "table" in sources:
        alignment = Alignment(sources["table"], _table_name(table))
        for step in _steps(alignment, sources, study, sampling, target):
            attempt(step)
        if not problems:
            attempt(lambda: _make_study(alignment, sources.get("taxonomy"), study.taxonomy_level))
    return list(dict.fromkeys(problems))


def _check_options(study: StudyOptions, target: TargetRequest | None) -> None:
    if study.metadata is None and study.where is not None:
        raise ConfigError("--where needs --metadata: it is a condition on the sample sheet")
    if study.metadata is None and target is not None:
        raise ConfigError("--metadata is required: the sample sheet holds the column to predict")


def _readers(table: TableOptions, study: StudyOptions) -> dict[str, Callable[[], Any]]:
    """How to read each input that is given."""
    readers: dict[str, Callable[[], Any]] = {"table": lambda: read_cached_table(table)}
    metadata, tree, distances, taxonomy = study.metadata, study.tree, study.distances, study.taxonomy
    if metadata is not None:
        readers["metadata"] = lambda: read_metadata(metadata)
    if tree is not None:
        read = read_cached_tree if table.cache else read_tree
        readers["tree"] = lambda: read(tree, study.root)
    if distances is not None:
        readers["distances"] = lambda: read_distances(distances, study.distance_ids)
    if taxonomy is not None:
        readers["taxonomy"] = lambda: read_taxonomy(taxonomy)
    return readers


def _steps(
    alignment: Alignment,
    sources: Mapping[str, Any],
    study: StudyOptions,
    sampling: SamplingOptions | None,
    target: TargetRequest | None,
) -> Iterator[Callable[[], None]]:
    """The steps of the alignment that these inputs allow, in order."""
    metadata, note = with_study_column(sources.get("metadata"), alignment.table, study.study_column)
    alignment.notes.extend([note] if note else [])
    if metadata is not None and "metadata" in sources:
        yield lambda: alignment.match_metadata(metadata)
        where = study.where
        if where is not None:
            yield lambda: alignment.match_condition(metadata, where)
        if target is not None and alignment.metadata is not None:
            yield lambda: alignment.take_target(target)
    else:
        alignment.metadata = metadata
    if "tree" in sources:
        yield lambda: alignment.match_tree(sources["tree"], study.missing_tips)
    if sampling is not None:
        yield lambda: alignment.rarefy(sampling.rarefy_depth)
    yield alignment.finish
    if "distances" in sources:
        yield lambda: alignment.match_distances(sources["distances"])


def _make_study(alignment: Alignment, taxonomy: Taxonomy | None, taxonomy_level: int) -> Study:
    table = alignment.table
    tokens = encode(list(table.sequences))
    tree, phylogeny = alignment.phylogeny()
    if alignment.distances is not None and phylogeny is not None:
        check_distances_fit(alignment.distances, table.counts, phylogeny)
    labels: np.ndarray | None = None
    classes: tuple[str, ...] = ()
    if taxonomy is not None:
        labels, classes = taxonomy.labels(table.asv_ids, table.sequences, taxonomy_level)
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


def _table_name(table: TableOptions) -> str:
    first = table.table[0].name
    return first if len(table.table) == 1 else f"{first} and {len(table.table) - 1} more"
