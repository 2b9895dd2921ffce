"""The metadata, by QIIME 2's rules: tab-separated text in which everything stays text until it is used.

References
----------
https://docs.qiime2.org/2024.10/tutorials/metadata/
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from aam.data.readers.column_names import suggestion
from aam.data.readers.formats.registry import read_sheet
from aam.data.readers.metadata_layout import (
    DIRECTIVE,
    HAS_CONTROL,
    Layout,
    is_id_header,
    metadata_text,
    read_layout,
)
from aam.data.readers.metadata_query import Selection, rows_where
from aam.data.readers.metadata_values import folded, is_missing, missing_words, to_numbers
from aam.errors import InputError, Problems
from aam.text import CONTROL, ONCE, plural, shorten


@dataclass(frozen=True, eq=False)
class Metadata:
    """The metadata of ``N`` samples.

    Attributes
    ----------
    source
        The file.
    sample_ids
        Ids (``N``), exactly as written (without spaces around them).
    columns
        Name of each column -> its cells as text (``N``); an empty cell is ``""``.
    notes
        What is worth saying of the file.
    kept
        Words that are values in columns of text, although they usually mean a missing one (``--not-missing``).
    """

    source: str
    sample_ids: np.ndarray
    columns: dict[str, np.ndarray]
    notes: tuple[str, ...]
    kept: tuple[str, ...] = ()

    def select(self, sample_ids: Iterable[str]) -> Metadata:
        """These samples, in this order; all of them must be there."""
        row_of = {sample_id: row for row, sample_id in enumerate(self.sample_ids)}
        rows = np.array([row_of[sample_id] for sample_id in sample_ids], dtype=np.int64)
        columns = {name: cells[rows] for name, cells in self.columns.items()}
        return dataclasses.replace(self, sample_ids=self.sample_ids[rows], columns=columns)

    def column(self, name: str) -> np.ndarray:
        """The cells of a column, as text.

        Raises
        ------
        InputError
            If there is no such column; names the nearest one.
        """
        if name in self.columns:
            return self.columns[name]
        raise InputError(self.source, f"no column '{shorten(name)}'", suggestion(name, self.columns))

    def numeric(self, name: str, missing: Sequence[str] = (), remedy: str | None = None) -> np.ndarray:
        """A column as float64, NaN where the cell is missing.

        Parameters
        ----------
        name
            The column.
        missing
            Further words for a missing value.
        remedy
            The remedy for cells that are not finite numbers; None for that of a target.

        Raises
        ------
        InputError
            If there is no such column, or one of its other cells is not a finite number.
        """
        return to_numbers(self.source, name, self.sample_ids, self.column(name), missing_words(missing), remedy)

    def labels(self, name: str, missing: Sequence[str] = (), known: Iterable[str] = ()) -> np.ndarray:
        """A column as text, ``""`` where the cell is missing.

        Parameters
        ----------
        name
            The column.
        missing
            As of :meth:`numeric`.
        known
            Texts that are values whatever they usually mean: the levels that a model knows.

        Raises
        ------
        InputError
            If there is no such column.
        """
        values, words, kept = set(known), missing_words(missing, self.kept), folded(self.kept)
        cells = self.column(name)
        is_value = [cell in values or not is_missing(cell, words, kept) for cell in cells]
        return np.where(is_value, cells, "").astype(object)

    def where(self, condition: str, missing: Mapping[str, Sequence[str]] | None = None) -> Selection:
        """For each sample whether a condition holds, as in QIIME 2's ``--p-where``, and notes.

        A column that is compared with a text is one of texts as they are written; compared with a number, it is one of
        numbers. Words for a missing value are NULL in both. The ids are the column ``[sample-id]``.

        Parameters
        ----------
        condition
            One expression of SQL.
        missing
            Column -> further words for a missing value in it.

        Raises
        ------
        InputError
            If it is not such a condition, or a column has other cells than it needs.
        """
        kept = folded(self.kept)
        words: dict[str | None, frozenset[str]] = {None: missing_words((), self.kept)}
        words |= {name: missing_words(further, self.kept) for name, further in (missing or {}).items()}
        tests: dict[str | None, Callable[[str], bool]] = {
            name: partial(is_missing, words=of_name, kept=kept) for name, of_name in words.items()
        }
        return rows_where(self.source, self.sample_ids, self.columns, condition, tests)


def read_metadata(path: Path, kept: tuple[str, ...] = ()) -> Metadata:
    """Read metadata: tab-separated text, a QIIME 2 artifact that is metadata, AnnData's ``obs`` or R's data frame.

    Parameters
    ----------
    path
        The file.
    kept
        See :class:`Metadata`.

    Raises
    ------
    InputError
        With everything that is wrong with its header and rows.
    """
    layout = read_sheet(path) or read_layout(path, metadata_text(path))
    problems = Problems(path)
    _check_names(problems, layout.header)
    lines, table = _read_samples(problems, layout)
    _check_ids(problems, lines, [cells[0] for cells in table])
    problems.raise_if_any()
    if not table:
        raise InputError(path, "no samples after the header", "every sample needs a row")
    cells = np.array(table, dtype=object)
    columns = {name: cells[:, i].copy() for i, name in enumerate(layout.header) if i > 0}
    return Metadata(str(path), cells[:, 0].copy(), columns, layout.notes, kept)


def _check_names(problems: Problems, header: Sequence[str]) -> None:
    for number, name in enumerate(header, start=1):
        if name == "":
            problems.add(f"column {number} has no name", "every column needs one")
        elif CONTROL.search(name):
            problems.add(f"the name of column {number} ('{shorten(name)}') {HAS_CONTROL}", "rename it")
        elif header.index(name) == number - 1 and header.count(name) > 1:
            problems.add(f"column '{shorten(name)}' occurs {header.count(name)} times", "give each column its own name")


def _read_samples(problems: Problems, layout: Layout) -> tuple[list[int], list[list[str]]]:
    """Line numbers and cells of the samples; short rows are filled up, rows that are too long are noted."""
    header = layout.header
    lines: list[int] = []
    table: list[list[str]] = []
    too_long: list[tuple[int, int]] = []
    for line, cells in layout.rows:
        if cells[0].startswith(DIRECTIVE) and not table:
            continue
        if any(cells[len(header) :]):
            too_long.append((line, len(cells)))
        if CONTROL.search("".join(cells)):
            # In quotes a cell may have tabs and line breaks. They would tear the rows of what is written of it.
            cells = [cells[0], *(" ".join(filter(None, CONTROL.split(cell))).strip() for cell in cells[1:])]
        lines.append(line)
        table.append((cells + [""] * len(header))[: len(header)])
    if too_long:
        line, width = too_long[0]
        more = f" ({len(too_long):,} such lines)" if len(too_long) > 1 else ""
        problem = f"line {line:,} has {width:,} cells, the header has {len(header):,}{more}"
        problems.add(problem, "is there an extra tab?")
    return lines, table


def _check_ids(problems: Problems, lines: Sequence[int], sample_ids: Sequence[str]) -> None:
    pairs = list(zip(lines, sample_ids, strict=True))
    line_of: dict[str, int] = {}
    for line, sample_id in pairs:
        line_of.setdefault(sample_id, line)
    empty = [line for line, sample_id in pairs if sample_id == ""]
    if empty:
        problem = f"{plural(len(empty), 'row')} without a sample id (first: line {empty[0]:,})"
        problems.add(problem, "every row needs one")
    reserved = [pair for pair in pairs if pair[1].startswith(DIRECTIVE) or is_id_header(pair[1])]
    if reserved:
        line, name = reserved[0]
        problems.add(f"line {line:,}: '{shorten(name)}' cannot be a sample id", "is it a second header?")
    torn = [pair for pair in pairs if CONTROL.search(pair[1])]
    if torn:
        line, name = torn[0]
        problems.add(f"line {line:,}: sample id '{shorten(name)}' {HAS_CONTROL}", "rename the sample")
    repeated = [(line, name) for line, name in pairs if name and line != line_of[name]]
    if repeated:
        line, name = repeated[0]
        more = f"; {len(repeated):,} such rows" if len(repeated) > 1 else ""
        problem = f"duplicate sample id '{shorten(name)}' (lines {line_of[name]:,} and {line:,}{more})"
        problems.add(problem, ONCE)
