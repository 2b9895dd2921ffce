"""Sequence tables of DADA2 as text: a line for each sample, a column for each sequence.

As ``write.csv(seqtab.nochim, "seqtab.csv")`` or ``write.table`` writes it, with quotes, and with an empty first name
or none.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from aam.data.readers.feature_ids import are_sequences
from aam.data.readers.formats.entries import Entries
from aam.data.readers.raw_table import RawTable
from aam.errors import InputError
from aam.text import split_cells

SEPARATORS = ("\t", ",", ";", " ")
NOTE = "the columns are sequences: samples are the rows, as DADA2 writes it"


def is_sequence_table(header: Sequence[str]) -> bool:
    """Whether all columns but perhaps the first are named by DNA."""
    return len(header) > 1 and are_sequences([name or "-" for name in header[1:]])


def sequence_table_header(line: str) -> tuple[str, list[str]] | None:
    """Separator and cells of a header whose columns are sequences; None of any other."""
    for separator in SEPARATORS:
        header = split_cells(line, separator)
        if is_sequence_table(header):
            return separator, header
    return None


def read_sequence_table(source: Path, text: str) -> RawTable:
    """Read a sequence table.

    Parameters
    ----------
    source, text
        The file.

    Raises
    ------
    InputError
        If lines do not fit the header, or values are no counts.
    """
    lines = [(number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
    known = sequence_table_header(lines[0][1])
    assert known is not None, "the header was looked at before"
    separator, header = known
    rows = [(number, split_cells(line, separator)) for number, line in lines[1:]]
    if not rows:
        raise InputError(source, "the table has 0 samples")
    # R leaves out the name of the first column, unless it is asked for one.
    names = header if len(rows[0][1]) == len(header) + 1 else header[1:]
    entries = Entries(source, names)
    for number, cells in rows:
        if len(cells) != len(names) + 1:
            problem = f"line {number:,} has {len(cells):,} cells, {len(names) + 1:,} needed"
            raise InputError(source, problem, "every line needs a sample id and a count for each sequence")
        entries.add_dense(number, cells[0], cells[1:])
    return entries.table(rows_are_samples=True, notes=(NOTE,))
