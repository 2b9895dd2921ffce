"""SQL conditions on metadata, run in memory with read-only access."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

import numpy as np

from aam.data.readers.metadata_values import as_numbers_or_none
from aam.errors import InputError
from aam.files.limits import limits
from aam.text import shorten

ID_NAMES = ("sample_id", "sample-id")
READING = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION}
ROW = "aam_row_number"
FORBIDDEN_FUNCTIONS = {"load_extension", "fts3_tokenizer", "zeroblob", "randomblob"}


def rows_where(source: str, sample_ids: np.ndarray, columns: Mapping[str, np.ndarray], condition: str) -> np.ndarray:
    """For each sample whether the condition holds (bool).

    Parameters
    ----------
    source
        The metadata file's name in messages.
    sample_ids, columns
        Its content.
    condition
        What would follow ``WHERE`` in SQL.

    Raises
    ------
    InputError
        If it cannot be run.
    """
    if not condition.strip():
        raise InputError(source, "the condition of --where is empty", "give one, or leave out --where")
    named = _mentioned(source, sample_ids, columns, condition)
    connection = sqlite3.connect(":memory:")
    try:
        _fill(connection, len(sample_ids), named)
        connection.set_authorizer(_authorize)
        connection.set_progress_handler(_stop, limits().condition_steps)
        # The line break ends a comment in the condition.
        found = connection.execute(f"SELECT {ROW} FROM sheet WHERE ({condition}\n)").fetchall()
    except (sqlite3.Error, sqlite3.Warning, ValueError) as error:
        problem = f"--where cannot be used ({shorten(str(error), 60)})"
        raise InputError(source, problem, "it is an SQL condition such as \"site == 'skin'\"") from None
    finally:
        connection.close()
    holds = np.zeros(len(sample_ids), dtype=bool)
    holds[[row for (row,) in found]] = True
    return holds


def _mentioned(
    source: str, sample_ids: np.ndarray, columns: Mapping[str, np.ndarray], condition: str
) -> dict[str, np.ndarray]:
    """The columns whose names occur in the condition; others need not be looked at."""
    folded = condition.casefold()
    named = {name: cells for name, cells in columns.items() if name.casefold() in folded}
    taken: dict[str, str] = {}
    for name in named:
        other = taken.setdefault(name.casefold(), name)
        if other != name:
            problem = f"columns '{shorten(other)}' and '{shorten(name)}' are the same for --where"
            raise InputError(source, problem, "rename one of them")
    ids = {name: sample_ids for name in ID_NAMES if name not in taken}
    return {**ids, **named}


def _fill(connection: sqlite3.Connection, num_rows: int, columns: Mapping[str, np.ndarray]) -> None:
    kinds: list[str] = [f"{ROW} INTEGER"]
    values: list[Sequence[object]] = [range(num_rows)]
    for name, cells in columns.items():
        numbers = None if name in ID_NAMES else as_numbers_or_none(cells)
        kind = "TEXT" if numbers is None else "REAL"
        quoted = name.replace('"', '""')
        kinds.append(f'"{quoted}" {kind}')
        values.append([cell or None for cell in cells] if numbers is None else numbers)
    connection.execute(f"CREATE TABLE sheet ({', '.join(kinds)})")
    places = ", ".join("?" * len(kinds))
    connection.executemany(f"INSERT INTO sheet VALUES ({places})", zip(*values, strict=True))


def _authorize(action: int, first: str | None, second: str | None, database: str | None, trigger: str | None) -> int:
    is_forbidden = action == sqlite3.SQLITE_FUNCTION and second in FORBIDDEN_FUNCTIONS
    return sqlite3.SQLITE_OK if action in READING and not is_forbidden else sqlite3.SQLITE_DENY


def _stop() -> int:
    """End a condition that has taken too many steps."""
    return 1
