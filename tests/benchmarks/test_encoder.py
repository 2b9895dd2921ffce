from __future__ import annotations

import io
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from scipy.cluster.hierarchy import cophenet, linkage
from scipy.spatial.distance import pdist, squareform
from skbio import TreeNode
from sklearn.kernel_ridge import KernelRidge

from aam.alphabet import encode
from aam.config import StudyOptions
from aam.data.study.study import Study, load_study
from benchmarks.encoder import dna_tree, features, ridge
from benchmarks.encoder.dna_tree import newick_of, word_vectors
from benchmarks.encoder.ridge import PENALTIES, Held, folds_of, held_out, linear_kernel, radial_kernel, stack_of
from benchmarks.encoder.studies import POOL, Judged, table_options
from tests.factories import random_sequences, write_biom

NUM_SAMPLES = 60


@pytest.fixture
def judged() -> Judged:
    rng = np.random.default_rng(0)
    groups = np.array([f"g{number}" for number in rng.integers(20, size=NUM_SAMPLES)])
    truth = rng.normal(size=(NUM_SAMPLES, 1))
    return Judged("infant_ecam", cast(Study, None), truth, np.zeros(NUM_SAMPLES, dtype=np.int64), groups)


def known(judged: Judged) -> np.ndarray:
    return np.hstack([judged.truth, np.random.default_rng(1).normal(size=(NUM_SAMPLES, 4))])


def test_kernels_have_a_mean_of_one_on_the_diagonal(judged: Judged) -> None:
    values = known(judged)
    for make in (linear_kernel, radial_kernel):
        kernel = make(values)
        assert np.trace(kernel) == pytest.approx(NUM_SAMPLES)
        np.testing.assert_allclose(kernel.sum(axis=0), 0, atol=1e-9)


def test_radial_kernel_is_as_wide_as_the_median_distance(judged: Judged) -> None:
    distances = pdist(known(judged))
    plain = np.exp(-squareform(distances**2) / np.median(distances**2))
    middle = np.eye(NUM_SAMPLES) - 1 / NUM_SAMPLES
    centred = middle @ plain @ middle
    np.testing.assert_allclose(radial_kernel(known(judged)), centred * NUM_SAMPLES / np.trace(centred), atol=1e-9)


def test_predictions_are_those_of_scikit_learn(judged: Judged, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ridge, "PENALTIES", PENALTIES[4:5])
    kernel, fold_of = linear_kernel(known(judged)), folds_of(judged, 0)
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
    inner = held_out(linear_kernel(known(judged)), judged, fold_of).inner
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


@pytest.fixture
def study(tmp_path: Path) -> Study:
    sequences = relatives()
    counts = np.random.default_rng(0).integers(0, 30, size=(20, len(sequences)))
    path = write_biom(tmp_path / "table.biom", counts, [f"s{row}" for row in range(20)], sequences)
    return load_study(table_options([path]), StudyOptions(), None, None)


def test_soft_clades_share_out_all_reads(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "NUM_SOFT", 6)
    found = features.soft_clades(study, word_vectors(study.tokens))
    assert found.shape == (20, 6)
    np.testing.assert_allclose(np.expm1(found).sum(axis=1), 1e4)


def test_asvs_leak_into_the_other_of_two_soft_clades(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "NUM_SOFT", 2)
    half_of = np.arange(len(study.lengths)) % 2
    found = np.expm1(features.soft_clades(study, np.eye(2)[half_of]))
    counts = study.table.counts.toarray()
    reads = np.stack([counts[:, half_of == half].sum(axis=1) for half in range(2)], axis=1)
    shares = 1e4 * reads / reads.sum(axis=1, keepdims=True)
    leak = 1 / (1 + np.exp(4))  # the width is half of the distance: a squared distance of four widths
    np.testing.assert_allclose(np.sort(found), np.sort(shares * (1 - leak) + shares[:, ::-1] * leak))


def test_log_clades_hold_single_asvs_and_all_reads(study: Study) -> None:
    found = np.expm1(features.log_clades(study, word_vectors(study.tokens)))
    counts = study.table.counts.toarray()
    shares = 1e4 * counts / counts.sum(axis=1, keepdims=True)
    for wanted in (shares[:, 0], np.full(20, 1e4)):
        assert np.isclose(found, wanted[:, None]).all(axis=0).any()


def test_shipped_encoders_licences_allow_it() -> None:
    assert set(POOL.values()) <= {"MIT", "BSD-3-Clause", "CC"}
    assert "mouse_age_seedorf" not in POOL
