from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aam.data.readers.metadata import Metadata, read_metadata


@pytest.fixture
def sheet(tmp_path: Path) -> Metadata:
    path = tmp_path / "m.tsv"
    path.write_text(
        "#SampleID\tage\tsite\n#q2:types\tnumeric\tcategorical\n# a comment\n"
        "s1\t 3.5 \tgut\ns2\tNA\tskin\n\ns3\t1e2\ns4\t-7\tnot collected\n"
    )
    return read_metadata(path)


def test_cells_are_text_without_blanks_around_them(sheet: Metadata) -> None:
    assert sheet.sample_ids.tolist() == ["s1", "s2", "s3", "s4"]
    assert sheet.column("age").tolist() == ["3.5", "NA", "1e2", "-7"]
    assert sheet.column("site").tolist() == ["gut", "skin", "", "not collected"]


def test_numbers_and_labels_know_missing_cells(sheet: Metadata) -> None:
    np.testing.assert_array_equal(sheet.numeric("age"), [3.5, np.nan, 100, -7])
    np.testing.assert_array_equal(sheet.numeric("age", missing=["-7"]), [3.5, np.nan, 100, np.nan])
    assert sheet.labels("site").tolist() == ["gut", "skin", "", ""]
    assert sheet.labels("site", missing=["gut"]).tolist() == ["", "skin", "", ""]


def test_samples_are_selected_in_the_order_asked(sheet: Metadata) -> None:
    chosen = sheet.select(["s4", "s1"])
    assert chosen.sample_ids.tolist() == ["s4", "s1"]
    assert chosen.column("age").tolist() == ["-7", "3.5"]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("age > 3", [True, False, True, False]),
        ("site = 'gut' OR [sample-id] = 's4'", [True, False, False, True]),
        ("age IS NULL", [False, True, False, False]),
    ],
)
def test_a_condition_selects_rows_as_sql_does(sheet: Metadata, condition: str, expected: list[bool]) -> None:
    assert sheet.where(condition).holds.tolist() == expected
