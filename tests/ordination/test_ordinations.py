"""Principal coordinates and components against scikit-bio and scikit-learn."""

from __future__ import annotations

import io

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform
from skbio import DistanceMatrix, OrdinationResults
from skbio.stats.ordination import pcoa
from sklearn.decomposition import PCA

from aam.ordination import ordinations
from aam.ordination.ordinations import ordination_text, principal_components, principal_coordinates
from tests.ordination.studies import NUMBER, bray_curtis, euclidean, points


@pytest.mark.parametrize("distances", [euclidean(), bray_curtis()], ids=["euclidean", "bray_curtis"])
def test_pcoa_is_that_of_scikit_bio(distances):
    found = principal_coordinates(distances, 5)
    known = pcoa(DistanceMatrix(distances), dimensions=NUMBER, warn_neg_eigval=False, output_format="numpy")
    np.testing.assert_allclose(found.eigenvalues_K, known.eigvals[:5], rtol=1e-9)
    np.testing.assert_allclose(found.shares_K, known.proportion_explained[:5], rtol=1e-9)
    np.testing.assert_allclose(np.abs(found.coordinates_NK), np.abs(known.samples[:, :5]), atol=1e-9)


def test_the_randomised_solver_agrees(monkeypatch):
    exact = principal_coordinates(bray_curtis(), 4)
    monkeypatch.setattr(ordinations, "EXACT", 10)
    found = principal_coordinates(bray_curtis(), 4, seed=7)
    known = pcoa(DistanceMatrix(bray_curtis()), method="fsvd", dimensions=4, seed=1, output_format="numpy")
    np.testing.assert_allclose(found.eigenvalues_K, exact.eigenvalues_K, rtol=1e-6)
    np.testing.assert_allclose(found.coordinates_NK, exact.coordinates_NK, atol=1e-5)
    np.testing.assert_allclose(found.shares_K, known.proportion_explained, rtol=0.03)  # its solver is rougher


def test_coordinates_of_euclidean_distances_give_them_back():
    found = principal_coordinates(euclidean(), 20)
    assert found.coordinates_NK.shape[1] == 6
    np.testing.assert_allclose(squareform(pdist(found.coordinates_NK)), euclidean(), atol=1e-9)
    assert found.shares_K.sum() == pytest.approx(1)


def test_pca_is_that_of_scikit_learn():
    found, known = principal_components(points(), 3), PCA(3).fit(points())
    np.testing.assert_allclose(found.shares_K, known.explained_variance_ratio_, rtol=1e-9)
    np.testing.assert_allclose(np.abs(found.coordinates_NK), np.abs(known.transform(points())), atol=1e-9)


def test_samples_that_are_the_same_have_no_axis():
    assert principal_coordinates(np.zeros((5, 5)), 3).coordinates_NK.shape == (5, 0)
    assert principal_components(np.ones((5, 4)), 3).coordinates_NK.shape == (5, 0)


def test_scikit_bio_reads_the_text():
    found = principal_coordinates(bray_curtis(), 3)
    ids = [f"S{place}" for place in range(NUMBER)]
    read = OrdinationResults.read(io.StringIO(ordination_text(found, ids)))
    np.testing.assert_array_equal(read.samples.to_numpy(), found.coordinates_NK)
    np.testing.assert_array_equal(read.proportion_explained.to_numpy(), found.shares_K)
    assert list(read.samples.index) == ids
