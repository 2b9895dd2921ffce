"""Feature tables as text with ASVs as rows: what ``biom convert --to-tsv``, R and spreadsheets write.

R quotes texts, leaves the name of the first column empty or out, and takes spaces, tabs, commas or semicolons.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array

from aam.data.readers.feature_ids import are_mostly_features, transposed_error
from aam.data.readers.raw_table import RawTable, make_raw_table
from aam.data.readers.table_formats import from_entries
from aam.data.readers.taxonomy import ID_NAMES, TAXON_NAMES
from aam.errors import InputError
from aam.text import first_bytes, shorten, split_cells

TAB = "\t"
OTHER_SEPARATORS = (",", ";", " ")
RANKS = {"kingdom", "domain", "phylum", "class", "order", "family", "genus", "species", "confidence"}
"""Columns of taxonomy, beside those of whole lineages, where they hold no counts."""
OTHER_ID_NAMES = {"otu", "otus", "asvs", "otu_id", "asv_id", "feature", "features", "taxa", "row.names"} | TAXON_NAMES

NO_READS = {"", "na", "nan", "null", "none", "-"}
THOUSANDS = re.compile(r"\d{1,3}(?:[,.' ]\d{3})+")

Line = tuple[int, str]


@dataclass(frozen=True)
class _Layout:
    """How a table is written.

    Attributes
    ----------
    separator
        Between cells.
    header
        Name of each column, that of the ids too, which may be empty.
    lines
        Numbers and texts of the lines of the ASVs.
    """

    separator: str
    header: list[str]
    lines: list[Line]


def read_text_table(source: Path, text: str) -> RawTable:
    """Read a table of text: a line of sample ids, then a line for each ASV; ``#`` lines before that are comments.

    Cells may be quoted. Columns of taxonomy are left out. The name of the first column may be lacking.

    Raises
    ------
    InputError
        If it is not such a table, or its values are not counts.
    """
    layout = _layout(source, text)
    header, width = layout.header, len(layout.header)
    kept = _samples(layout)
    names = [header[column] for column in kept]
    asv_ids, entries = [], []
    for number, line in layout.lines:
        cells = _without_end(split_cells(line, layout.separator), width)
        if len(cells) != width:
            problem = f"line {number:,} has {len(cells):,} cells, the header has {width:,}"
            raise InputError(source, problem, "every line needs an ASV id and a count for each sample")
        asv_ids.append(cells[0])
        counts = cells[1:] if len(kept) == width - 1 else [cells[column] for column in kept]
        entries.append(_counts_of_line(source, cells[0], counts, names))
    if names == asv_ids:
        raise InputError(source, "rows and columns are the same: distances, not counts", "give it to --distances")
    return make_raw_table(source, names, asv_ids, _from_lines(entries, len(kept)))


def _layout(source: Path, text: str) -> _Layout:
    lines = [(number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
    first = _first_line([line for _, line in lines])
    for separator in (TAB, *OTHER_SEPARATORS):
        for start in (first - 1, first):
            if 0 <= start < len(lines) and (layout := _written_so(lines[start:], separator)):
                return layout
    header = lines[first][1] if first < len(lines) else ""
    raise _not_a_table(source, text, header)


def _first_line(lines: Sequence[str]) -> int:
    """Place of the first line that is no comment."""
    for place, line in enumerate(lines):
        if not line.lstrip('"').startswith("#"):
            return place
    return len(lines)


def _written_so(lines: Sequence[Line], separator: str) -> _Layout | None:
    """The layout of lines of which the first is the header, if they are separated so; None if they are not.

    Tabs are found by the header alone. Any other separator must lead to an ASV with numbers in its cells.
    """
    header = split_cells(lines[0][1], separator)
    row = split_cells(lines[1][1], separator) if len(lines) > 1 else []
    names = ["", *header] if _lacks_first_name(header, row) else _without_end(header, 1)
    fits = separator == TAB or _has_counts(names, row) or _is_transposed(names, row)
    if len(names) < 2 or not fits:
        return None
    return _Layout(separator, names, list(lines[1:]))


def _is_transposed(names: Sequence[str], row: Sequence[str]) -> bool:
    """Whether the columns are ASVs, perhaps beside some of metadata, which are no counts."""
    return len(row) == len(names) > 1 and are_mostly_features(names[1:])


def _lacks_first_name(header: Sequence[str], row: Sequence[str]) -> bool:
    """Whether the header names the samples alone, as R writes it where nothing else is asked for."""
    first = header[0].strip().lower()
    is_named = not first or first.startswith("#") or first in ID_NAMES | OTHER_ID_NAMES
    return not is_named and bool(row[-1:] and row[-1].strip()) and _has_counts(["", *header], row)


def _has_counts(header: Sequence[str], row: Sequence[str]) -> bool:
    """Whether a line has a cell for each column, with numbers in those of samples."""
    cells = _without_end(row, len(header))
    kept = _sample_columns(header, cells)
    return len(cells) == len(header) and bool(kept) and all(is_number(cells[column]) for column in kept)


def _samples(layout: _Layout) -> list[int]:
    """The columns of the samples."""
    first = split_cells(layout.lines[0][1], layout.separator) if layout.lines else []
    return _sample_columns(layout.header, first)


def _sample_columns(header: Sequence[str], row: Sequence[str]) -> list[int]:
    """The columns that are not the ids, nor named as taxonomy without numbers in the first line."""
    last = len(header) - 1
    names = [name.strip().lower() for name in header]
    taxonomy = {
        column
        for column, name in enumerate(names)
        if (column == last and name in TAXON_NAMES)
        or (name in TAXON_NAMES | RANKS and column < len(row) and not is_number(row[column]))
    }
    if taxonomy:
        taxonomy |= {column for column, name in enumerate(names) if name == "confidence"}
    return [column for column in range(1, len(header)) if column not in taxonomy]


def _without_end(cells: Sequence[str], width: int) -> list[str]:
    """The cells without blank ones at the end that the header does not have."""
    end = len(cells)
    while end > width and not cells[end - 1].strip():
        end -= 1
    return list(cells[:end])


def _not_a_table(source: Path, text: str, header: str) -> InputError:
    if "," in header and text.lstrip()[:1] not in "<{[":
        problem = "seems comma-separated, but its first ASV has not a number for each sample"
        return InputError(source, problem, "every line needs an ASV id and a count for each sample")
    start = first_bytes(text.encode())
    return InputError(source, f"not a BIOM table (expected HDF5, JSON or TSV; starts with '{start}')")


def _counts_of_line(
    source: Path, asv_id: str, cells: Sequence[str], samples: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Samples and values of a line's non-zeros."""
    try:
        values = np.array(cells, dtype=np.float64)
    except ValueError:
        sample, cell = next((s, c) for s, c in zip(samples, cells, strict=True) if not is_number(c))
        if are_mostly_features(samples):
            raise transposed_error(source, next(name for name in samples if are_mostly_features([name]))) from None
        problem = f"count '{shorten(cell)}' (ASV {shorten(asv_id)}, sample {shorten(sample)}) is not a number"
        raise InputError(source, problem, _remedy(cell)) from None
    found = np.flatnonzero(values != 0)
    return found, values[found]


def _remedy(cell: str) -> str:
    """What to do about a cell that is no count."""
    if cell.strip().lower() in NO_READS:
        return "write 0 where there are no reads"
    if THOUSANDS.fullmatch(cell.strip()):
        return "write counts without thousands separators"
    return "leave out columns that are not samples"


def is_number(text: str) -> bool:
    """Whether a cell is a number of any kind."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def _from_lines(lines: Sequence[tuple[np.ndarray, np.ndarray]], num_samples: int) -> csr_array:
    """Samples x ASVs, from the non-zeros of each ASV."""
    if not lines:
        return csr_array((num_samples, 0))
    samples, values = (np.concatenate(parts) for parts in zip(*lines, strict=True))
    asvs = np.repeat(np.arange(len(lines)), [len(line[0]) for line in lines])
    return from_entries(values, samples, asvs, (num_samples, len(lines)))
