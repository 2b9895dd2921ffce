"""Metadata columns to colour by and to test, and groups of samples that are alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from aam.data.study.grouping import group_labels, likely_grouping
from aam.errors import ConfigError, InputError
from aam.text import shorten

if TYPE_CHECKING:
    from aam.data.readers.metadata import Metadata
    from aam.data.targets.targets import Targets
    from aam.report.embedding import Colour

FEWEST_NUMBERS = 11
"""Different values above which a column of numbers is a number, not a level."""


def colours_of(sheet: Metadata, wanted: Sequence[str], targets: Targets | None) -> list[Colour]:
    """The columns that are asked for, else those of the targets that the metadata has.

    Raises
    ------
    InputError
        If the metadata has no such column.
    ConfigError
        If columns are asked for without metadata.
    """
    from aam.report.embedding import Colour

    specs = {spec.column: spec for spec in targets.specs} if targets is not None else {}
    if wanted and not sheet.columns:
        raise ConfigError("--colour needs --metadata")
    found = []
    for column in dict.fromkeys(wanted or [name for name in specs if name in sheet.columns]):
        spec = specs.get(column)
        is_number = _is_number(sheet, column) if spec is None else not spec.classes
        values = sheet.numeric(column, remedy="correct them") if is_number else sheet.labels(column)
        found.append(Colour(str(column), values, spec is not None))
    return found


def group_column_among(sheet: Metadata, given: str | None, of_run: str | None) -> str | None:
    """The column of groups that is given, else that of the training run where the metadata has it."""
    return of_run if given is None and of_run in sheet.columns else given


def groups_of(sheet: Metadata, column: str | None) -> np.ndarray | None:
    """Code of each sample's group; a sample without one is a group of its own.

    Raises
    ------
    ConfigError, InputError
        If there is no metadata, or no such column.
    """
    if column is None:
        return None
    if not sheet.columns:
        raise ConfigError("--group-column needs --metadata")
    return np.unique(group_labels(sheet, column).astype(str), return_inverse=True)[1]


def groups_words(
    sheet: Metadata, column: str | None, groups: np.ndarray | None, tested: Sequence[str]
) -> Iterator[str]:
    """Which groups the tests keep, or which column looks like groups that they do not know of."""
    if groups is not None and column is not None:
        yield f"groups: {len(np.unique(groups)):,} of '{shorten(column)}', which the tests keep"
    elif tested and (found := likely_grouping(sheet, tested)) is not None:
        yield (
            f"column '{shorten(found.column)}' looks like groups of samples ({found.groups:,} values in "
            f"{found.samples:,} samples): without --group-column, p values are too small"
        )


def _is_number(sheet: Metadata, column: str) -> bool:
    """Whether a column holds numbers, too many for levels."""
    sheet.column(column)
    try:
        values = sheet.numeric(column)
    except InputError:
        return False
    return len(np.unique(values[~np.isnan(values)])) >= FEWEST_NUMBERS
