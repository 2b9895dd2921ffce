"""The inputs of a study, read and aligned: up to the first problem, or all of them in spite of problems."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

from aam.config import SamplingOptions, StudyOptions, TableOptions
from aam.data.readers.distance_matrix import read_distances
from aam.data.readers.feature_ids import are_among, transposed_error
from aam.data.readers.metadata import Metadata, read_metadata
from aam.data.readers.metadata_values import folded
from aam.data.readers.table import Table, read_cached_table, read_raw_table
from aam.data.readers.taxonomy import Taxonomy, read_taxonomy
from aam.data.study.alignment import Alignment, TargetRequest, with_study_column
from aam.errors import Attempts, ConfigError, InputError
from aam.phylogeny.tree import read_cached_tree, read_tree

T = TypeVar("T")


class Attempt(Protocol):
    """An action that may find an error in an input."""

    def __call__(self, action: Callable[[], T]) -> T | None:
        """What the action returns; None where it failed, if that is not raised."""


class AlignedInputs(NamedTuple):
    """The inputs, aligned.

    ``alignment`` is None where the table cannot be used, or no sample of it is in the metadata; of the targets
    it has those that can be used. ``sheet`` is the metadata as read.
    """

    alignment: Alignment | None
    sheet: Metadata | None
    taxonomy: Taxonomy | None


def at_once(action: Callable[[], T]) -> T | None:
    """An :class:`Attempt` that stops at the first error."""
    return action()


def read_and_align(
    table: TableOptions,
    study: StudyOptions,
    sampling: SamplingOptions | None,
    target: TargetRequest | None,
    attempt: Attempt,
    *,
    needs_dna: bool = True,
) -> AlignedInputs:
    """Read all inputs of a study and align them.

    Parameters
    ----------
    table, study, sampling, target, needs_dna
        As for :func:`aam.data.study.study.load_study`.
    attempt
        What happens where something is wrong: it is raised, or noted.
    """
    attempt(lambda: _check_options(study, target))
    sources = read_each(table, study, attempt, needs_dna=needs_dna)
    sheet: Metadata | None = sources.get("metadata")
    if "table" not in sources:
        return AlignedInputs(None, sheet, None)
    alignment = Alignment(sources["table"], table_name(table))
    done = [attempt(partial(_true, step)) for step in _sheet_steps(alignment, sheet, study, target)]
    if target is not None and sheet is not None and alignment.metadata is not None:
        attempt(lambda: alignment.take_target(target))
    for step in _further_steps(alignment, sources, study, sampling):
        attempt(step)
    sheet_is_missing = sheet is None and (study.metadata is not None or target is not None)
    return AlignedInputs(None if sheet_is_missing or not all(done) else alignment, sheet, sources.get("taxonomy"))


def read_each(table: TableOptions, study: StudyOptions, attempt: Attempt, *, needs_dna: bool = True) -> dict[str, Any]:
    """Each input by name, read on its own; inputs that cannot be read are missing.

    Parameters
    ----------
    table, study, attempt, needs_dna
        As for :func:`read_and_align`.
    """
    read = {name: attempt(reader) for name, reader in _readers(table, study, needs_dna=needs_dna).items()}
    return {name: source for name, source in read.items() if source is not None}


def _true(step: Callable[[], None]) -> bool:
    step()
    return True


def _check_options(study: StudyOptions, target: TargetRequest | None) -> None:
    if study.metadata is None and study.where is not None:
        raise ConfigError("--where needs --metadata: it is a condition on the metadata")
    if target is not None and (both := folded(study.not_missing) & folded(target.missing)):
        raise ConfigError(f"--missing and --not-missing both name '{min(both)}': leave one out")
    if study.metadata is None and target is not None:
        raise ConfigError("--metadata is required: the metadata holds the column to predict")


def _readers(table: TableOptions, study: StudyOptions, *, needs_dna: bool) -> dict[str, Callable[[], Any]]:
    """How to read each input that is given."""
    readers: dict[str, Callable[[], Any]] = {"table": lambda: _read_table(table, study, needs_dna=needs_dna)}
    metadata, tree, distances, taxonomy = study.metadata, study.tree, study.distances, study.taxonomy
    if metadata is not None:
        readers["metadata"] = lambda: read_metadata(metadata, study.not_missing)
    if tree is not None:
        read = read_cached_tree if table.cache else read_tree
        readers["tree"] = lambda: read(tree, study.root, study.clip_negative_branches)
    if distances is not None:
        readers["distances"] = lambda: read_distances(distances, study.distance_ids)
    if taxonomy is not None:
        readers["taxonomy"] = lambda: read_taxonomy(taxonomy)
    return readers


def _read_table(table: TableOptions, study: StudyOptions, *, needs_dna: bool) -> Table:
    """The table; if it cannot be used, and its rows are the samples of the metadata, that is said instead."""
    try:
        return read_cached_table(table, needs_dna=needs_dna)
    except InputError:
        if study.metadata is not None:
            _check_rows_are_no_samples(table.table, study.metadata)
        raise


def _check_rows_are_no_samples(tables: Sequence[Path], metadata: Path) -> None:
    raw, sheet = Attempts(), Attempts()
    samples = sheet(lambda: set(read_metadata(metadata).sample_ids))
    for path in tables if samples else ():
        found = raw(partial(read_raw_table, path))
        if found is not None and samples and are_among(found.asv_ids, samples):
            raise transposed_error(path, found.asv_ids[0], metadata.name) from None


def _sheet_steps(
    alignment: Alignment, sheet: Metadata | None, study: StudyOptions, target: TargetRequest | None
) -> Iterator[Callable[[], None]]:
    """The steps that take the samples from the metadata."""
    metadata, note = with_study_column(sheet, alignment.table, study.study_column)
    alignment.notes.extend([note] if note else [])
    if metadata is None or sheet is None:
        alignment.metadata = metadata
        return
    yield lambda: alignment.match_metadata(metadata, study.match_ids)
    where = study.where
    if where is not None:
        yield lambda: alignment.match_condition(metadata, where, target)


def _further_steps(
    alignment: Alignment, sources: Mapping[str, Any], study: StudyOptions, sampling: SamplingOptions | None
) -> Iterator[Callable[[], None]]:
    """The steps that the other inputs allow, in order."""
    if "tree" in sources:
        yield lambda: alignment.match_tree(sources["tree"], study.missing_tips)
    if sampling is not None:
        yield lambda: alignment.rarefy(sampling.rarefy_depth)
    yield alignment.finish
    if "distances" in sources:
        yield lambda: alignment.match_distances(sources["distances"])


def table_name(table: TableOptions) -> str:
    """What messages call the tables that are given."""
    first = table.table[0].name
    return first if len(table.table) == 1 else f"{first} and {len(table.table) - 1} more"
