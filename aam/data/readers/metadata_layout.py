"""Where a metadata file has its header and its rows: QIIME 2's layout, and those of R and of QIIME 2 artifacts."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from aam.errors import InputError
from aam.files.archive import archive_type, is_archive, read_member
from aam.files.packed import read_unpacked
from aam.text import decode_text, shorten

# Names of the first column, in any case; and those that QIIME 1, Qiita and R use, as they are written there.
ID_HEADERS = {"id", "sampleid", "sample id", "sample-id", "featureid", "feature id", "feature-id"}
EXACT_ID_HEADERS = {"#SampleID", "#Sample ID", "#OTUID", "#OTU ID", "sample_name", "sample_id"}
DIRECTIVE = "#q2:"
HAS_CONTROL = "has a tab, line break or other control character"
# Artifacts that QIIME 2 takes as metadata, by how their types begin; each holds one table of text.
METADATA_TYPES = ("ImmutableMetadata", "SampleData[")
LOOKED_AT = 20
"""Rows that show whether the header lacks a cell."""

Row = tuple[int, list[str]]


@dataclass(frozen=True)
class Layout:
    """A metadata file, divided.

    Attributes
    ----------
    header
        Names of the columns, that of the ids first.
    rows
        Line number and cells of each row after it that is neither blank nor a comment.
    notes
        What was unusual.
    """

    header: list[str]
    rows: Iterator[Row]
    notes: tuple[str, ...] = ()


def metadata_text(path: Path) -> str:
    """The text of a metadata file, or of the one table in a QIIME 2 artifact.

    Raises
    ------
    InputError
        If it cannot be read, or the artifact is no metadata of samples.
    """
    if not is_archive(path):
        return decode_text(read_unpacked(path), path)
    try:
        found = archive_type(path)
    except InputError as error:
        if "not a QIIME 2 archive" not in str(error):
            raise
        raise InputError(path, "is a zip or Excel file", "save it as tab-separated text") from None
    if not is_metadata_type(found):
        needed = "ImmutableMetadata or SampleData[...] is needed"
        raise InputError(path, f"holds {shorten(found, 40)}, no metadata of samples", needed)
    return decode_text(read_member(path, [found], [".tsv"]), path)


def read_layout(path: Path, text: str) -> Layout:
    """Find the header.

    Raises
    ------
    InputError
        If there is none, or its first column is not that of the ids.
    """
    rows = _rows(path, text)
    line, header = next(rows, (0, []))
    if not header:
        raise InputError(path, "no samples: the file has only blank lines and comments")
    name, width = header[0], len(header)
    while header[-1] == "":
        header.pop()
    if is_id_header(name):
        return Layout(header, rows)
    if name == "":
        note = "the first column has no name: it is taken as the sample ids"
        return Layout(["sample-id", *header[1:]], rows, () if is_archive(path) else (note,))
    first = list(islice(rows, LOOKED_AT))
    samples = [cells for _, cells in first if not cells[0].startswith(DIRECTIVE)]
    if all(len(cells) == width + 1 for cells in samples) and any(cells[-1] for cells in samples):
        note = "the header has one cell less than the rows, as R writes it: the first column is taken as the sample ids"
        return Layout(["sample-id", *header], chain(first, rows), (note,))
    raise _no_ids(path, line, header)


def layout_of_columns(ids: Sequence[str], columns: Mapping[str, Sequence[str]], notes: tuple[str, ...] = ()) -> Layout:
    """A sheet whose columns are known.

    Parameters
    ----------
    ids
        Of the samples.
    columns
        Name of a column -> its cells.
    notes
        What was unusual.
    """
    lines = enumerate(zip(ids, *columns.values(), strict=True), start=1)
    return Layout(["sample-id", *columns], ((line, [cell.strip() for cell in row]) for line, row in lines), notes)


def is_metadata_type(kind: str) -> bool:
    """Whether QIIME 2 takes an artifact of this type as metadata of samples: one table of text."""
    return kind.startswith(METADATA_TYPES) and "Sequences" not in kind


def is_id_header(cell: str) -> bool:
    """Whether a cell is one of the names of the column of ids."""
    return cell in EXACT_ID_HEADERS or cell.lower() in ID_HEADERS


def _no_ids(path: Path, line: int, header: list[str]) -> InputError:
    for separator, name in ((",", "comma"), (";", "semicolon")):
        if len(header) == 1 and separator in header[0]:
            return InputError(path, f"one column found; the file seems {name}-separated", "tabs are needed")
    problem = f"the first column is named '{shorten(header[0])}' (line {line})"
    return InputError(path, problem, "name the column of the sample ids 'sample-id'")


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
        if len(cells) == 1 and "\t" in cells[0]:
            # A spreadsheet that took the line for one cell has put it in quotes.
            cells = [cell.strip() for cell in cells[0].split("\t")]
        if any(cells) and not _is_comment(cells[0]):
            yield line, cells


def _is_comment(cell: str) -> bool:
    return cell.startswith("#") and not cell.startswith(DIRECTIVE) and cell not in EXACT_ID_HEADERS
