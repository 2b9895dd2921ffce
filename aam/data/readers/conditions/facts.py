"""Columns that a condition names: their cells as texts and as numbers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from aam.data.readers.column_names import suggestion
from aam.data.readers.conditions.tokens import ConditionError, in_brackets, needs_brackets, outside_quotes
from aam.data.readers.metadata_values import MISSING_WORDS, NUMBER, is_missing
from aam.text import shorten

ID_NAMES = ("sample_id", "sample-id", "sampleid", "sample id", "id", "#sampleid", "#sample id", "sample_name")
"""Names of the ids, in any case, unless a column has the name."""
EXACT = 2**53
"""From it on, floats skip whole numbers."""

Cells = list[str | None]
Values = list[float | int | None]
IsMissing = Callable[[str], bool]


@dataclass(frozen=True, eq=False)
class Facts:
    """A column's cells.

    Attributes
    ----------
    name
        As the metadata have it.
    place
        Among the columns of the condition.
    texts
        The cells; None where one is missing.
    numbers
        Their numbers; None where one is missing or no number.
    odd
        Rows of the cells that are neither numbers nor missing.
    """

    name: str
    place: int
    texts: Cells
    numbers: Values
    odd: list[int]

    @property
    def pairs(self) -> list[tuple[str, float | int]]:
        """The cells that are numbers, as texts and as numbers."""
        both = zip(self.texts, self.numbers, strict=True)
        return [(cell, number) for cell, number in both if cell is not None and number is not None]

    @property
    def some_numbers(self) -> bool:
        """Whether a cell is a number."""
        return any(number is not None for number in self.numbers)

    @property
    def is_numeric(self) -> bool:
        """Whether all cells are numbers, or missing."""
        return not self.odd and self.some_numbers


class Sheet:
    """The metadata as a condition sees them; columns are looked at when they are named.

    Parameters
    ----------
    condition
        As it was written.
    sample_ids, columns
        The metadata.
    missing
        Column -> whether one of its cells means a missing value; other columns follow ``None``.
    """

    def __init__(
        self,
        condition: str,
        sample_ids: np.ndarray,
        columns: Mapping[str, np.ndarray],
        missing: Mapping[str | None, IsMissing],
    ) -> None:
        self.condition = condition
        self.sample_ids = sample_ids
        self.columns = columns
        self.missing = missing
        self.found: dict[str, Facts] = {}

    def column(self, name: str, *, quoted: bool) -> Facts:
        """A column by its name, in any case.

        Raises
        ------
        ConditionError
            If there is no such column, or two differ only in case.
        """
        same = [column for column in self.columns if column.casefold() == name.casefold()]
        if len(same) > 1:
            reason = f"columns '{shorten(same[0])}' and '{shorten(same[1])}' are the same in it"
            raise ConditionError(reason, "rename one of them")
        if not same and name.casefold() not in ID_NAMES:
            raise ConditionError(f"no such column: {shorten(name)}", self.remedy(name, quoted=quoted))
        known = same[0] if same else ""
        if known not in self.found:
            self.found[known] = self._facts(known)
        return self.found[known]

    def remedy(self, name: str = "", *, quoted: bool = False) -> str:
        """What to say of a name that is no column's, or of a condition that cannot be read."""
        outside = outside_quotes(self.condition).casefold()
        torn = [
            column
            for column in self.columns
            if needs_brackets(column) and re.search(rf"(?<![\w$]){re.escape(column.casefold())}(?![\w$])", outside)
        ]
        if torn and not quoted:
            return f"write {in_brackets(max(torn, key=len))}"
        if not name:
            return ""
        hint, texts = suggestion(name, self.columns), "Texts stand in single quotes"
        near, _, listing = hint.rpartition("? ")
        if not quoted and near:
            return hint
        return f"{near}? {texts}" if near else f"{listing}. {texts}: '{shorten(name)}'"

    def _facts(self, name: str) -> Facts:
        place = len(self.found)
        if not name:
            texts: Cells = list(self.sample_ids)
            odd = [row for row, cell in enumerate(texts) if NUMBER.fullmatch(cell or "") is None]
            return Facts("sample-id", place, texts, [_number(cell) for cell in texts], odd)
        means_missing = self.missing.get(name, self.missing[None])
        cells = self.columns[name]
        texts = [None if means_missing(cell) else cell for cell in cells]
        numbers = [_number(cell) for cell in texts]
        odd = [
            row
            for row, (cell, number) in enumerate(zip(texts, numbers, strict=True))
            if cell is not None and number is None and not is_missing(cell, MISSING_WORDS)
        ]
        return Facts(name, place, texts, numbers, odd)


def _number(cell: str | None) -> float | int | None:
    """A cell as the number that SQLite compares: whole numbers that no float can tell apart stay whole."""
    if cell is None or NUMBER.fullmatch(cell) is None:
        return None
    digits = cell.lstrip("+-")
    if digits.isdigit() and EXACT <= int(digits) < 2**63:
        return int(cell)
    return float(cell)
