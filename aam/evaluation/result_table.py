"""A table of results: named columns that become a data frame or a file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aam.data.targets.kinds.cells import cells
from aam.errors import ConfigError
from aam.evaluation.prediction_table import write_table

if TYPE_CHECKING:
    import pandas as pd

Row = Mapping[str, object]


@dataclass(frozen=True, eq=False)
class ResultTable:
    """Rows of results.

    Attributes
    ----------
    columns
        Name -> one value a row: float64 with NaN where there is none, int64, or text (object).
    """

    columns: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def __getitem__(self, name: str) -> np.ndarray:
        return self.columns[name]

    @classmethod
    def of_rows(cls, rows: Iterable[Row]) -> ResultTable:
        """From rows with the same names; no columns where there is no row."""
        found = list(rows)
        names = list(found[0]) if found else []
        return cls({name: _column([row[name] for row in found]) for name in names})

    @classmethod
    def stacked(cls, tables: Sequence[ResultTable]) -> ResultTable:
        """One table below the other; those without rows are left out."""
        return cls.of_rows(row for table in tables for row in table.rows())

    def rows(self) -> list[dict[str, Any]]:
        """Name of each column -> its value, row by row."""
        return [dict(zip(self.columns, row, strict=True)) for row in zip(*self.columns.values(), strict=True)]

    def where(self, chosen_N: np.ndarray) -> ResultTable:
        """Some of the rows: places, or a mask."""
        return ResultTable({name: values[chosen_N] for name, values in self.columns.items()})

    def to_frame(self) -> pd.DataFrame:
        """As a data frame of pandas.

        Raises
        ------
        ConfigError
            If pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError:
            raise ConfigError("a data frame needs pandas: pip install pandas") from None
        return pd.DataFrame(dict(self.columns))

    def write(self, path: Path) -> None:
        """Write it as text, as the ending of the name says; a number that is not there is an empty cell."""
        write_table(path, [{name: cells(values) for name, values in self.columns.items()}])


def _column(values: Sequence[object]) -> np.ndarray:
    if all(isinstance(value, int | np.integer) for value in values):
        return np.array(values, dtype=np.int64)
    if all(isinstance(value, float | int | np.number) for value in values):
        return np.array(values, dtype=np.float64)
    return np.array([str(value) for value in values], dtype=object)
