from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from aam.data.study import hypergeometric
from aam.data.study.rarefaction import draw_rng, rarefy, resolve_depth, sample_key
from aam.errors import InputError

COUNTS = np.array([0, 5, 1, 0, 30, 14])


def test_keys_are_stable_and_differ() -> None:
    ids = [f"s{i}" for i in range(2000)] + ["", "é", "s1 ", "S1", "0012", "12"]
    keys = [sample_key(name) for name in ids]
    assert len(set(keys)) == len(ids)
    assert all(0 <= key < 2**64 for key in keys)
    assert np.array(keys, dtype=np.uint64).tolist() == keys
    program = "from aam.data.study.rarefaction import sample_key; print(sample_key('s1'))"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert int(run.stdout) == sample_key("s1") == 6064584127301525897


def test_draws_are_a_function_of_seed_epoch_and_key() -> None:
    first = draw_rng(1, 2, 3).integers(2**62, size=4).tolist()
    assert draw_rng(1, 2, 3).integers(2**62, size=4).tolist() == first
    others = [(2, 1, 3), (1, 3, 2), (0, 2, 3), (1, 2, 3 << 32), (1, 2, 3 + (1 << 32)), (1 + (2 << 32), 0, 3)]
    for other in others:
        assert draw_rng(*other).integers(2**62, size=4).tolist() != first


@pytest.mark.parametrize("limit", [hypergeometric.NUMPY_LIMIT, 0])
@pytest.mark.parametrize("depth", [0, 1, 7, 30, 49, 50])
def test_a_draw_has_the_depth(depth: int, limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hypergeometric, "NUMPY_LIMIT", limit)
    before = COUNTS.copy()
    for seed in range(20):
        drawn = rarefy(COUNTS, depth, np.random.default_rng(seed))
        assert drawn.dtype == np.int64
        assert drawn.sum() == depth
        assert (drawn >= 0).all()
        assert (drawn <= COUNTS).all()
    assert (before == COUNTS).all()


@pytest.mark.parametrize("limit", [hypergeometric.NUMPY_LIMIT, 0])
@pytest.mark.parametrize("depth", [10, 20, 40])
def test_draws_follow_the_hypergeometric_distribution(depth: int, limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hypergeometric, "NUMPY_LIMIT", limit)
    rng = np.random.default_rng(0)
    draws = np.array([rarefy(COUNTS, depth, rng) for _ in range(4000)])
    expected = stats.multivariate_hypergeom(COUNTS, depth)
    np.testing.assert_allclose(draws.mean(axis=0), expected.mean(), atol=0.1)
    np.testing.assert_allclose(np.cov(draws.T), expected.cov(), atol=0.2)
    for asv in (1, 4, 5):
        values = np.arange(COUNTS[asv] + 1)
        chances = stats.hypergeom(COUNTS.sum(), COUNTS[asv], depth).pmf(values)
        seen = np.bincount(draws[:, asv], minlength=len(values)) / len(draws)
        assert np.abs(seen - chances).max() < 0.03


@pytest.mark.parametrize(
    ("reads", "depth"),
    [
        (np.arange(1, 101), 6),
        (np.arange(1, 20), 1),
        (np.arange(1, 21), 2),
        (np.full(50, 7), 7),
        (np.full(50, 90_000), 5_000),
        (np.array([3]), 3),
    ],
)
def test_automatic_depth(reads: np.ndarray, depth: int) -> None:
    shuffled = np.random.default_rng(0).permutation(reads)
    assert resolve_depth("auto", shuffled, range(len(reads))) == depth
    assert (reads >= depth).mean() >= 0.95


def test_given_depth() -> None:
    reads, names = np.array([10, 8211, 400]), ["s1", "s7", "s9"]
    assert resolve_depth("none", reads, names) is None
    assert resolve_depth(500, reads, names) == 500
    assert resolve_depth(8211, reads, names) == 8211
    with pytest.raises(InputError, match="no sample has 1,000,000,000,000,000,000,000,000,000,000 reads"):
        resolve_depth(10**30, reads, names)
    with pytest.raises(InputError) as caught:
        resolve_depth(100_000, reads, names)
    assert str(caught.value) == (
        "rarefaction: no sample has 100,000 reads (largest: s7, 8,211; median 400); "
        "lower --rarefy-depth, or none for all reads"
    )
