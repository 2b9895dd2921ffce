"""Vectors of samples as learners compare them: their distances are those of the weighted kernels, by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform

from aam.data.study.study import Study
from aam.data.targets.kinds import TargetSpec
from aam.learners import sample_space as module
from aam.learners.kernel import KernelLearner
from aam.learners.predictor import Combination, Predictor, load_predictor, predictor_of, save_predictor
from aam.learners.protocol import Learner
from aam.learners.sample_space import SampleSpace, fit_sample_space, study_of_reference
from aam.learners.trees.arrays import grow
from aam.learners.trees.extra_trees import CladeTreesLearner
from aam.learners.trees.forest import ForestLearner, ForestSettings
from tests.learners.blend_studies import AGE, MASS, NEW, SEASONS, SITE, TRAIN, labelled, task_of, tiny_study

MANY = 200
"""More coordinates than there are samples: all of them."""


def fitted(study: Study, names: tuple[str, ...], *specs: TargetSpec, **of_task: Any) -> list[Learner]:
    task = task_of(study, *specs, **of_task)
    made: dict[str, Learner] = {
        "forest": ForestLearner(task, ForestSettings(n_estimators=20, n_jobs=1)),
        "trees-dna": CladeTreesLearner(task, "dna", n_jobs=1),
    }
    samples = labelled(study, *specs)
    found = [made.get(name) or KernelLearner(task, name) for name in names]
    return [one.fit(study, samples.rows, samples.targets) for one in found]


def predictor(
    study: Study, *names: str, weights: Any = (), specs: tuple[TargetSpec, ...] = (AGE,), **task: Any
) -> Predictor:
    return predictor_of(fitted(study, names, *specs, **task), Combination(weights=weights))


def squared_distances(space: SampleSpace, study: Study, rows: np.ndarray) -> np.ndarray:
    return np.asarray(squareform(pdist(space.vectors(study, rows).astype(np.float64)))) ** 2


def of_kernel(kernel: np.ndarray) -> np.ndarray:
    """Squared distances of a kernel whose mean diagonal about its mean is 1."""
    number = len(kernel)
    centring = np.eye(number) - 1 / number
    scaled = kernel / (np.trace(centring @ kernel @ centring) / number)
    return np.asarray(np.diag(scaled)[:, None] + np.diag(scaled) - 2 * scaled)


def linear_kernel(learner: Learner) -> np.ndarray:
    assert isinstance(learner, KernelLearner)
    return learner.similarity.between(learner.similarity.embedded, learner.similarity.embedded)


def proximities(learner: Learner, study: Study, rows: np.ndarray) -> np.ndarray:
    """Share of the trees in which two samples have the same leaf, by comparing all pairs."""
    assert isinstance(learner, ForestLearner | CladeTreesLearner)
    leaves = learner.leaves(study, rows)[0].indices.reshape(len(rows), -1)
    return np.asarray((leaves[:, None] == leaves).mean(axis=2))


def test_leaves_are_those_of_scikit_learn(monkeypatch):
    study, grown = tiny_study()[0], []

    def kept(estimator: Any, *given: Any) -> None:
        grow(estimator, *given)
        grown.append(estimator)

    monkeypatch.setattr("aam.learners.trees.forest.grow", kept)
    learner = fitted(study, ("forest",), AGE)[0]
    assert isinstance(learner, ForestLearner)
    table = learner.forests[0].features.transform(study, np.arange(len(study))).toarray().astype(np.float32)
    known = grown[0].apply(table)
    expected = (known[:, None] == known).mean(axis=2)
    np.testing.assert_allclose(proximities(learner, study, np.arange(len(study))), expected)


def test_distances_are_those_of_the_kernel():
    study = tiny_study()[0]
    model = predictor(study, "clr-linear")
    space = fit_sample_space(model, study, MANY)
    assert space.share == pytest.approx(1, abs=1e-6)
    assert space.knows_training
    np.testing.assert_allclose(
        squared_distances(space, study, TRAIN), of_kernel(linear_kernel(model.learners[0])), atol=1e-5
    )


@pytest.mark.parametrize("name", ["forest", "trees-dna"])
def test_distances_of_trees_are_their_proximities(name):
    study = tiny_study()[0]
    model = predictor(study, name)
    space = fit_sample_space(model, study, MANY)
    expected = of_kernel(proximities(model.learners[0], study, TRAIN))
    np.testing.assert_allclose(squared_distances(space, study, TRAIN), expected, atol=1e-5)


def test_members_count_by_their_weights():
    study = tiny_study()[0]
    model = predictor(study, "clr-linear", "trees-dna", "clades-linear", weights=((0.5,), (0.3,), (0.2,)))
    linear, trees, clades = model.learners
    kernels = [linear_kernel(linear), proximities(trees, study, TRAIN), linear_kernel(clades)]
    expected = sum(weight * of_kernel(one) for weight, one in zip((0.5, 0.3, 0.2), kernels, strict=True))
    space = fit_sample_space(model, study, MANY)
    np.testing.assert_allclose(squared_distances(space, study, TRAIN), expected, atol=1e-5)
    assert space.names == (("clr-linear", 0.5), ("trees-dna", 0.3), ("clades-linear", pytest.approx(0.2)))


def test_members_without_weight_are_not_asked():
    study = tiny_study()[0]
    space = fit_sample_space(predictor(study, "forest", "clr-linear", weights=((0.0,), (1.0,))), study)
    assert [name for name, _ in space.names] == ["clr-linear"]


def test_trees_of_several_targets_are_averaged():
    study = tiny_study()[0]
    model = predictor(study, "trees-dna", weights=((1.0, 1.0),), specs=(AGE, MASS))
    assert isinstance(model.learners[0], CladeTreesLearner)
    leaves = [one.indices.reshape(len(TRAIN), -1) for one in model.learners[0].leaves(study, TRAIN)]
    assert len(leaves) == 2
    mean = np.mean([(one[:, None] == one).mean(axis=2) for one in leaves], axis=0)
    space = fit_sample_space(model, study, MANY)
    np.testing.assert_allclose(squared_distances(space, study, TRAIN), of_kernel(mean), atol=1e-5)


def test_a_vector_does_not_depend_on_who_else_is_asked():
    study = tiny_study()[0]
    space = fit_sample_space(predictor(study, "jaccard", "unifrac-dna", "forest", specs=(SITE,)), study, 8)
    every = space.vectors(study, np.arange(len(study)))
    alone = fit_sample_space(
        predictor(study, "jaccard", "unifrac-dna", "forest", specs=(SITE,)), study.take(NEW[:1]), 8
    )
    np.testing.assert_allclose(alone.vectors(study, NEW[:1]), every[NEW[:1]], atol=1e-6)


def test_blocks_make_no_difference(monkeypatch):
    study = tiny_study()[0]
    space = fit_sample_space(predictor(study, "clr-radial", "trees-dna"), study)
    every = space.vectors(study, np.arange(len(study)))
    monkeypatch.setattr(module, "ROWS_AT_ONCE", 5)
    np.testing.assert_allclose(space.vectors(study, np.arange(len(study))), every, atol=1e-6)


def test_a_stored_model_has_the_same_vectors(tmp_path: Path):
    study = tiny_study()[0]
    learners = fitted(study, ("clr-linear", "forest", "trees-dna"), AGE)
    save_predictor(tmp_path, learners, Combination())
    spaces = [
        fit_sample_space(one, study, 4) for one in (predictor_of(learners, Combination()), load_predictor(tmp_path))
    ]
    vectors = [space.vectors(study, NEW) for space in spaces]
    np.testing.assert_allclose(vectors[0], vectors[1], atol=1e-6)


def test_a_forest_alone_has_the_samples_as_landmarks(monkeypatch):
    study = tiny_study()[0]
    model = predictor(study, "forest", reference=False)
    space = fit_sample_space(model, study, MANY)
    assert not space.knows_training
    every = np.arange(len(study))
    expected = of_kernel(proximities(model.learners[0], study, every))
    np.testing.assert_allclose(squared_distances(space, study, every), expected, atol=1e-5)
    monkeypatch.setattr(module, "MAX_SAMPLES", 9)
    assert len(fit_sample_space(model, study, MANY).map_ND) == 9


def test_trees_with_covariates_are_left_out_beside_kernels():
    study = tiny_study(season=SEASONS)[0]
    space = fit_sample_space(predictor(study, "forest", "clr-linear", covariates=True), study)
    assert space.left_out == ("forest",)
    assert [name for name, _ in space.names] == ["clr-linear"]
    alone = fit_sample_space(predictor(study, "trees-dna", covariates=True), study)
    assert alone.left_out == ()
    assert not alone.knows_training


def test_the_reference_is_its_training_samples():
    study = tiny_study()[0]
    task = task_of(study, AGE)
    assert task.reference is not None
    found = study_of_reference(task.reference, task.data)
    assert len(found) == len(TRAIN)
    reads = task.reference.reads_of(found, np.arange(len(found)))
    np.testing.assert_array_equal(reads.exact.toarray(), task.reference.counts.toarray())
    assert found.has_dna
