from __future__ import annotations

import io

import numpy as np
import pytest
from scipy.cluster.hierarchy import cophenet, linkage
from scipy.spatial.distance import pdist, squareform
from skbio import TreeNode
from sklearn.kernel_ridge import KernelRidge

from aam.alphabet import encode
from aam.data.study.study import Study
from benchmarks.encoder import dna_tree, ridge
from benchmarks.encoder.dna_tree import newick_of, word_vectors
from benchmarks.encoder.ridge import PENALTIES, Held, folds_of, held_out, linear_kernel, radial_kernel, stack_of
from benchmarks.encoder.studies import Judged
from tests.factories import random_sequences

NUM_SAMPLES = 60


@pytest.fixture
def judged() -> Judged:
    rng = np.random.default_rng(0)
    groups = np.array([f"g{number}" for number in rng.integers(20, size=NUM_SAMPLES)])
    truth = rng.normal(size=(NUM_SAMPLES, 1))
    study: Study = None  # type: ignore[assignment]  # kernels are given
    return Judged("infant_ecam", study, truth, np.zeros(NUM_SAMPLES, dtype=np.int64), groups)


def features(judged: Judged) -> np.ndarray:
    return np.hstack([judged.truth, np.random.default_rng(1).normal(size=(NUM_SAMPLES, 4))])


def test_kernels_have_a_mean_of_one_on_the_diagonal(judged: Judged) -> None:
    values = features(judged)
    for make in (linear_kernel, radial_kernel):
        kernel = make(values)
        assert np.trace(kernel) == pytest.approx(NUM_SAMPLES)
        np.testing.assert_allclose(kernel.sum(axis=0), 0, atol=1e-9)


def test_radial_kernel_is_as_wide_as_the_median_distance(judged: Judged) -> None:
    distances = pdist(features(judged))
    plain = np.exp(-squareform(distances**2) / np.median(distances**2))
    middle = np.eye(NUM_SAMPLES) - 1 / NUM_SAMPLES
    centred = middle @ plain @ middle
    np.testing.assert_allclose(radial_kernel(features(judged)), centred * NUM_SAMPLES / np.trace(centred), atol=1e-9)


def test_predictions_are_those_of_scikit_learn(judged: Judged, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ridge, "PENALTIES", PENALTIES[4:5])
    kernel, fold_of = linear_kernel(features(judged)), folds_of(judged, 0)
    found = held_out(kernel, judged, fold_of).outer
    for fold in range(ridge.OUTER):
        train, test = np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold)
        mean = judged.truth[train].mean()
        model = KernelRidge(alpha=PENALTIES[4], kernel="precomputed")
        model.fit(kernel[np.ix_(train, train)], judged.truth[train] - mean)
        np.testing.assert_allclose(found[test], mean + model.predict(kernel[np.ix_(test, train)]))


def test_groups_are_held_out_whole(judged: Judged) -> None:
    fold_of = folds_of(judged, 0)
    for group in np.unique(judged.groups):
        assert len(set(fold_of[judged.groups == group])) == 1
    inner = held_out(linear_kernel(features(judged)), judged, fold_of).inner
    for fold in range(ridge.OUTER):
        assert np.isnan(inner[fold, fold_of == fold]).all()
        assert np.isfinite(inner[fold, fold_of != fold]).all()


def test_stack_prefers_the_better_kernel(judged: Judged) -> None:
    fold_of = folds_of(judged, 0)
    noise = np.random.default_rng(2).normal(size=judged.truth.shape)
    good, bad = (Held(outer, np.stack([outer] * ridge.OUTER)) for outer in (judged.truth, noise))
    predicted, weights = stack_of([good, bad], judged, fold_of)
    assert weights[0] > 0.8
    assert weights.sum() == pytest.approx(1)
    assert ridge.score(predicted, judged) > 0.8


def relatives() -> list[str]:
    return [f"{one[:99]}{base}" for one in random_sequences(6, length=100) for base in "ACGT"]


def test_tree_has_the_roots_of_wards_heights() -> None:
    sequences = relatives()
    tree = TreeNode.read(io.StringIO(newick_of(encode(sequences), sequences)))
    heights = squareform(cophenet(linkage(word_vectors(encode(sequences)), "ward")))
    found = tree.cophenet().filter(sequences).data
    np.testing.assert_allclose(found, 2 * np.sqrt(heights), atol=1e-3)


def test_tree_of_boxes_keeps_relatives_together(monkeypatch: pytest.MonkeyPatch) -> None:
    sequences = relatives()
    monkeypatch.setattr(dna_tree, "ASVS_PER_BOX", 4)
    tree = TreeNode.read(io.StringIO(newick_of(encode(sequences), sequences)))
    assert sorted(tip.name for tip in tree.tips()) == sorted(sequences)
    found = tree.cophenet().filter(sequences).data
    is_family = np.kron(np.eye(6), np.ones((4, 4))) > 0
    assert found[is_family].max() < found[~is_family].min()
