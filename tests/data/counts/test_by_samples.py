from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csc_array, csr_array

from aam.data.counts import by_samples as module
from aam.data.counts.by_samples import by_samples
from aam.files import scratch
from aam.files.scratch import is_on_disk


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("block", [1, 7, 1000])
def test_counts_by_asv_become_those_of_scipy(seed: int, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(seed)
    dense = rng.integers(1, 99, (12, 30)) * (rng.random((12, 30)) < rng.choice([0.05, 0.3, 1]))
    dense[:, rng.integers(30, size=4)] = 0
    dense[rng.integers(12)] = 0
    by_asv = csc_array(dense.astype(np.float64))
    expected = by_asv.tocsr()
    monkeypatch.setattr(scratch, "BLOCK", block)
    monkeypatch.setattr(scratch, "IN_MEMORY_BYTES", 0)
    monkeypatch.setattr(module, "IN_MEMORY_BYTES", 0)
    found = by_samples("t.biom", csr_array((by_asv.data, by_asv.indices, by_asv.indptr), shape=dense.shape[::-1]))
    assert found.dtype == np.float64
    for name in ("data", "indices", "indptr"):
        assert np.array_equal(getattr(found, name), getattr(expected, name))
    assert is_on_disk(found.data) == (found.nnz > 0)


def test_a_table_without_counts_has_none() -> None:
    found = by_samples("t.biom", csr_array((3, 2)))
    assert (found.shape, found.nnz) == ((2, 3), 0)
