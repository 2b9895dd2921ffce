"""Which columns of the metadata errors are compared with, and why others are not."""

from __future__ import annotations

import numpy as np

from aam.data.readers.metadata import Metadata
from aam.evaluation.errors.columns import common_levels, usable_columns


def sheet_of(**columns: list[str]) -> Metadata:
    size = len(next(iter(columns.values())))
    ids = np.array([f"s{i}" for i in range(size)], dtype=object)
    return Metadata("m.tsv", ids, {name: np.array(cells, dtype=object) for name, cells in columns.items()}, ())


def test_columns_that_say_nothing_are_left_out_and_said() -> None:
    numbers = [str(i % 7) for i in range(30)]
    sheet = sheet_of(
        age=numbers,
        age_again=[f"year {value}" for value in numbers],
        sex=["f", "m"] * 15,
        plate=["p1"] * 30,
        barcode=[f"ACGT{i}" for i in range(30)],
        sample_id=[str(i) for i in range(30)],
        rare=["x"] * 10 + ["NA"] * 20,
        target=numbers,
        pairs=[f"level {i // 2}" for i in range(30)],
    )
    usable, skipped = usable_columns(sheet, ["target"])
    assert [(one.name, one.is_number) for one in usable] == [("age", True), ("sex", False)]
    assert {one.name: one.reason for one in skipped} == {
        "age_again": "divides the samples as 'age' does",
        "plate": "the same in all samples",
        "barcode": "texts that hardly repeat (30 in 30 samples)",
        "sample_id": "a different number in each sample, and named as an id",
        "rare": "missing in 20 of 30 samples",
        "pairs": "fewer than two levels with 3 samples",
    }


def test_missing_numbers_are_nan() -> None:
    (column,), _ = usable_columns(sheet_of(ph=["", *(f"{i}.5" for i in range(11)), "not collected"]))
    assert column.is_number
    np.testing.assert_array_equal(column.known, [False, *[True] * 11, False])


def test_rare_levels_become_missing() -> None:
    labels = np.array(["a", "a", "a", "b", "b", ""], dtype=object)
    assert common_levels(labels).tolist() == ["a", "a", "a", "", "", ""]
