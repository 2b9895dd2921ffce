"""Tables of mothur: ``.shared`` (a line for each sample) and ``.count_table`` (a line for each sequence, two forms).

References
----------
https://mothur.org/wiki/shared_file/ and https://mothur.org/wiki/count_file/
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from aam.data.readers.formats.choice import chosen
from aam.data.readers.formats.entries import Entries
from aam.data.readers.raw_table import RawTable
from aam.errors import InputError
from aam.text import shorten

SHARED = ("label", "group", "numotus")
COUNTS = ("representative_sequence", "total")
COMPRESSED = "#compressed format"
PAIR = re.compile(r"(\d{1,12}),(\d{1,18})")
AGAIN = "write the file again with mothur"


class _Line(NamedTuple):
    number: int
    cells: list[str]


def is_shared(header: Sequence[str]) -> bool:
    """Whether a header is that of a ``.shared`` file."""
    return tuple(name.strip().lower() for name in header[:3]) == SHARED


def is_count_table(header: Sequence[str]) -> bool:
    """Whether a header is that of a ``.count_table``, of either form."""
    return tuple(name.strip().lower() for name in header[:2]) == COUNTS or (
        bool(header) and header[0].strip().lower().startswith(COMPRESSED)
    )


def read_shared(source: Path, text: str, label: str | None) -> RawTable:
    """Read a ``.shared`` file: label, sample, number of OTUs, and a count for each OTU.

    Parameters
    ----------
    source, text
        The file.
    label
        Which label, where it has several.

    Raises
    ------
    InputError
        If lines differ in their number of cells, there are several labels and none is chosen, or values are no counts.
    """
    header, *lines = _lines(text)
    if not lines:
        raise InputError(source, "the table has 0 samples")
    width, names = len(header.cells), header.cells[3:]
    for line in lines:
        if len(line.cells) != width:
            raise _torn(source, line, width, "a count for each OTU")
    labels = list(dict.fromkeys(line.cells[0] for line in lines))
    taken = chosen(source, "label", labels, label)
    entries = Entries(source, names)
    for line in lines:
        if line.cells[0] == taken:
            entries.add_dense(line.number, line.cells[1], line.cells[3:])
    notes = (f"label {taken} of {len(labels):,}",) if len(labels) > 1 else ()
    return entries.table(rows_are_samples=True, notes=notes, layer=taken)


def read_count_table(source: Path, text: str) -> RawTable:
    """Read a ``.count_table``: a sequence's name, its total, and its count in each sample.

    Parameters
    ----------
    source, text
        The file.

    Raises
    ------
    InputError
        If it has no samples, lines do not fit the header, totals are not the sums, or values are no counts.
    """
    lines = list(_lines(text))
    groups = _groups(source, lines)
    lines = [line for line in lines if not line.cells[0].startswith("#")]
    header, *rows = lines or [_Line(0, [])]
    names = header.cells[2:]
    if not is_count_table(header.cells) or not names:
        problem = "a count_table of mothur without samples: it has totals alone"
        raise InputError(source, problem, "count.seqs with a group file writes the samples")
    entries, totals = Entries(source, names), []
    for line in rows:
        if groups is None:
            if len(line.cells) != len(header.cells):
                raise _torn(source, line, len(header.cells), "a name, a total and a count for each sample")
            entries.add_dense(line.number, line.cells[0], line.cells[2:])
        else:
            places, counts = _pairs(source, line, groups, {name: place for place, name in enumerate(names)})
            entries.add_sparse(line.cells[0], places, counts)
        totals.append((line, entries.last_sum))
    _check_totals(source, totals)
    return entries.table(rows_are_samples=False)


def _lines(text: str) -> Iterator[_Line]:
    """The lines that are not blank, without blank cells at their ends."""
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield _Line(number, [cell.strip() for cell in line.rstrip().split("\t")])


def _groups(source: Path, lines: Sequence[_Line]) -> dict[int, str] | None:
    """Number and name of each sample in the compressed form; None in the full one."""
    if not lines or not lines[0].cells[0].lower().startswith(COMPRESSED):
        return None
    numbered = [cell.lstrip("#").partition(",") for line in lines[1:2] for cell in line.cells]
    found = {int(number): name for number, _, name in numbered if number.isdecimal() and name}
    if len(found) != len(numbered) or not numbered:
        raise InputError(source, "the second line does not number the samples (#1,NAME)", AGAIN)
    return found


def _pairs(
    source: Path, line: _Line, groups: dict[int, str], place_of: dict[str, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Samples and counts of a line of the compressed form."""
    found = [PAIR.fullmatch(cell) for cell in line.cells[2:]]
    if len(line.cells) < 2 or not all(found):
        wrong = next((cell for cell, pair in zip(line.cells[2:], found, strict=True) if not pair), "")
        problem = f"line {line.number:,}: '{shorten(wrong)}' is no pair of a sample's number and a count"
        raise InputError(source, problem, AGAIN)
    pairs = [(int(pair[1]), int(pair[2])) for pair in found if pair]
    unknown = [number for number, _ in pairs if groups.get(number) not in place_of]
    if unknown:
        problem = f"line {line.number:,}: no sample has the number {unknown[0]:,}"
        raise InputError(source, problem, AGAIN)
    places = [place_of[groups[number]] for number, _ in pairs]
    return np.array(places, dtype=np.int64), np.array([count for _, count in pairs], dtype=np.float64)


def _check_totals(source: Path, totals: Sequence[tuple[_Line, float]]) -> None:
    wrong = [(line, total) for line, total in totals if line.cells[1] != f"{total:.0f}"]
    if wrong:
        line, total = wrong[0]
        first = f"line {line.number:,}: {shorten(line.cells[1])}, and the samples have {total:,.0f}"
        problem = f"{len(wrong):,} of {len(totals):,} totals are not the sums of their lines (first: {first})"
        raise InputError(source, problem, "the file is torn, or a group is lacking: make it again")


def _torn(source: Path, line: _Line, width: int, needs: str) -> InputError:
    problem = f"line {line.number:,} has {len(line.cells):,} cells, the header has {width:,}"
    return InputError(source, problem, f"every line needs {needs}")
