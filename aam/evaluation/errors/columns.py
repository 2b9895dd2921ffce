"""Columns of the metadata that errors can be compared with: numbers, or levels that several samples share."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from aam.data.readers.metadata import Metadata
from aam.data.readers.metadata_values import NUMBER

LEAST_KNOWN = 10
"""Samples with a value, below which a column says nothing."""
LEAST_SHARE = 0.5
LEAST_IN_LEVEL = 3
MOST_LEVELS = 30
ID_NAME = re.compile(r"(?:.*[_\W])?(?:id|ids|name|barcode|accession|identifier|alias|title|description)", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class Usable:
    """A column to compare errors with.

    Attributes
    ----------
    name
        Of the column.
    is_number
        Whether its values are numbers, or else levels.
    values
        Float64 with NaN where one is missing, or labels, ``""`` where one is missing.
    """

    name: str
    is_number: bool
    values: np.ndarray

    @property
    def known(self) -> np.ndarray:
        """Which samples have a value."""
        found = ~np.isnan(self.values) if self.is_number else self.values != ""
        return np.asarray(found, dtype=bool)


@dataclass(frozen=True)
class Skipped:
    """A column that is passed over, and why."""

    name: str
    reason: str


def usable_columns(sheet: Metadata, left_out: Collection[str] = ()) -> tuple[list[Usable], list[Skipped]]:
    """The columns of a sheet that errors can be compared with, and why the others cannot.

    Parameters
    ----------
    sheet
        The metadata of the samples.
    left_out
        Columns that are something else: targets, groups.
    """
    usable: list[Usable] = []
    skipped: list[Skipped] = []
    same_as: dict[bytes, str] = {}
    for name in sheet.columns:
        if name in left_out:
            continue
        column = read_column(sheet, name)
        reason = _problem(column)
        key = np.unique(column.values.astype(str), return_inverse=True)[1].tobytes()
        if not reason and key in same_as:
            reason = f"divides the samples as '{same_as[key]}' does"
        if reason:
            skipped.append(Skipped(name, reason))
            continue
        same_as[key] = name
        usable.append(column)
    return usable, skipped


def read_column(sheet: Metadata, name: str) -> Usable:
    """A column as numbers where all its values are, else as levels; rare levels stay.

    Raises
    ------
    InputError
        If there is no such column.
    """
    labels = sheet.labels(name)
    if any(labels != "") and all(NUMBER.fullmatch(label) for label in labels if label):
        values = np.array([float(label or "nan") for label in labels])
        return Usable(name, True, np.where(np.isinf(values), np.nan, values))
    return Usable(name, False, labels)


def common_levels(labels_N: np.ndarray, least: int = LEAST_IN_LEVEL) -> np.ndarray:
    """The labels, ``""`` where fewer samples than ``least`` have one."""
    values, place, times = np.unique(labels_N.astype(str), return_inverse=True, return_counts=True)
    kept = (times >= least) & (values != "")
    return np.where(kept[place], labels_N, "").astype(object)


def _problem(column: Usable) -> str:
    """Why a column cannot be used; empty where it can."""
    number, known = len(column.values), int(column.known.sum())
    values = column.values[column.known]
    distinct = len(np.unique(values.astype(str)))
    if known < max(LEAST_KNOWN, LEAST_SHARE * number):
        return f"missing in {number - known:,} of {number:,} samples"
    if distinct == 1:
        return "the same in all samples"
    if column.is_number:
        looks_like_id = distinct == known and bool(ID_NAME.fullmatch(column.name))
        return "a different number in each sample, and named as an id" if looks_like_id else ""
    levels = np.unique(common_levels(values).astype(str))
    levels = levels[levels != ""]
    if distinct > known / 2:
        return f"texts that hardly repeat ({distinct:,} in {known:,} samples)"
    if len(levels) < 2:
        return f"fewer than two levels with {LEAST_IN_LEVEL} samples"
    return f"{len(levels):,} levels, more than {MOST_LEVELS}" if len(levels) > MOST_LEVELS else ""
