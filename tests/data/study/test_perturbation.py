"""Disturbed samples: how many reads and ASVs are left, from whom they come, and that draws repeat."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array
from skbio.stats import subsample_counts

from aam.data.study.perturbation import contaminated, other_samples, thinned, with_losses

COUNTS = csr_array(np.array([[50, 0, 30, 20, 0, 0], [0, 40, 0, 0, 9, 1], [3, 3, 0, 0, 0, 0]]))
KEYS = np.array([11, 22, 33], dtype=np.uint64)


def test_a_depth_is_drawn_without_replacement() -> None:
    found = thinned(COUNTS, 25, KEYS, seed=1)
    assert found.sum(axis=1).tolist() == [25, 25, 6], "a sample with fewer reads keeps all"
    assert (found.toarray() <= COUNTS.toarray()).all()
    assert (found.data > 0).all()


def test_thinning_follows_the_distribution_of_scikit_bio() -> None:
    ours = np.array([thinned(COUNTS[[0]], 25, KEYS[:1], seed).toarray()[0] for seed in range(400)])
    theirs = np.array([subsample_counts(COUNTS.toarray()[0], 25, seed=seed) for seed in range(400)])
    np.testing.assert_allclose(ours.mean(axis=0), theirs.mean(axis=0), atol=0.5)
    np.testing.assert_allclose(ours.std(axis=0), theirs.std(axis=0), atol=0.4)


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_foreign_reads_replace_own_ones(share: float) -> None:
    found = contaminated(COUNTS, share, np.array([1, 0, 1]), KEYS, seed=1).toarray()
    before = COUNTS.toarray()
    np.testing.assert_array_equal(found.sum(axis=1), before.sum(axis=1))
    foreign = found[0][before[0] == 0].sum()
    assert foreign == round(share * 100), "sample 1 has no ASV of sample 0"
    assert (found[0][before[1] == 0] <= before[0][before[1] == 0]).all()


def test_lost_asvs_take_their_reads_along() -> None:
    found = with_losses(COUNTS, 0.3, KEYS, seed=1)
    before = COUNTS.toarray()
    assert np.diff(found.indptr).tolist() == [2, 2, 1]
    kept = found.toarray() > 0
    np.testing.assert_array_equal(found.toarray()[kept], before[kept])
    assert np.diff(with_losses(COUNTS, 1.0, KEYS, seed=1).indptr).tolist() == [1, 1, 1]


def test_draws_depend_on_sample_and_seed_alone() -> None:
    first = thinned(COUNTS, 25, KEYS, seed=1).toarray()
    alone = thinned(COUNTS[[1]], 25, KEYS[[1]], seed=1).toarray()
    np.testing.assert_array_equal(first[[1]], alone)
    assert (thinned(COUNTS, 25, KEYS, seed=2).toarray() != first).any()


def test_foreign_reads_are_of_another_group() -> None:
    groups = np.array(["a", "a", "b", "b", "b"], dtype=object)
    found = other_samples(groups, seed=3)
    assert (groups[found] != groups).all()
    same = other_samples(np.array(["a"] * 4, dtype=object), seed=3)
    assert (same != np.arange(4)).all()
