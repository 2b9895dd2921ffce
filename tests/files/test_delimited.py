from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path

import pytest

from aam.errors import InputError
from aam.files.delimited import beside, delimited, endings

ROWS = [["sample-id", "predicted", "set"], ["a,b", 'say "x"', '["a", "b"]'], ['"q"', "", "line\nbreak"]]
DIALECTS = {".tsv": "excel-tab", ".txt": "excel-tab", ".csv": "excel"}


@pytest.mark.parametrize("ending", [".tsv", ".txt", ".csv", ".TSV", ".tsv.gz", ".csv.gz", ".txt.GZ"])
def test_the_name_says_how_a_table_is_written(tmp_path: Path, ending: str) -> None:
    """Read by Python's own reader, whose dialects are those of spreadsheets and QIIME 2."""
    path = tmp_path / f"p.1{ending}"
    with delimited(path) as write_row:
        for row in ROWS:
            write_row(row)
    content = path.read_bytes()
    if ending.lower().endswith(".gz"):
        content = gzip.decompress(content)
    dialect = DIALECTS[ending.lower().removesuffix(".gz")]
    assert list(csv.reader(io.StringIO(content.decode(), newline=""), dialect, strict=True)) == ROWS
    if dialect == "excel-tab":
        assert '\t["a", "b"]\n' in content.decode(), "quotes within a cell stay as they are"
    again = tmp_path / f"q{ending}"
    with delimited(again) as write_row:
        for row in ROWS:
            write_row(row)
    assert path.read_bytes() == again.read_bytes()


@pytest.mark.parametrize("name", ["p", "p.xlsx", "p.gz", "p.csv.zip", "p.tsv.bak", ".tsv", "p.tar.gz"])
def test_other_names_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"end it in .tsv, .txt, .csv, or one of these with .gz$"):
        endings(tmp_path / name)


def test_a_table_beside_another_has_its_ending(tmp_path: Path) -> None:
    assert beside(tmp_path / "p.1.csv.gz", "metrics") == tmp_path / "p.1.metrics.csv.gz"


def test_nothing_is_left_of_a_table_that_fails(tmp_path: Path) -> None:
    with pytest.raises(csv.Error), delimited(tmp_path / "p.csv.gz") as write_row:
        write_row(None)
    assert not list(tmp_path.iterdir())
