"""`aam runs`: a table of the runs below some folders, chosen by a condition and sorted by a column."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from aam.config.commands.runs import RunsConfig
from aam.data.readers.metadata_query import rows_where
from aam.evaluation.catalogue import metric
from aam.files.atomic import check_output
from aam.files.columns import Columns
from aam.files.delimited import endings
from aam.workflows.listing.find import find_runs
from aam.workflows.listing.read import Row, read_rows

COLUMNS = tuple(field.name for field in dataclasses.fields(Row))
LARGEST_FIRST = ("date", "seconds", "bytes", "samples")
SCORES = ("value", "low", "high", "forest")


def list_runs(config: RunsConfig) -> Columns:
    """List runs, and write the table where a file is given.

    Parameters
    ----------
    config
        The folders, and what to list.

    Returns
    -------
    Columns
        The columns that are asked for, or all; a row for each run and target, and one for each run that cannot be read.

    Raises
    ------
    InputError
        If a folder is not there, the condition cannot be used, or the table cannot be written.
    """
    found = listed_runs(config)
    return write(found, config)


def listed_runs(config: RunsConfig) -> Columns:
    """All columns of the runs that are asked for, in order; nothing is written, but what cannot be is refused."""
    options = config.runs
    if options.output is not None:
        endings(options.output)
        check_output(options.output, options.overwrite)
    rows = [row for run in find_runs(options.folders, children=options.children) for row in read_rows(run)]
    return table_of(sorted(chosen(rows, options.where), key=lambda row: order_of(row, options.sort)))


def write(table: Columns, config: RunsConfig) -> Columns:
    """The columns that are asked for, written where a file is given."""
    options = config.runs
    shown = Columns({name: table[name] for name in options.columns or COLUMNS})
    if options.output is not None:
        shown.write(options.output)
    return shown


def chosen(rows: Sequence[Row], where: str | None) -> list[Row]:
    """The rows for which a condition holds."""
    if where is None:
        return list(rows)
    cells = {name: np.array([_cell(getattr(row, name)) for row in rows], dtype=object) for name in COLUMNS}
    ids = np.array([str(place) for place in range(len(rows))], dtype=object)
    holds = rows_where("runs", ids, cells, where, {None: lambda cell: cell == ""}).holds
    return [row for row, is_one in zip(rows, holds, strict=True) if is_one]


def order_of(row: Row, column: str) -> tuple[Any, ...]:
    """What to sort by: what is missing last, and scores within their metric, the best first.

    Scores of different targets are not to be compared, so runs of one target stand together.
    """
    value = getattr(row, column)
    is_missing = value is None or value == "" or (isinstance(value, float) and math.isnan(value))
    if column in SCORES:
        sign = -1 if row.metric and metric(row.metric).higher_is_better else 1
        return is_missing, row.target, row.metric, 0.0 if is_missing else sign * value, row.run
    if column in LARGEST_FIRST:
        return is_missing, *(() if is_missing else (_descending(value),)), row.run
    return is_missing, str(value), row.run


def _descending(value: Any) -> Any:
    """A number or a text whose order is the reverse."""
    return -value if isinstance(value, int | float) else tuple(-ord(letter) for letter in value)


def table_of(rows: Sequence[Row]) -> Columns:
    """All columns of some rows; whole numbers that are missing are None, others NaN."""
    return Columns.of_rows(COLUMNS, [dataclasses.astuple(row) for row in rows])


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else repr(value)
    return "" if value is None else str(value)
