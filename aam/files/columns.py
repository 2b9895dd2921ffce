"""A table as columns: what Python functions return, what is written as TSV, and what becomes a data frame."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aam.errors import ConfigError
from aam.files.delimited import delimited


class Columns(dict[str, np.ndarray]):
    """Name of each column -> its values, all of the same length."""

    @classmethod
    def of_rows(cls, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> Columns:
        """From rows: columns of numbers become float64, or int64, all others objects."""
        values = list(zip(*rows, strict=True)) if rows else [()] * len(names)
        return cls({name: _array(column) for name, column in zip(names, values, strict=True)})

    @property
    def size(self) -> int:
        """Number of rows."""
        return len(next(iter(self.values()), ()))

    @property
    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Its rows."""
        return zip(*self.values(), strict=True)

    def to_frame(self) -> Any:
        """The table as a ``pandas.DataFrame``.

        Raises
        ------
        ConfigError
            If pandas is not installed.
        """
        try:
            import pandas
        except ImportError:
            raise ConfigError("a data frame needs pandas: pip install pandas") from None
        return pandas.DataFrame(dict(self))

    def write(self, path: Path) -> None:
        """Write the table; numbers in full precision, undefined ones as empty cells."""
        with delimited(path) as write_row:
            write_row(list(self))
            for row in self.rows:
                write_row([_cell(value) for value in row])


def write_tables(folder: Path, tables: Mapping[str, Columns]) -> None:
    """Write each table as ``NAME.tsv``."""
    for name, table in tables.items():
        table.write(folder / f"{name}.tsv")


def _array(values: Sequence[Any]) -> np.ndarray:
    if values and all(isinstance(value, int | np.integer) and not isinstance(value, bool) for value in values):
        return np.array(values, dtype=np.int64)
    if values and all(isinstance(value, int | float | np.number) and not isinstance(value, bool) for value in values):
        return np.array(values, dtype=np.float64)
    found = np.empty(len(values), dtype=object)
    found[:] = values
    return found


def _cell(value: Any) -> str:
    if isinstance(value, float | np.floating):
        return repr(float(value)) if np.isfinite(value) else ""
    return "" if value is None else str(value)
