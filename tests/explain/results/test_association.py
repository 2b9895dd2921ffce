from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.stats import spearmanr

from aam.explain.groups import AsvGroups
from aam.explain.results.association import associate, rank_correlations


def test_correlations_are_scipys():
    rng = np.random.default_rng(0)
    shares = rng.random((30, 5)) * (rng.random((30, 5)) < 0.6)
    values = rng.normal(size=(30, 2))
    values[:4, 1] = np.nan
    found = rank_correlations(csr_array(shares), values)
    for group in range(5):
        assert found[group, 0] == pytest.approx(spearmanr(shares[:, group], values[:, 0]).statistic)
        assert found[group, 1] == pytest.approx(spearmanr(shares[4:, group], values[4:, 1]).statistic)


def test_what_does_not_vary_has_no_correlation():
    shares = csr_array(np.array([[1.0, 0.5], [1.0, 0.2], [1.0, 0.1]]))
    found = rank_correlations(shares, np.array([[1.0, 2.0, np.nan], [2.0, 2.0, np.nan], [3.0, 2.0, 1.0]]))
    assert np.isnan(found).tolist() == [[True, True, True], [False, True, True]]


def test_shares_are_of_all_reads_of_a_sample():
    counts = csr_array(np.array([[2, 2, 0], [0, 1, 3], [0, 0, 5]]))
    members = csr_array(np.array([[1, 1, 0], [0, 0, 1]]))
    groups = AsvGroups(level="clade", names=("a", "b"), labels=("a", "b"), members=members)
    found = associate(groups, counts, np.array([[1.0], [2.0], [3.0]]))
    assert found.prevalence_G.tolist() == pytest.approx([2 / 3, 2 / 3])
    assert found.share_G.tolist() == pytest.approx([(1 + 0.25 + 0) / 3, (0 + 0.75 + 1) / 3])
    assert found.correlation_GO[:, 0].tolist() == pytest.approx([-1.0, 1.0])
    assert found.truth_correlation_GO is None
