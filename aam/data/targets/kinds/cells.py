"""Cells of a prediction table: values as text, and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from aam.errors import InputError
from aam.text import shorten


def cell(value: object) -> str:
    """A label, or a number; nothing where it is missing."""
    if not isinstance(value, float | np.floating):
        return str(value)
    return "" if np.isnan(value) else f"{value:.10g}"


def cells(values: Iterable[object]) -> list[str]:
    """Several values as text."""
    return [cell(value) for value in values]


class Cells(NamedTuple):
    """The columns that a table has of one target.

    Attributes
    ----------
    columns
        Name -> text of each sample.
    suffix
        What is added to the names of this target's columns.
    path
        The file, for messages.
    """

    columns: Mapping[str, np.ndarray]
    suffix: str
    path: Path

    def text(self, name: str) -> np.ndarray:
        """A column that is there."""
        return self.columns[name + self.suffix]

    def has(self, name: str) -> bool:
        """Whether there is such a column."""
        return name + self.suffix in self.columns

    def numbers(self, name: str, *, empty: str = "", may_be_infinite: bool = False) -> np.ndarray:
        """A column of numbers (float64); ``empty`` stands in for empty cells.

        Raises
        ------
        InputError
            If a cell is no number, or not finite.
        """
        texts = self.text(name)
        try:
            values = np.where(texts == "", empty, texts).astype(np.float64)
        except ValueError as error:
            raise InputError(self.path, f"a number is needed ({shorten(str(error), 60)})") from None
        wrong = np.isnan(values) if may_be_infinite else ~np.isfinite(values)
        if wrong.any():
            raise InputError(self.path, f"{wrong.sum()} values are not finite")
        return values
