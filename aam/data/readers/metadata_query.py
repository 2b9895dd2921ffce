"""SQL conditions on metadata, run in memory with read-only access.

The condition is not run as it was written: it is read as one expression, and written anew
(:mod:`aam.data.readers.conditions`), so that nothing but the columns can be reached from it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from aam.data.readers.conditions.facts import IsMissing, Sheet
from aam.data.readers.conditions.functions import FUNCTIONS
from aam.data.readers.conditions.sql import Writer
from aam.data.readers.conditions.syntax import parse
from aam.data.readers.conditions.tokens import ConditionError
from aam.errors import InputError
from aam.files.limits import limits
from aam.text import shorten

READING = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION}
CALLED = {*FUNCTIONS, "like", "glob"}
LONGEST_TEXT = 1 << 24
EXAMPLE = "it is an SQL condition such as \"site == 'skin'\""


class Selection(NamedTuple):
    """The samples for which a condition holds (``N``, bool), and what is worth saying of it."""

    holds: np.ndarray
    notes: tuple[str, ...]


def rows_where(
    source: str,
    sample_ids: np.ndarray,
    columns: Mapping[str, np.ndarray],
    condition: str,
    missing: Mapping[str | None, IsMissing],
) -> Selection:
    """For each sample whether the condition holds.

    Parameters
    ----------
    source
        The metadata file's name in messages.
    sample_ids, columns
        Its content.
    condition
        What would follow ``WHERE`` in SQL.
    missing
        Column -> whether a cell means a missing value; ``None`` -> the same of all other columns.

    Raises
    ------
    InputError
        If it cannot be run.
    """
    if not condition.strip():
        raise InputError(source, "the condition of --where is empty", "give one, or leave out --where")
    sheet = Sheet(condition, sample_ids, columns, missing)
    writer = Writer(sheet)
    try:
        expression, named = parse(condition)
        for column in named:
            sheet.column(column.name, quoted=column.quoted)
        found = _run(sheet, writer.condition(expression))
    except ConditionError as error:
        remedy = sheet.remedy() or error.remedy or EXAMPLE
        raise InputError(source, f"--where cannot be used ({error.reason})", remedy) from None
    except (sqlite3.Error, sqlite3.Warning, ValueError, RecursionError) as error:
        raise InputError(source, f"--where cannot be used ({shorten(str(error), 60)})", EXAMPLE) from None
    holds = np.zeros(len(sample_ids), dtype=bool)
    holds[found] = True
    return Selection(holds, tuple(dict.fromkeys(writer.notes)))


def _run(sheet: Sheet, sql: str) -> list[int]:
    """Rows for which a condition of :class:`Writer` holds."""
    connection = sqlite3.connect(":memory:")
    try:
        names: list[str] = ["number INTEGER"]
        cells: list[Sequence[object]] = [range(len(sheet.sample_ids))]
        for facts in sheet.found.values():
            names += [f"t{facts.place}", f"n{facts.place}"]
            cells += [facts.texts, facts.numbers]
        connection.execute(f"CREATE TABLE sheet ({', '.join(names)})")
        places = ", ".join("?" * len(names))
        connection.executemany(f"INSERT INTO sheet VALUES ({places})", zip(*cells, strict=True))
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST_TEXT)
        connection.set_authorizer(_authorize)
        connection.set_progress_handler(_stop, limits().condition_steps)
        return [row for (row,) in connection.execute(f"SELECT number FROM sheet WHERE {sql}")]
    finally:
        connection.close()


def _authorize(action: int, first: str | None, second: str | None, database: str | None, trigger: str | None) -> int:
    is_forbidden = action == sqlite3.SQLITE_FUNCTION and second not in CALLED
    return sqlite3.SQLITE_OK if action in READING and not is_forbidden else sqlite3.SQLITE_DENY


def _stop() -> int:
    """End a condition that has taken too many steps."""
    return 1
