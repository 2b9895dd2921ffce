"""The metadata, by QIIME 2's rules: tab-separated text in which everything stays text until it is used.

References
----------
https://docs.qiime2.org/2024.10/tutorials/metadata/
"""

from __future__ import annotations

import csv
import dataclasses
import difflib
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aam.data.readers.metadata_query import rows_where
from aam.data.readers.metadata_values import is_missing, missing_words, to_numbers
from aam.errors import InputError, Problems
from aam.files.archive import is_archive
from aam.files.packed import read_unpacked
from aam.text import CONTROL, ONCE, decode_text, plural, shorten

# Names of the first column, in any case; and those that QIIME 1, Qiita and R use, as they are written there.
ID_HEADERS = {"id", "sampleid", "sample id", "sample-id", "featureid", "feature id", "feature-id"}
EXACT_ID_HEADERS = {"#SampleID", "#Sample ID", "#OTUID", "#OTU ID", "sample_name", "sample_id"}
DIRECTIVE = "#q2:"
MOST_SHOWN = 70
HAS_CONTROL = "has a tab, line break or other control character"

Row = tuple[int, list[str]]


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
    """

    source: str
    sample_ids: np.ndarray
    columns: dict[str, np.ndarray]
    notes: tuple[str, ...]

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
        raise InputError(self.source, f"no column '{shorten(name)}'", self._suggestion(name))

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

    def labels(self, name: str, missing: Sequence[str] = ()) -> np.ndarray:
        """A column as text, ``""`` where the cell is missing (see :meth:`numeric`)."""
        cells, words = self.column(name), missing_words(missing)
        return np.array(["" if is_missing(cell, words) else cell for cell in cells], dtype=object)

    def where(self, condition: str) -> np.ndarray:
        """For each sample whether an SQL condition on the columns holds, as in QIIME 2's ``--p-where``.

        Columns whose cells are all numbers, or missing, compare as numbers. In others the empty cell alone is NULL.
        The ids are the column ``sample_id``, or ``"sample-id"``.

        Raises
        ------
        InputError
            If it is not such a condition, or does more than read the metadata.
        """
        return rows_where(self.source, self.sample_ids, self.columns, condition)

    def _suggestion(self, name: str) -> str:
        names = list(self.columns)
        folded = {n.casefold(): n for n in names}
        near = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)
        shown = ", ".join(names)
        listing = f"columns: {shown if len(shown) <= MOST_SHOWN else shown[: MOST_SHOWN - 3] + '...'}"
        return f"did you mean '{shorten(folded[near[0]])}'? {listing}" if near else listing


def read_metadata(path: Path) -> Metadata:
    """Read a metadata file.

    Raises
    ------
    InputError
        With everything that is wrong with its header and rows.
    """
    if is_archive(path):
        raise InputError(path, "is a zip or Excel file", "save it as tab-separated text")
    rows = _rows(path, decode_text(read_unpacked(path), path))
    header = _read_header(path, rows)
    problems = Problems(path)
    _check_names(problems, header)
    lines, table = _read_samples(problems, rows, header)
    _check_ids(problems, lines, [cells[0] for cells in table])
    problems.raise_if_any()
    if not table:
        raise InputError(path, "no samples after the header", "every sample needs a row")
    cells = np.array(table, dtype=object)
    columns = {name: cells[:, i].copy() for i, name in enumerate(header) if i > 0}
    return Metadata(str(path), cells[:, 0].copy(), columns, ())


def _rows(path: Path, text: str) -> Iterator[Row]:
    """Line number and stripped cells of each row that is neither blank nor a comment."""
    reader = csv.reader(io.StringIO(text, newline=""), dialect="excel-tab", strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = [cell.strip() for cell in next(reader)]
        except StopIteration:
            return
        except csv.Error as error:
            problem = f"line {line:,} cannot be read ({shorten(str(error), 60)})"
            raise InputError(path, problem, 'is a quote (") not closed, or a cell too long?') from None
        if any(cells) and not _is_comment(cells[0]):
            yield line, cells


def _is_comment(cell: str) -> bool:
    return cell.startswith("#") and not cell.startswith(DIRECTIVE) and cell not in EXACT_ID_HEADERS


def _is_id_header(cell: str) -> bool:
    return cell in EXACT_ID_HEADERS or cell.lower() in ID_HEADERS


def _read_header(path: Path, rows: Iterator[Row]) -> list[str]:
    line, header = next(rows, (0, []))
    if not header:
        raise InputError(path, "no samples: the file has only blank lines and comments")
    while header[-1] == "":
        header.pop()
    if _is_id_header(header[0]):
        return header
    for separator, name in ((",", "comma"), (";", "semicolon")):
        if len(header) == 1 and separator in header[0]:
            raise InputError(path, f"one column found; the file seems {name}-separated", "tabs are needed")
    problem = f"the first column is named '{shorten(header[0])}' (line {line})"
    raise InputError(path, problem, "name the column of the sample ids 'sample-id'")


def _check_names(problems: Problems, header: Sequence[str]) -> None:
    for number, name in enumerate(header, start=1):
        if name == "":
            problems.add(f"column {number} has no name", "every column needs one")
        elif CONTROL.search(name):
            problems.add(f"the name of column {number} ('{shorten(name)}') {HAS_CONTROL}", "rename it")
        elif header.index(name) == number - 1 and header.count(name) > 1:
            problems.add(f"column '{shorten(name)}' occurs {header.count(name)} times", "give each column its own name")


def _read_samples(problems: Problems, rows: Iterator[Row], header: Sequence[str]) -> tuple[list[int], list[list[str]]]:
    """Line numbers and cells of the samples; short rows are filled up, rows that are too long are noted."""
    lines: list[int] = []
    table: list[list[str]] = []
    too_long: list[tuple[int, int]] = []
    for line, cells in rows:
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
    reserved = [pair for pair in pairs if pair[1].startswith(DIRECTIVE) or _is_id_header(pair[1])]
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
