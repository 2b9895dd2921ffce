"""A table of results as rows with named values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from aam.files.columns import Columns

Row = Mapping[str, object]


class ResultTable(Columns):
    """Name of each column -> its values: float64 with NaN where there is none, int64, or text (object)."""

    @classmethod
    def of_records(cls, records: Iterable[Row]) -> ResultTable:
        """From rows with the same names; no columns where there is no row."""
        found = list(records)
        names = list(found[0]) if found else []
        return cls(cls.of_rows(names, [[one[name] for name in names] for one in found]))

    @classmethod
    def stacked(cls, tables: Sequence[ResultTable]) -> ResultTable:
        """One table below the other; those without rows are left out."""
        return cls.of_records(row for table in tables for row in table.records())

    def records(self) -> list[dict[str, Any]]:
        """Name of each column -> its value, row by row."""
        return [dict(zip(self, row, strict=True)) for row in zip(*self.values(), strict=True)]

    def where(self, chosen_N: np.ndarray) -> ResultTable:
        """Some of the rows: places, or a mask."""
        return ResultTable({name: values[chosen_N] for name, values in self.items()})
