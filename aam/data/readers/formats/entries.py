"""Counts of a table of text while its lines are read: only those that are not 0 are kept."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array

from aam.data.readers.raw_table import RawTable, make_raw_table
from aam.data.readers.table_formats import from_entries
from aam.data.readers.text_table import is_number
from aam.errors import InputError
from aam.text import shorten


class Entries:
    """Counts by line and column.

    Parameters
    ----------
    source
        The file.
    columns
        Names of the columns of counts.
    """

    def __init__(self, source: Path, columns: Sequence[str]) -> None:
        self.source, self.columns = source, list(columns)
        self.rows: list[str] = []
        self.last_sum = 0.0
        self._places: list[np.ndarray] = []
        self._values: list[np.ndarray] = []

    def add_dense(self, number: int, name: str, cells: Sequence[str]) -> None:
        """Take a line with a cell for each column.

        Parameters
        ----------
        number
            Of the line.
        name
            What the line is of.
        cells
            Its counts as text.

        Raises
        ------
        InputError
            If a cell is no number.
        """
        try:
            values = np.array(cells, dtype=np.float64)
        except ValueError:
            column, cell = next((c, t) for c, t in zip(self.columns, cells, strict=True) if not is_number(t))
            problem = f"line {number:,}: count '{shorten(cell)}' ({shorten(name)}, {shorten(column)}) is not a number"
            raise InputError(self.source, problem, "write 0 where there are no reads") from None
        found = np.flatnonzero(values != 0)
        self.add_sparse(name, found, values[found])

    def add_sparse(self, name: str, places: np.ndarray, values: np.ndarray) -> None:
        """Take a line by the places and values of its counts."""
        self.rows.append(name)
        self._places.append(places)
        self._values.append(values)
        self.last_sum = float(values.sum())

    def table(self, *, rows_are_samples: bool, notes: tuple[str, ...] = (), layer: str | None = None) -> RawTable:
        """All that was taken.

        Parameters
        ----------
        rows_are_samples
            Whether the lines are samples, and the columns ASVs; else the other way round.
        notes, layer
            As of :class:`~aam.data.readers.raw_table.RawTable`.

        Raises
        ------
        InputError
            If ids or values cannot be used.
        """
        shape = (len(self.rows), len(self.columns))
        rows = np.repeat(np.arange(shape[0]), [len(places) for places in self._places])
        columns = np.concatenate([np.zeros(0, dtype=np.int64), *self._places])
        values = np.concatenate([np.zeros(0), *self._values])
        samples, asvs, matrix = self.rows, self.columns, csr_array(shape)
        if rows_are_samples:
            matrix = from_entries(values, rows, columns, shape)
        else:
            samples, asvs, matrix = asvs, samples, from_entries(values, columns, rows, shape[::-1])
        return dataclasses.replace(make_raw_table(self.source, samples, asvs, matrix), notes=notes, layer=layer)
