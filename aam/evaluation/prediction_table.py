"""The tables of predictions: one writer and one reader.

A table has a row for each sample and named columns: ``sample-id``, what tells parts or folds apart, then for each
target ``observed`` and the columns of its kind (``predicted``, intervals, probabilities ...), and ``group`` where there
is one. Where there are several targets, the names of each one's columns end in its own. So QIIME 2 takes it for sample
metadata [1]_; what it does not allow, such as infinite numbers, is an empty cell.

References
----------
.. [1] https://docs.qiime2.org/2024.10/tutorials/metadata/
"""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aam.data.readers.metadata_layout import EXACT_ID_HEADERS, ID_HEADERS
from aam.data.targets.kinds import Predictions, TargetSpec
from aam.data.targets.kinds.cells import Cells, cells
from aam.data.targets.kinds.classes import probability_names
from aam.data.targets.kinds.kind import PER_SAMPLE
from aam.errors import InputError
from aam.files.delimited import delimited
from aam.text import ONCE, decode_text, duplicates, plural, read_bytes, shorten, spreadsheet_safe

Columns = Mapping[str, Sequence[str]]
ID = "sample-id"
"""The first column."""
OLD_ID = "sample_id"
"""Its name in tables of earlier versions."""


def concatenate(pieces: Sequence[Predictions]) -> Predictions:
    """The predictions of one target for several sets of samples, one after the other."""
    first = pieces[0]
    parts: dict[str, Any] = {
        name: None if getattr(first, name) is None else np.concatenate([getattr(piece, name) for piece in pieces])
        for name in PER_SAMPLE
    }
    quantiles = {level: np.concatenate([piece.quantiles[level] for piece in pieces]) for level in first.quantiles}
    return dataclasses.replace(first, quantiles=quantiles, **parts)


def suffixes(columns: Sequence[str]) -> list[str]:
    """What is added to the names of a table's columns for each target: nothing where there is only one."""
    return [""] if len(columns) == 1 else [f"_{column}" for column in columns]


def write_table(path: Path, blocks: Iterable[Columns], *, safe: bool = False) -> None:
    """Write a table block by block, atomically.

    Parameters
    ----------
    path
        The file; its ending says what separates cells, see :mod:`aam.files.delimited`.
    blocks
        Name of each column -> its cells. All blocks have the columns of the first.
    safe
        Mark cells that a spreadsheet would take for a formula.
    """
    with delimited(path) as write_row:
        for place, block in enumerate(blocks):
            rows: Iterable[Sequence[str]] = zip(*block.values(), strict=True)
            for row in [tuple(block), *rows] if place == 0 else rows:
                write_row(list(map(spreadsheet_safe, row)) if safe else row)


def write_predictions(path: Path, parts: Mapping[str, Sequence[Predictions]], columns: Sequence[str]) -> None:
    """Write the predictions of all parts, of each target in the order of ``columns``, as one table, with the part."""
    blocks = ((part, result_columns(tables, columns)) for part, tables in parts.items())
    write_table(path, (labelled({"part": part}, block) for part, block in blocks))


def write_part(path: Path, tables: Sequence[Predictions], columns: Sequence[str], more: Columns | None = None) -> None:
    """Write the predictions of one part, of each target in the order of ``columns``, and further columns."""
    write_table(path, [result_columns(tables, columns) | dict(more or {})])


def result_columns(tables: Sequence[Predictions], columns: Sequence[str]) -> dict[str, list[str]]:
    """Predictions beside what was observed.

    Parameters
    ----------
    tables
        The predictions of each target, of the same samples.
    columns
        The targets.
    """
    found = {ID: cells(tables[0].sample_ids)}
    for table, suffix in zip(tables, suffixes(columns), strict=True):
        found[f"observed{suffix}"] = cells(table.observed)
        found |= _with_suffix(table, suffix)
    groups = tables[0].groups
    return found | ({} if groups is None else {"group": list(map(str, groups))})


def new_columns(tables: Sequence[Predictions], columns: Sequence[str], copied: Columns) -> dict[str, list[str]]:
    """Predictions of new samples, as :func:`result_columns`, with columns copied from their metadata."""
    found = {ID: cells(tables[0].sample_ids)}
    for table, suffix in zip(tables, suffixes(columns), strict=True):
        found |= _with_suffix(table, suffix)
    return found | {name: list(map(str, column)) for name, column in copied.items()}


def labelled(labels: Mapping[str, str], block: Columns) -> dict[str, Sequence[str]]:
    """A block with columns after its ids that say the same in each row."""
    number = len(block[ID])
    return {ID: block[ID], **{name: [label] * number for name, label in labels.items()}, **block}


def join_tables(path: Path, sources: Sequence[tuple[Mapping[str, str], Path]]) -> None:
    """Write several tables of predictions as one, cell by cell as they are.

    Parameters
    ----------
    path
        The file.
    sources
        The columns that come after the ids and tell the tables apart, and the table. Its column ``part`` is left out;
        where a table lacks a column of another, its cells are empty.
    """
    tables = [(labels, read_columns(source)) for labels, source in sources]
    names = list(dict.fromkeys(name for _, table in tables for name in table if name != "part"))
    write_table(path, (labelled(labels, _completed(table, names)) for labels, table in tables))


def copy_part(path: Path, source: Path, part: str) -> None:
    """Write the rows of one part of a table of predictions as a table of their own, cell by cell as they are.

    Raises
    ------
    InputError
        If the table cannot be read, or has no sample of that part.
    """
    table = read_columns(source)
    rows = np.flatnonzero(table["part"] == part) if "part" in table else np.empty(0, dtype=np.int64)
    if not len(rows):
        raise InputError(source, f"has no sample of the part '{part}'", "run the fold anew")
    write_table(path, [{name: list(column[rows]) for name, column in table.items()}])


def _completed(table: Mapping[str, np.ndarray], names: Sequence[str]) -> dict[str, Sequence[str]]:
    empty = [""] * len(table[ID])
    return {name: list(table[name]) if name in table else empty for name in names}


def _with_suffix(table: Predictions, suffix: str) -> dict[str, list[str]]:
    return {f"{name}{suffix}": column for name, column in table.kind.columns(table).items()}


def read_predictions(path: Path, target: TargetSpec, part: str = "", suffix: str = "") -> dict[str, Predictions]:
    """Read the predictions of one target from a table.

    Parameters
    ----------
    path
        TSV with the columns ``sample-id, observed, predicted`` and for classes ``probability_CLASS``; ``part``,
        ``group``, ``predicted_low``, ``predicted_high``, ``quantile_LEVEL`` and ``prediction_set`` may be there as
        well. Samples whose observed value is empty are left out.
    target
        Kind and classes.
    part
        The part of all samples, where there is no such column.
    suffix
        As :func:`suffixes` gives it, where the table holds several targets.

    Returns
    -------
    dict
        Part -> its predictions.

    Raises
    ------
    InputError
        If the file is not such a table.
    """
    column = read_columns(path)
    own = ("observed", "predicted", *probability_names(target.classes))
    needed = [ID, *(f"{name}{suffix}" for name in own)]
    missing = [name for name in needed if name not in column]
    if missing:
        problem = f"column '{shorten(missing[0])}' is missing"
        raise InputError(path, problem, "is it a table of predictions of this run?")
    known = column[f"observed{suffix}"] != ""
    parts = column.get("part", np.full(len(known), part, dtype=object))
    fields = target.kind.from_columns(Cells(column, suffix, path), target)
    table = Predictions(kind=target.kind, sample_ids=column[ID], groups=column.get("group"), **fields)
    return {name: table.select(np.flatnonzero((parts == name) & known)) for name in dict.fromkeys(parts[known])}


def read_columns(path: Path, separator: str = "\t") -> dict[str, np.ndarray]:
    """Read a table with a header as text.

    Parameters
    ----------
    path
        The file.
    separator
        What stands between cells, which are quoted only if they begin with a quote.

    Returns
    -------
    dict
        Name of each column -> its cells (object array of str). The ids are ``sample-id``, also in a table of an earlier
        version.

    Raises
    ------
    InputError
        If the file cannot be read, is empty or ragged.
    """
    names, *rows = _rows_of(decode_text(read_bytes(path), path).removesuffix("\n"), separator)
    names = [ID if name == OLD_ID and ID not in names else name for name in names]
    if problem := duplicates("column", names):
        raise InputError(path, problem, ONCE)
    ragged = [number for number, row in enumerate(rows, start=2) if len(row) != len(names)]
    if ragged:
        where = f"{plural(len(ragged), 'line')} (first: line {ragged[0]})"
        raise InputError(path, f"the number of cells differs from the header's ({len(names)}) in {where}")
    columns = np.array(rows, dtype=object).reshape(len(rows), len(names)).T
    return dict(zip(names, columns, strict=True))


def _rows_of(text: str, separator: str) -> list[list[str]]:
    """The rows of a table, by the rules of :func:`~aam.files.delimited.delimited`; earlier versions quoted nothing."""
    plain = [line.split(separator) for line in text.split("\n")]
    if not any(cell.startswith('"') for row in plain for cell in row):
        return plain
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
    except csv.Error:
        return plain
    return rows if len({len(row) for row in rows}) == 1 else plain


def id_notes(sample_ids: Iterable[object]) -> Iterator[str]:
    """What to say of ids whose rows QIIME 2 would skip or refuse, were the table given to it as metadata."""
    strange = [
        name for name in map(str, sample_ids) if name.startswith("#") or name != name.strip() or _is_header(name)
    ]
    if strange:
        yield (
            f"QIIME 2 would not take {plural(len(strange), 'id')} of the output as metadata (first: "
            f"'{shorten(strange[0])}'): ids there have no # first, no spaces around them, and are not called id"
        )


def _is_header(name: str) -> bool:
    return name in EXACT_ID_HEADERS or name.lower() in ID_HEADERS
