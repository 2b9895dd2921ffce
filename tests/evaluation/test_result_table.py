"""Tables of results: from rows, as files, as data frames."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from aam.errors import ConfigError
from aam.evaluation.prediction_table import read_columns
from aam.evaluation.result_table import ResultTable

ROWS = [{"level": "a", "n": 3, "mae": 1 / 3}, {"level": "b", "n": 5, "mae": float("nan")}]


def test_columns_have_types() -> None:
    table = ResultTable.of_records(ROWS)
    assert [table[name].dtype for name in table] == [object, np.int64, np.float64]
    assert (table.size, ResultTable.of_records([]).size) == (2, 0)
    assert table.where(table["n"] > 3).records()[0]["level"] == "b"
    assert ResultTable.stacked([table, ResultTable(), table]).size == 4


def test_missing_numbers_are_empty_cells(tmp_path: Path) -> None:
    ResultTable.of_records(ROWS).write(tmp_path / "t.tsv")
    assert read_columns(tmp_path / "t.tsv")["mae"].tolist() == ["0.3333333333333333", ""]


def test_a_table_is_a_data_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = ResultTable.of_records(ROWS).to_frame()
    assert frame["n"].tolist() == [3, 5]
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ConfigError, match="pip install pandas"):
        ResultTable.of_records(ROWS).to_frame()
