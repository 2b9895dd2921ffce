"""A small table of a result: named columns, written as text or handed to pandas."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aam.errors import ConfigError
from aam.files.delimited import delimited

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, eq=False)
class Columns:
    """A table.

    Attributes
    ----------
    columns
        Name of each column -> its cells, as many in each; the first says what a row is.
    """

    columns: Mapping[str, np.ndarray]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def __getitem__(self, name: str) -> np.ndarray:
        return self.columns[name]

    @property
    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Its rows, as cells of Python's own types."""
        return zip(*(column.tolist() for column in self.columns.values()), strict=True)

    def write(self, path: Path) -> None:
        """Write it as the ending of the file says; numbers in full precision, empty cells where there is none."""
        with delimited(path) as write:
            write(list(self.columns))
            for row in self.rows:
                write([_text(cell) for cell in row])

    def to_frame(self) -> Any:
        """The table as a data frame of pandas.

        Raises
        ------
        ConfigError
            If pandas is not installed.
        """
        try:
            import pandas
        except ImportError:
            raise ConfigError("data frames need pandas: pip install pandas") from None
        return pandas.DataFrame(dict(self.columns))


def _text(cell: Any) -> str:
    """A cell as text; NaN and None are empty."""
    if cell is None or cell != cell:
        return ""
    return repr(cell) if isinstance(cell, float) else str(cell)
