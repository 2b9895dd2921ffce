from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.spatial.distance import pdist, squareform
from skbio.stats.composition import clr

from aam.data.distances.dissimilarity import aitchison, bray_curtis, jaccard
from tests.data.study_files import random_counts

ORACLES: dict[Callable[[csr_array], np.ndarray], Callable[[np.ndarray], np.ndarray]] = {
    bray_curtis: lambda counts: pdist(counts, "braycurtis"),
    jaccard: lambda counts: pdist(counts > 0, "jaccard"),
    aitchison: lambda counts: pdist(clr(counts + 1.0), "euclidean"),
}
every_distance = pytest.mark.parametrize("distance", ORACLES, ids=lambda function: function.__name__)


@every_distance
@settings(deadline=None, max_examples=30)
@given(num_samples=st.integers(1, 12), num_asvs=st.integers(1, 40), seed=st.integers(0, 2**32))
def test_the_same_as_scipy(distance: Callable, num_samples: int, num_asvs: int, seed: int) -> None:
    counts = random_counts(num_samples, num_asvs, seed, share=0.3)
    expected = squareform(ORACLES[distance](counts), checks=False) if num_samples > 1 else [[0.0]]
    np.testing.assert_allclose(distance(csr_array(counts)), expected, atol=1e-6)


def test_worked_by_hand() -> None:
    counts = csr_array(np.array([[1, 3, 0, 0], [0, 1, 5, 0]]))
    assert bray_curtis(counts)[0, 1] == pytest.approx(1 - 2 * 1 / 10)
    assert jaccard(counts)[0, 1] == pytest.approx(2 / 3)
    one, other = np.log([2, 4, 1, 1]), np.log([1, 2, 6, 1])
    expected = np.linalg.norm((one - one.mean()) - (other - other.mean()))
    assert aitchison(counts)[0, 1] == pytest.approx(expected)


@every_distance
def test_symmetric_and_not_changed_by_the_rest_of_the_batch(distance: Callable) -> None:
    counts = random_counts(10, 50, 3)
    counts[9] = counts[0]
    whole = distance(csr_array(counts))
    assert (whole == whole.T).all()
    assert (np.diagonal(whole) == 0).all()
    assert (whole >= 0).all()
    assert whole[0, 9] == pytest.approx(0, abs=1e-6)
    rows = [7, 0, 2]
    np.testing.assert_allclose(distance(csr_array(counts[rows])), whole[np.ix_(rows, rows)], atol=1e-6)


@every_distance
def test_only_the_asvs_of_the_batch_take_memory(distance: Callable) -> None:
    counts = random_counts(5, 30, 4)
    columns = np.sort(np.random.default_rng(0).choice(10**9, 30, replace=False))
    small = csr_array(counts)
    wide = csr_array((small.data, columns[small.indices], small.indptr), shape=(5, 10**9))
    if distance is aitchison:
        padded = csr_array((small.data, small.indices, small.indptr), shape=(5, 1000))
        expected = squareform(pdist(clr(padded.toarray() + 1.0)))
        np.testing.assert_allclose(distance(padded), expected, atol=1e-6)
        assert np.isfinite(distance(wide)).all()
    else:
        np.testing.assert_allclose(distance(wide), distance(small), atol=1e-12)
