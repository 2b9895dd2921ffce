from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_array, vstack

from aam.data.counts import blocks
from aam.data.counts.blocks import (
    present,
    prevalence,
    row_blocks,
    select_columns,
    select_rows,
    size_words,
    stack,
    times_vector,
)
from aam.files import scratch
from aam.files.scratch import is_on_disk


@pytest.fixture(autouse=True, params=["in memory", "on the disk"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("AAM_CACHE_DIR", str(tmp_path))
    if request.param == "on the disk":
        monkeypatch.setattr(scratch, "IN_MEMORY_BYTES", 0)
    monkeypatch.setattr(scratch, "BLOCK", 7)
    monkeypatch.setattr(blocks, "BLOCK", 7)
    return str(request.param)


@pytest.fixture
def counts() -> csr_array:
    rng = np.random.default_rng(0)
    dense = rng.integers(1, 99, (20, 12)) * (rng.random((20, 12)) < 0.4)
    dense[3] = 0
    return csr_array(dense.astype(np.int64))


def assert_same(found: csr_array, expected: csr_array) -> None:
    assert found.shape == expected.shape
    for name in ("data", "indices", "indptr"):
        assert getattr(found, name).dtype == getattr(expected, name).dtype
        assert getattr(found, name).tolist() == getattr(expected, name).tolist()


def test_parts_of_samples_make_up_all_of_them(counts: csr_array) -> None:
    parts = list(row_blocks(counts, entries=9))
    assert len(parts) > 3
    assert [row for rows, _ in parts for row in range(20)[rows]] == list(range(20))
    assert_same(csr_array(vstack([some for _, some in parts], format="csr")), counts)


def test_rows_are_those_of_scipy(counts: csr_array, place: str) -> None:
    rows = np.array([19, 3, 0, 0, 7, 3, 11, 12])
    found = select_rows(counts, rows)
    assert_same(found, counts[rows])
    assert is_on_disk(found.data) == (place == "on the disk")


def test_all_rows_are_not_copied(counts: csr_array) -> None:
    assert select_rows(counts, np.arange(20)) is counts
    assert_same(select_rows(counts, np.arange(20)[::-1]), counts[np.arange(20)[::-1]])


def test_columns_are_those_of_scipy(counts: csr_array) -> None:
    columns = np.array([0, 2, 3, 9, 11])
    expected = counts[:, columns]
    expected.sort_indices()
    assert_same(select_columns(counts, columns), expected)


def test_stacked_parts_are_those_of_scipy(counts: csr_array) -> None:
    parts = [counts[:5], counts[5:6], counts[6:]]
    assert_same(stack(parts), csr_array(vstack(parts, format="csr")))
    assert stack(parts[:1]) is parts[0]


def test_products_are_the_same_bit_for_bit(counts: csr_array) -> None:
    values = np.random.default_rng(1).random(12)
    assert times_vector(counts, values).tolist() == (counts @ values).tolist()
    assert times_vector(counts, values.astype(bool)).dtype == np.int64


def test_samples_that_have_an_asv_are_counted(counts: csr_array) -> None:
    dense = counts.toarray()
    assert prevalence(counts).tolist() == (dense > 0).sum(axis=0).tolist()
    assert present(counts).tolist() == (dense > 0).any(axis=0).tolist()


def test_words_say_where_counts_are(counts: csr_array, place: str) -> None:
    words = size_words(select_rows(counts, np.arange(20)[::-1]))
    assert words.startswith(f"{counts.nnz} that are not 0, ")
    assert words.endswith("read from the disk where they are needed" if place == "on the disk" else "in memory")
