"""Tables of text as `aam info` looks at them, whatever they are about."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cached_property

from aam.data.readers.metadata_layout import DIRECTIVE

SEPARATORS = ("\t", ",", ";")
SEPARATED = {"\t": "tabs", ",": "commas", ";": "semicolons"}


@dataclass(frozen=True)
class Cells:
    """A table of text.

    Attributes
    ----------
    separator
        Between cells.
    lines
        The lines from the header on, without blank ones and directives of QIIME 2; they are split only where they are
        needed.
    """

    separator: str
    lines: list[str]

    @cached_property
    def header(self) -> list[str]:
        """Names of the columns, of which there are two or more."""
        return _split(self.lines[:1], self.separator)[0]

    @cached_property
    def first(self) -> list[str]:
        """The first line after the header; empty where there is none."""
        return next(iter(_split(self.lines[1:2], self.separator)), [])

    @cached_property
    def rows(self) -> list[list[str]]:
        """All lines after the header."""
        return _split(self.lines[1:], self.separator)

    def column(self, name: str) -> list[str]:
        """The cells of a column; empty where a line has none."""
        place = self.header.index(name)
        return [row[place] if place < len(row) else "" for row in self.rows]


def read_cells(text: str) -> Cells | None:
    """The cells of a text whose first line (comments aside) has several, separated by tabs, commas or semicolons.

    Returns
    -------
    Cells or None
        None where the first line and the next are not separated so.
    """
    lines = [line for line in text.split("\n") if line.strip() and not line.startswith(DIRECTIVE)]
    comments = next((place for place, line in enumerate(lines) if not line.lstrip('"').startswith("#")), len(lines))
    starts = [start for start in (comments - 1, comments) if 0 <= start < len(lines)]
    found = (Cells(one, lines[start:]) for one in SEPARATORS for start in starts if one in lines[start])
    return next((cells for cells in found if _is_table(cells)), None)


def _is_table(cells: Cells) -> bool:
    width = len(cells.header)
    return cells.separator == "\t" or len(cells.first) in (width, width + 1)


def _split(lines: list[str], separator: str) -> list[list[str]]:
    try:
        return [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=separator) if row]
    except csv.Error:  # of a cell that is too long
        return [[cell.strip() for cell in line.split(separator)] for line in lines]
