"""A matrix that is mapped from its file stays there, whichever samples are chosen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aam.data.readers import distance_matrix as distances
from aam.data.readers.distance_matrix import Distances, read_distances
from aam.errors import InputError

NUMBER = 12
VALUES = np.abs(np.subtract.outer(np.arange(NUMBER), np.arange(NUMBER))).astype(np.float32) / NUMBER
ROWS = np.array([7, 2, 9, 3, 4])


@pytest.fixture
def found(tmp_path: Path) -> Distances:
    np.save(tmp_path / "d.npy", VALUES)
    (tmp_path / "d.ids.txt").write_text("".join(f"s{i}\n" for i in range(NUMBER)))
    return read_distances(tmp_path / "d.npy", tmp_path / "d.ids.txt")


def test_chosen_samples_are_looked_up_in_the_mapped_matrix(found: Distances) -> None:
    chosen = found.select([f"s{i}" for i in ROWS])
    assert isinstance(chosen.values, np.memmap)
    assert chosen.values is found.values
    assert chosen.sample_ids.tolist() == [f"s{i}" for i in ROWS]
    np.testing.assert_array_equal(chosen.among(np.arange(5)), VALUES[np.ix_(ROWS, ROWS)])
    again = chosen.select(["s4", "s7"])
    np.testing.assert_array_equal(again.among(np.array([0, 1])), VALUES[np.ix_([4, 7], [4, 7])])
    np.testing.assert_array_equal(found.among(ROWS), VALUES[np.ix_(ROWS, ROWS)])


@pytest.mark.parametrize("block", [1, 2, 1024])
def test_the_largest_is_that_of_the_chosen_samples(
    found: Distances, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distances, "BLOCK", block)
    assert found.largest() == VALUES.max()
    assert found.select([f"s{i}" for i in ROWS]).largest() == VALUES[np.ix_(ROWS, ROWS)].max()


def test_a_sample_without_distances_is_named(found: Distances) -> None:
    with pytest.raises(InputError, match=r"1 of 2 samples of the table are missing \(first: nobody\)"):
        found.select(["s1", "nobody"])


@pytest.mark.parametrize("separator", ["\t", ",", ";", " "])
@pytest.mark.parametrize("corner", ['""', '"sample"', None])
def test_distances_as_r_writes_them(tmp_path: Path, separator: str, corner: str | None) -> None:
    rows = [['"s1"', '"s 2"'], ['"s1"', "0", "0.5"], ['"s 2"', "0.5", "0"]]
    rows[0] = rows[0] if corner is None else [corner, *rows[0]]
    (tmp_path / "d.txt").write_text("".join(f"{separator.join(row)}\n" for row in rows))
    found = read_distances(tmp_path / "d.txt")
    assert found.sample_ids.tolist() == ["s1", "s 2"]
    assert found.values.tolist() == [[0, 0.5], [0.5, 0]]
