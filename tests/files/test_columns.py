"""Small tables of results."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from aam.errors import ConfigError
from aam.files.columns import Columns

TABLE = Columns(
    {
        "id": np.array(["a", "b"], dtype=object),
        "x": np.array([0.1, np.nan]),
        "n": np.array([1, 2]),
        "f": np.float32([1 / 3, 2]),
    }
)


def test_numbers_are_written_in_full(tmp_path: Path) -> None:
    TABLE.write(tmp_path / "t.tsv")
    lines = [line.split("\t") for line in (tmp_path / "t.tsv").read_text().splitlines()]
    assert lines[0] == ["id", "x", "n", "f"]
    assert lines[1][:3] == ["a", "0.1", "1"]
    assert np.float32(lines[1][3]) == np.float32(1 / 3)
    assert lines[2] == ["b", "", "2", "2.0"]


def test_it_is_a_frame() -> None:
    frame = TABLE.to_frame()
    assert list(frame["id"]) == ["a", "b"]
    assert list(frame["n"]) == TABLE["n"].tolist() == [1, 2]


def test_pandas_is_named_where_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ConfigError, match="pip install pandas"):
        TABLE.to_frame()
