"""Which samples train, which choose the best model, and which only judge it.

Every split is a function of the seed and the samples' ids, not of the table's order.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from aam.config import SplitOptions
from aam.data.study.dealing import hold_out
from aam.data.study.grouping import likely_grouping
from aam.data.targets.kinds import Kind
from aam.errors import Attempts, ConfigError, InputError, Problems
from aam.text import listed, plural, read_ids, shorten

if TYPE_CHECKING:
    from aam.data.study.study import Study


def read_lists(options: SplitOptions) -> list[tuple[Path, list[str]]]:
    """The lists of samples that are given, with their files.

    Raises
    ------
    InputError
        With what is wrong with each that cannot be read.
    """
    attempt, lists = Attempts(), []
    for path in (options.train_samples, options.val_samples, options.test_samples):
        if path is not None:
            lists.append((path, attempt(partial(read_ids, path)) or []))
    attempt.raise_if_any()
    return lists


def check_lists(lists: Sequence[tuple[Path, list[str]]], known: set[str]) -> None:
    """Refuse samples that are not in the table, and those in two lists.

    Raises
    ------
    InputError
        With what is wrong with each list.
    """
    part_of: dict[str, Path] = {}
    found: list[str] = []
    for path, ids in lists:
        problems = Problems(path)
        if shared := [sample_id for sample_id in ids if sample_id in part_of]:
            problem = f"{plural(len(shared), 'sample')} also in {part_of[shared[0]].name} (first: {shorten(shared[0])})"
            problems.add(problem, "each may be in one part")
        if unknown := [sample_id for sample_id in ids if sample_id not in known]:
            first = shorten(unknown[0])
            problem = f"{len(unknown):,} of {plural(len(ids), 'sample')} not in the table (first: {first})"
            problems.add(problem, "take them out of the list")
        part_of |= dict.fromkeys(ids, path)
        found += problems.lines
    if found:
        raise InputError.of(tuple(found))


PARTS = ("train", "validation", "test")
PART_OF_WORD = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "validation": "validation",
    "test": "test",
}


@dataclass(frozen=True, eq=False)
class Split:
    """Rows of the study in each part, ascending; ``test`` may be empty."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    notes: tuple[str, ...] = ()

    def parts(self) -> dict[str, np.ndarray]:
        """The parts that have samples, by name."""
        parts = zip(PARTS, (self.train, self.validation, self.test), strict=True)
        return {name: rows for name, rows in parts if len(rows)}

    def joined(self) -> Split:
        """Training and validation part as one, for a model that learns from both."""
        learned = np.union1d(self.train, self.validation)
        return Split(learned, learned[:0], self.test, self.notes)


def make_split(
    options: SplitOptions,
    study: Study,
    values: np.ndarray | None,
    kind: Kind | None,
    seed: int,
    *,
    validated: bool = True,
) -> Split:
    """Split a study's samples.

    Parameters
    ----------
    options
        How.
    study
        The study.
    values, kind
        The target's values and kind, to balance the parts by; None where there is no target.
    seed
        Seed of a random split.
    validated
        Whether a given split must have a validation part.

    Raises
    ------
    InputError
        If a part would be empty, the column or lists do not tell every sample's part, or put a group on two sides.
    """
    if options.train_samples is not None:
        split = _by_lists(options, study)
    elif options.split_column is not None:
        split = _by_column(options.split_column, study)
    else:
        split = _at_random(options, study, values, kind, seed)
    _check_groups_stay_whole(split, options, study)
    for name, rows in (("training", split.train), ("validation", split.validation)):
        if not len(rows) and (validated or name == "training"):
            problem = f"no sample is left for {name} (of {plural(len(study), 'sample')})"
            raise InputError("split", problem, "choose another split")
    judged = split if validated else split.joined()
    columns = list(study.targets.values()) if values is not None and len(study.targets) > 1 else [values]
    notes = [note for own in columns for note in class_notes(judged, options, study, own, kind)]
    if not validated and values is not None and kind is not None and kind.covers_strata:
        notes += _notes_of_single_groups(judged.train, options, study, values, kind)
    return dataclasses.replace(split, notes=(*split.notes, *notes))


def class_notes(
    split: Split, options: SplitOptions, study: Study, values: np.ndarray | None, kind: Kind | None
) -> list[str]:
    """Which classes are lacking in the parts that judge a model or choose it."""
    if values is None or kind is None:
        return []
    groups = sample_groups(options, study)
    return [
        f"the {part} part has no sample of {_of_classes(lacking, values, groups)}: its metrics are about the others"
        for part, rows in split.parts().items()
        if part != "train" and (lacking := kind.unseen(values, rows))
    ]


def _notes_of_single_groups(
    rows: np.ndarray, options: SplitOptions, study: Study, values: np.ndarray, kind: Kind
) -> list[str]:
    """Classes that no sample of another group has: without their group, nothing is left to learn them from."""
    groups = sample_groups(options, study)
    if groups is None:
        return []
    rows = rows[kind.is_present(values[rows])]
    classes, group_B = values[rows].astype(str), groups[rows].astype(str)
    alone = [name for name in np.unique(classes) if len(np.unique(group_B[classes == name])) == 1]
    if not alone:
        return []
    first = f"'{shorten(alone[0])}'"
    which = f"class {first} is" if len(alone) == 1 else f"{len(alone):,} classes (first: {first}) are each"
    column = shorten(options.group_column or "")
    return [f"{which} in one group of '{column}' only: held-out predictions come from models that never saw it"]


def _of_classes(lacking: Sequence[str], values: np.ndarray, groups: np.ndarray | None) -> str:
    """Classes, and in how many samples or groups the first of them is."""
    of_first = values.astype(str) == lacking[0]
    if groups is None:
        where = plural(int(of_first.sum()), "sample")
    else:
        where = plural(len(np.unique(groups[of_first].astype(str))), "group")
    if len(lacking) == 1:
        return f"class '{shorten(lacking[0])}' (in {where})"
    return f"{len(lacking):,} classes (first: '{shorten(lacking[0])}', in {where})"


def _check_groups_stay_whole(split: Split, options: SplitOptions, study: Study) -> None:
    """Refuse a given split that puts samples of one group into two parts."""
    groups = sample_groups(options, study)
    if groups is None or study.metadata is None:
        return
    part_of: dict[str, str] = {}
    for part, rows in split.parts().items():
        for group in np.unique(groups[rows].astype(str)):
            if part_of.setdefault(group, part) != part:
                problem = f"'{shorten(group)}' of column '{shorten(options.group_column or '')}' is in two parts"
                sides = f"{part_of[group]} and {part}"
                raise InputError(
                    study.metadata.source, f"{problem} ({sides})", "keep groups whole, or no --group-column"
                )


def sample_groups(options: SplitOptions, study: Study) -> np.ndarray | None:
    """Group of each sample, where a column gives it.

    Raises
    ------
    InputError
        If a sample has none.
    """
    return None if options.group_column is None else complete_labels(options.group_column, study, "--group-column")


def complete_labels(column: str, study: Study, option: str) -> np.ndarray:
    """The labels of a metadata column, which every sample must have.

    Raises
    ------
    ConfigError, InputError
        If there is no metadata, no such column, or a sample without a label.
    """
    if study.metadata is None:
        raise ConfigError(f"{option} needs --metadata: it names a metadata column")
    labels = study.metadata.labels(column)
    missing = study.sample_ids[labels == ""]
    if len(missing):
        raise InputError(
            study.metadata.source,
            f"column '{shorten(column)}' is missing in {len(missing):,} of {plural(len(labels), 'sample')} "
            f"(first: {shorten(str(missing[0]))})",
            "fill it in, or leave them out with --where",
        )
    return labels


def _by_column(column: str, study: Study) -> Split:
    labels = complete_labels(column, study, "--split-column")
    parts = [PART_OF_WORD.get(label.strip().lower(), "") for label in labels]
    unknown = [label for label, part in zip(labels, parts, strict=True) if not part]
    if unknown:
        source = study.metadata.source if study.metadata is not None else column
        raise InputError(
            source,
            f"column '{shorten(column)}' contains {listed(sorted(set(unknown)))} in {plural(len(unknown), 'sample')}",
            "train, validation or test is needed",
        )
    train, validation, test = (np.flatnonzero(np.array(parts) == name) for name in PARTS)
    return Split(train, validation, test)


def _by_lists(options: SplitOptions, study: Study) -> Split:
    lists = read_lists(options)
    check_lists(lists, set(study.table_ids))
    given = (options.train_samples, options.val_samples, options.test_samples)
    row_of = {sample_id: row for row, sample_id in enumerate(study.sample_ids)}
    rows = [np.array(sorted(row_of[i] for i in ids if i in row_of), dtype=np.int64) for _, ids in lists]
    used = sum(map(len, rows))
    left_out = sum(len(ids) for _, ids in lists) - used
    notes = []
    if left_out:
        notes.append(f"{plural(left_out, 'listed sample')} dropped from the study for the reasons above")
    if used < len(study):
        notes.append(f"not used (in no list): {plural(len(study) - used, 'sample')}")
    of_list, none = iter(rows), np.empty(0, dtype=np.int64)
    train, validation, test = (none if path is None else next(of_list) for path in given)
    return Split(train, validation, test, tuple(notes))


def _at_random(options: SplitOptions, study: Study, values: np.ndarray | None, kind: Kind | None, seed: int) -> Split:
    groups = sample_groups(options, study)
    if groups is not None and study.metadata is not None:
        _check_groups(groups, options, study.metadata.source)
    strata, cover = np.zeros(len(study), dtype=np.int64), False
    if options.stratify and values is not None and kind is not None:
        strata, cover = kind.strata(values), kind.covers_strata
    order = np.argsort(study.sample_ids.astype(str), kind="stable")
    rng = np.random.default_rng(np.random.SeedSequence([seed, len(study)]))
    rest = order
    held_out: list[np.ndarray] = []
    for share in (options.test_size, options.validation_size):
        wanted = share * len(study) / len(rest) if share else 0.0
        leave = 1 if held_out else 2
        of_rest = None if groups is None else groups[rest]
        chosen = hold_out(strata[rest], of_rest, wanted, leave, rng, cover=cover)
        held_out.append(np.sort(rest[chosen]))
        rest = rest[~chosen]
    return Split(np.sort(rest), held_out[1], held_out[0], tuple(grouping_notes(options, study, kind)))


def grouping_notes(options: SplitOptions, study: Study, kind: Kind | None) -> list[str]:
    """A column that looks like groups where none is named and a target is predicted, and what to type."""
    if options.group_column is not None or study.metadata is None or kind is None:
        return []
    found = likely_grouping(study.metadata, study.targets)
    return [] if found is None else [found.words]


def _check_groups(groups: np.ndarray, options: SplitOptions, source: str) -> None:
    num_groups, needed = len(np.unique(groups.astype(str))), 3 if options.test_size else 2
    if num_groups < needed:
        problem = f"column '{shorten(options.group_column or '')}' has {plural(num_groups, 'group')}"
        raise InputError(source, f"{problem}; at least {needed} are needed", "a part cannot be empty")
