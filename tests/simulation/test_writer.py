from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import biom
import h5py
import numpy as np
import pytest
from scipy.sparse import csr_array, random_array

from aam.simulation.output import BiomWriter

ASVS = [f"ACGT{number}" for number in range(23)]


def some_counts(samples: int) -> csr_array:
    matrix = random_array((samples, len(ASVS)), density=0.3, rng=np.random.default_rng(0), format="csr")
    matrix.data = np.ceil(matrix.data * 50)
    matrix.sort_indices()
    return matrix


def write(path: Path, counts: csr_array, step: int, entries_at_once: int = 1 << 20, most: int = 10_000) -> list[int]:
    seen: list[int] = []
    with BiomWriter(path, ASVS, most) as writer:
        for start in range(0, counts.shape[0], step):
            block = counts[start : start + step]
            writer.append([f"s{start + row}" for row in range(block.shape[0])], block)
        writer.finish(lambda done, total: seen.append(done), entries_at_once)
    return seen


@pytest.mark.parametrize("entries_at_once", [1, 37, 1 << 20])
def test_biom_reads_what_was_written(tmp_path: Path, entries_at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aam.simulation.output.ENTRIES_READ_AT_ONCE", 100)
    counts = some_counts(64)
    seen = write(tmp_path / "t.biom", counts, 10, entries_at_once)
    assert seen[-1] == counts.nnz
    assert len(seen) == (1 if entries_at_once > counts.nnz else len(set(seen)))
    table = biom.load_table(str(tmp_path / "t.biom"))
    assert list(table.ids("observation")) == ASVS
    assert list(table.ids()) == [f"s{row}" for row in range(64)]
    np.testing.assert_array_equal(table.matrix_data.toarray(), counts.toarray().T)
    with h5py.File(tmp_path / "t.biom") as file:
        assert biom.Table.from_hdf5(file, axis="sample") == biom.Table.from_hdf5(file, axis="observation") == table
        assert file.attrs["nnz"] == counts.nnz
        assert list(file.attrs["shape"]) == [23, 64]
        assert list(file.attrs["format-version"]) == [2, 1]


def test_attributes_and_groups_are_those_of_the_format(tmp_path: Path) -> None:
    """The same groups, attributes and types as in a file written by the format's own library."""
    write(tmp_path / "ours.biom", some_counts(9), 4)
    with h5py.File(tmp_path / "theirs.biom", "w") as file:
        biom.load_table(str(tmp_path / "ours.biom")).to_hdf5(file, "test")
    described = []
    for name in ("ours.biom", "theirs.biom"):
        found: dict[str, Any] = {}
        with h5py.File(tmp_path / name) as file:
            file.visititems(lambda key, item, found=found: found.update({key: getattr(item, "dtype", "group")}))
            described.append((found, set(file.attrs)))
    assert described[0] == described[1]


def test_pointers_are_wide_only_for_many_entries(tmp_path: Path) -> None:
    for most, kind in ((2**31 - 1, np.int32), (2**31, np.int64)):
        write(tmp_path / "t.biom", some_counts(5), 5, most=most)
        with h5py.File(tmp_path / "t.biom") as file:
            assert file["sample/matrix/indptr"].dtype == kind
            assert file["observation/matrix/indptr"].dtype == kind


def test_more_counts_than_announced_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at most 3 were announced"):
        write(tmp_path / "t.biom", some_counts(5), 5, most=3)


def test_a_failure_at_closing_is_an_error_of_the_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = BiomWriter(tmp_path / "t.biom", ASVS, 10)

    def fail() -> None:
        raise RuntimeError(f"flush failed (errno = {errno.ENOSPC}, error message = 'No space left on device')")

    close = writer._file.close
    monkeypatch.setattr(writer._file, "close", fail)
    with pytest.raises(OSError, match="No space left"), writer:
        pass
    close()
