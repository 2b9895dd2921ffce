"""Mantel's test against scikit-bio, Procrustes against SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import procrustes as scipy_procrustes
from skbio import DistanceMatrix
from skbio.stats.distance import mantel as skbio_mantel

from aam.ordination.agreement import mantel, procrustes
from tests.ordination.studies import NUMBER, bray_curtis, euclidean, points


@pytest.mark.parametrize("method", ["pearson", "spearman"])
def test_mantel_is_that_of_scikit_bio(method):
    first, second = euclidean(1), euclidean(1) + bray_curtis(2) * 30
    found = mantel(first, second, method, 199)
    known, p, _ = skbio_mantel(DistanceMatrix(first), DistanceMatrix(second), method=method, permutations=199, seed=1)
    assert found.correlation == pytest.approx(known, rel=1e-9)
    assert found.p == pytest.approx(p, abs=0.02)


def test_mantel_of_nothing_in_common():
    ps = [mantel(euclidean(seed), bray_curtis(seed + 50), "spearman", 39, seed).p for seed in range(30)]
    assert 0.25 < np.mean(ps) < 0.75


def test_procrustes_is_that_of_scipy():
    first, second = points(1)[:, :3], points(2)[:, :3] + points(1)[:, 1:4]
    found = procrustes(first, second, 99)
    assert found.correlation == pytest.approx(np.sqrt(1 - scipy_procrustes(first, second)[2]), rel=1e-12)


def test_a_turned_ordination_agrees():
    turned = points(1)[:, :2] @ np.array([[0.6, 0.8], [0.8, -0.6]]) * 5 + 3
    found = procrustes(points(1)[:, :2], turned, 99)
    assert found.correlation == pytest.approx(1)
    assert found.p == pytest.approx(1 / 100)
    assert procrustes(points(1)[:, :2], np.random.default_rng(0).normal(size=(NUMBER, 2)), 99).p > 0.05


def test_distances_that_are_all_the_same_agree_with_nothing():
    found = mantel(np.zeros((5, 5)), euclidean()[:5, :5], "pearson", 9)
    assert np.isnan(found.correlation)
    assert np.isnan(found.p)
