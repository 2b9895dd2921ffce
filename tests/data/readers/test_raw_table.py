"""Checks and conversions that go through a table in blocks find what lies on both sides of a block's end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_array

from aam.data.readers import raw_table
from aam.data.readers.raw_table import RawTable, make_raw_table
from aam.errors import InputError

SHAPE = (6, 9)
COUNTS = np.random.default_rng(0).poisson(0.7, SHAPE)
COUNTS[2] = 0


@pytest.fixture(autouse=True, params=[1, 3, 1000])
def _block(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw_table, "BLOCK", request.param)


def make(matrix: csr_array) -> RawTable:
    rows, columns = matrix.shape
    return make_raw_table(Path("t"), [f"s{i}" for i in range(rows)], [f"a{i}" for i in range(columns)], matrix)


def backwards(matrix: csr_array) -> csr_array:
    """The same matrix with each row's entries in descending order."""
    order = np.concatenate([np.arange(matrix.indptr[i], matrix.indptr[i + 1])[::-1] for i in range(matrix.shape[0])])
    return csr_array((matrix.data[order], matrix.indices[order], matrix.indptr), shape=matrix.shape)


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.int64, np.int32, np.uint64, np.uint8])
def test_counts_of_any_type_are_the_same_numbers(kind: type) -> None:
    raw = make(csr_array(COUNTS.astype(kind)))
    assert raw.counts.dtype == np.int64
    assert raw.counts.toarray().tolist() == COUNTS.tolist()


def test_the_largest_counts_stay_as_they_are() -> None:
    largest = csr_array(np.array([[2.0**53 - 1, 1.0]]))
    assert make(largest).counts.data.tolist() == [2**53 - 1, 1]


def test_entries_are_put_in_order() -> None:
    raw = make(backwards(csr_array(COUNTS.astype(np.float64))))
    assert raw.counts.toarray().tolist() == COUNTS.tolist()
    assert all(np.all(np.diff(row.indices) > 0) for row in (raw.counts[[i]] for i in range(SHAPE[0])))


@pytest.mark.parametrize("place", range(5))
def test_an_entry_that_is_there_twice_is_found(place: int) -> None:
    columns = np.array([0, 1, 2, 3, 4, 5, 0, 1])
    columns[place + 1] = columns[place]
    twice = csr_array((np.ones(8), columns, [0, 6, 6, 8]), shape=(3, 6))
    with pytest.raises(InputError, match=f"sample s0 has ASV a{place} twice"):
        make(twice)


@pytest.mark.parametrize("place", [0, 2, 3, 7])
def test_a_share_is_found_wherever_it_is(place: int) -> None:
    values = np.ones(8)
    values[place] = 0.5
    with pytest.raises(InputError, match=r"1 count is fractional \(sample s0, ASV a\d: 0\.5\)"):
        make(csr_array((values, np.arange(8), [0, 8]), shape=(1, 8)))
