"""Alignment of table, metadata, tree and distances: which samples and ASVs are kept, and why others are dropped."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
from scipy.sparse import csr_array

from aam.config.sections import MatchIds
from aam.data.counts.blocks import present, select_columns
from aam.data.readers.alike import kept_word_note, label_notes
from aam.data.readers.distance_matrix import Distances
from aam.data.readers.feature_ids import are_among, transposed_error
from aam.data.readers.metadata import Metadata
from aam.data.readers.sharing import LOUD
from aam.data.readers.table import Table
from aam.data.study.rarefaction import resolve_depth
from aam.data.study.sample_matching import matched, nothing_in_common, other_spelling_note
from aam.data.study.tips import tips_of
from aam.data.targets.kinds import NUMBERS, Kind
from aam.errors import Attempts, InputError
from aam.phylogeny.tree import Tree
from aam.phylogeny.unifrac import Phylogeny
from aam.text import listed, shorten

COMPARED_SAMPLES = 24
FEWEST_PAIRS = 3
LEAST_CORRELATION = 0.2
LARGEST_DIFFERENCE = 0.2


def sample_weights(metadata: Metadata, column: str) -> np.ndarray:
    """Weights of all samples of the metadata (float64).

    Raises
    ------
    InputError
        If one is missing, no number, or not above 0.
    """
    remedy = "give every sample a positive weight"
    weights = metadata.numeric(column, remedy=remedy)
    for wrong, what in ((np.isnan(weights), "have no weight"), (~(weights > 0), "have a weight that is not above 0")):
        if wrong.any():
            first = shorten(str(metadata.sample_ids[wrong][0]))
            raise InputError(
                metadata.source,
                f"column '{shorten(column)}': {wrong.sum()} of {len(wrong)} samples {what} (first: {first})",
                remedy,
            )
    return weights


def missing_tips_error(table: Table, found: np.ndarray, tree: Tree) -> InputError:
    """The error of a tree that lacks some of the table's ASVs, or all of them."""
    first = shorten(str(table.asv_ids[~found][0]))
    if not found.any():
        tip = shorten(str(tree.names[0]))
        return InputError(tree.source, f"none of {len(found):,} ASVs is a tip (first ASV: {first}, first tip: {tip})")
    problem = f"{(~found).sum():,} of {len(found):,} ASVs are not tips (first: {first})"
    return InputError(tree.source, problem, "--missing-tips drop leaves them out")


def check_distances_fit(distances: Distances, counts: csr_array, phylogeny: Phylogeny) -> None:
    """Refuse distances that have nothing to do with those of the tree: those of another table with the same ids.

    Any sensible distance between the same communities goes with UniFrac to some degree, whatever its kind and the
    depth it was made at; distances of other communities do not.

    Raises
    ------
    InputError
        Naming the two samples that are furthest off.
    """
    rows = np.unique(np.linspace(0, counts.shape[0] - 1, COMPARED_SAMPLES).astype(np.int64))
    pairs = np.triu_indices(len(rows), k=1)
    given = distances.among(rows).astype(np.float64)[pairs]
    if len(given) < FEWEST_PAIRS:
        return
    some = counts[rows]
    kinds = [phylogeny.unweighted_unifrac(some)[pairs]]
    kinds += [phylogeny.weighted_unifrac(some, normalized=normalized)[pairs] for normalized in (True, False)]
    if any(_agree(given, of_tree) for of_tree in kinds):
        return
    worst = np.abs(given - kinds[0]).argmax()
    first, second = (shorten(str(distances.sample_ids[rows[side[worst]]])) for side in pairs)
    raise InputError(
        distances.source,
        f"disagrees with the tree ({first},{second}: {given[worst]:.2f} vs {kinds[0][worst]:.2f})",
        "was it made from another table? Leave out --tree if it is right",
    )


def _agree(given: np.ndarray, of_tree: np.ndarray) -> bool:
    if np.abs(given - of_tree).max() <= LARGEST_DIFFERENCE:
        return True
    if np.ptp(given) == 0 or np.ptp(of_tree) == 0:
        return False
    return bool(np.corrcoef(given, of_tree)[0, 1] >= LEAST_CORRELATION)


MIN_SAMPLES = 2


@dataclass(frozen=True)
class FlowStep:
    """One step in which samples may be dropped.

    Attributes
    ----------
    step
        The step's name.
    kept, dropped
        How many went on, and how many did not.
    reason
        Why they were dropped.
    examples
        The first few of them.
    """

    step: str
    kept: int
    dropped: int
    reason: str
    examples: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class TargetRequest:
    """The columns to predict, as far as reading the study needs to know them.

    Attributes
    ----------
    columns
        Their names; one where it holds classes.
    kind
        What they hold.
    missing
        Further words that mean a missing value.
    weight_column
        Column with a weight for each sample.
    groups
        Other columns whose texts tell samples apart: of groups, and of covariates.
    """

    columns: tuple[str, ...]
    kind: Kind = NUMBERS
    missing: tuple[str, ...] = ()
    weight_column: str | None = None
    groups: tuple[str, ...] = ()


class Alignment:
    """The samples and ASVs that all inputs have in common, narrowed step by step.

    The steps are meant to be taken in the order in which they are defined; each raises
    :class:`~aam.errors.InputError` where nothing would be left.

    Parameters
    ----------
    table
        The table as read.
    table_name
        Its name in messages.
    """

    def __init__(self, table: Table, table_name: str) -> None:
        self.table = table
        self.table_name = table_name
        self.table_ids = table.sample_ids
        self.metadata: Metadata | None = None
        self.sheet: Metadata | None = None
        self.targets: dict[str, np.ndarray] = {}
        self.weights: np.ndarray | None = None
        self.tree: Tree | None = None
        self.tips: np.ndarray | None = None
        self.depth: int | None = None
        self.distances: Distances | None = None
        self.flow = [FlowStep("Table", len(table.sample_ids), 0, "", ())]
        self.notes: list[str] = list(table.notes)

    def match_metadata(self, metadata: Metadata, how: MatchIds) -> None:
        """Keep the samples that are in the metadata."""
        metadata = matched(self.table.sample_ids, metadata, how)
        in_sheet = self._is_among(metadata.sample_ids)
        if not in_sheet.any():
            if are_among(self.table.asv_ids, set(metadata.sample_ids)):
                raise transposed_error(self.table_name, str(self.table.asv_ids[0]), file_name(metadata.source))
            raise nothing_in_common(self.table.sample_ids, self.table_name, metadata)
        note = "" if in_sheet.all() else other_spelling_note(self.table.sample_ids, metadata)
        self.notes += [*metadata.notes, *([f"{LOUD}{note}"] if note else [])]
        self._keep("Metadata", in_sheet, f"not in {file_name(metadata.source)}")
        if len(self.table.sample_ids) < MIN_SAMPLES:
            problem = f"only 1 of {len(in_sheet)} samples of {self.table_name} is in it"
            raise InputError(metadata.source, problem, note or f"at least {MIN_SAMPLES} are needed")
        self.sheet, self.metadata = metadata, metadata.select(self.table.sample_ids)

    def match_condition(self, metadata: Metadata, where: str, request: TargetRequest | None) -> None:
        """Keep the samples that meet a condition on the whole metadata table."""
        sheet = self.sheet or metadata
        further = {} if request is None else dict.fromkeys(request.columns, request.missing)
        selection = sheet.where(where, further)
        self.notes += selection.notes
        holds = self._is_among(sheet.sample_ids[selection.holds])
        self._keep("Condition", holds, f"{shorten(where, 60)} does not hold", metadata.source)

    def take_target(self, request: TargetRequest) -> None:
        """Keep the samples that have a value to predict in some of the columns, and take values and weights."""
        assert self.metadata is not None
        present, attempt = np.zeros(len(self.table.sample_ids), dtype=bool), Attempts()
        for column in request.columns:
            attempt(partial(self._take_column, self.metadata, column, request, present))
        attempt.raise_if_any()
        if not present.any():
            self.targets = {}
        names = " and ".join(f"'{shorten(column)}'" for column in request.columns)
        verb = "is" if len(request.columns) == 1 else "are"
        self._keep("Target", present, f"{names} {verb} missing", self.metadata.source)
        if request.weight_column is not None:
            self.weights = sample_weights(self.metadata, request.weight_column)
        self.notes += label_notes(self.metadata, self.targets, request.groups)

    def _take_column(self, metadata: Metadata, column: str, request: TargetRequest, present: np.ndarray) -> None:
        """Take the values of one column, and note in ``present`` which samples have one."""
        self.targets[column] = values = request.kind.read(metadata, column, request.missing)
        if values.dtype == object and (note := kept_word_note(metadata, column, values, request.missing)):
            self.notes.append(note)
        present |= request.kind.is_present(self.targets[column])

    def match_tree(self, tree: Tree, missing_tips: Literal["error", "drop"]) -> None:
        """Find the tip of each ASV, named by the ASV's id or else by its sequence."""
        self._drop_absent_asvs()
        tips, note = tips_of(self.table, tree)
        found = np.array([tip is not None for tip in tips])
        if not found.any() and are_among(self.table.sample_ids, set(tree.names)):
            raise transposed_error(self.table_name, str(self.table.sample_ids[0]))
        if not found.any() or (missing_tips == "error" and not found.all()):
            raise missing_tips_error(self.table, found, tree)
        self.tree, self.tips = tree, tips
        self.notes += [f"{file_name(tree.source)}: {words}" for words in (*tree.notes, *note)]
        if not found.all():
            self._leave_out_asvs(tree, found)

    def rarefy(self, depth: int | Literal["auto", "none"]) -> None:
        """Settle the depth, and keep the samples that have as many reads."""
        reads = self._reads()
        self.depth = resolve_depth(depth, reads, self.table.sample_ids)
        if self.depth is not None:
            self._keep("Rarefaction", reads >= self.depth, f"fewer than {self.depth:,} reads")

    def match_distances(self, distances: Distances) -> None:
        """Take the distances of the samples, which must all have them."""
        self.distances = distances.select(self.table.sample_ids)

    def phylogeny(self) -> tuple[Tree, Phylogeny] | tuple[None, None]:
        """The tree of the kept ASVs, and its arrays over the table's columns."""
        if self.tree is None or self.tips is None:
            return None, None
        pruned = self.tree.prune(list(self.tips))
        return pruned, Phylogeny(pruned, list(self.tips))

    def finish(self) -> None:
        """Leave out the ASVs that no kept sample has."""
        self._drop_absent_asvs()

    def _is_among(self, sample_ids: np.ndarray) -> np.ndarray:
        known = set(sample_ids)
        return np.array([sample_id in known for sample_id in self.table.sample_ids])

    def _keep(self, step: str, kept: np.ndarray, reason: str, source: str | None = None) -> None:
        out = self.table.sample_ids[~kept]
        if len(out) == len(kept):
            problem = f"no sample of {self.table_name} is left: {len(out)} of {len(out)}: {reason}"
            raise InputError(source or self.table_name, f"{problem} (first: {shorten(str(out[0]))})")
        examples = tuple(str(sample_id) for sample_id in out[:3])
        self.flow.append(FlowStep(step, len(kept) - len(out), len(out), reason if len(out) else "", examples))
        if len(out):
            rows = np.flatnonzero(kept)
            self.table = self.table.select(rows)
            self.metadata = None if self.metadata is None else self.metadata.select(self.table.sample_ids)
            self.targets = {column: values[rows] for column, values in self.targets.items()}
            self.weights = None if self.weights is None else self.weights[rows]

    def _keep_asvs(self, kept: np.ndarray) -> None:
        columns = np.flatnonzero(kept)
        counts = select_columns(self.table.counts, columns)
        self.table = dataclasses.replace(
            self.table, counts=counts, asv_ids=self.table.asv_ids[columns], sequences=self.table.sequences[columns]
        )
        self.tips = None if self.tips is None else self.tips[columns]

    def _drop_absent_asvs(self) -> None:
        has_reads = present(self.table.counts)
        if not has_reads.all():
            self._keep_asvs(has_reads)

    def _reads(self) -> np.ndarray:
        return np.asarray(self.table.counts.sum(axis=1)).ravel().astype(np.int64)

    def _leave_out_asvs(self, tree: Tree, found: np.ndarray) -> None:
        before = self._reads().sum()
        missing = self.table.asv_ids[~found]
        self._keep_asvs(found)
        lost = 1 - self._reads().sum() / before
        reason = f"not tips of {file_name(tree.source)}, with {lost:.2%} of the reads"
        self.notes.append(
            f"{len(missing):,} of {len(found):,} ASVs dropped: {reason} (first: {shorten(str(missing[0]))})"
        )
        self._keep("Tree", self._reads() > 0, f"no reads on {file_name(tree.source)}")


def with_study_column(metadata: Metadata | None, table: Table, name: str) -> tuple[Metadata | None, str]:
    """The metadata with the name of each sample's table as a column, where several tables were merged.

    A metadata column that already has this name is kept as it is.
    Without a sheet, one is made of this column alone.

    Returns
    -------
    tuple
        The sheet, and a note (or nothing).
    """
    if len(set(table.studies)) < 2:
        return metadata, ""
    if metadata is None:
        return Metadata(table_names(table), table.sample_ids, {name: table.studies.copy()}, ()), ""
    if name in metadata.columns:
        return metadata, f"column '{name}' is that of {file_name(metadata.source)}, not made from the tables' names"
    study_of = dict(zip(table.sample_ids, table.studies, strict=True))
    column = np.array([study_of.get(sample_id, "") for sample_id in metadata.sample_ids], dtype=object)
    return dataclasses.replace(metadata, columns={**metadata.columns, name: column}), ""


def table_names(table: Table) -> str:
    """The tables that samples came from, in words."""
    return listed(sorted(set(table.studies)))


def file_name(source: str) -> str:
    """A file's name without its folders, as errors show it."""
    return str(source).replace("\\", "/").rsplit("/", 1)[-1]
