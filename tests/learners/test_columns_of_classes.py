"""Several columns of classes at once: each is learned as it would be alone, from the samples that have it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from aam.data.study.study import Study
from aam.data.targets.kinds import CLASSES, TargetSpec
from aam.data.targets.targets import Targets
from aam.learners.blend import blend_weights, combine, cross_blend
from aam.learners.kernel import KernelLearner
from aam.learners.members import new_member
from aam.learners.network_training import _in_units
from aam.learners.protocol import Computing, Labelled, Learner
from aam.learners.stored import Stored
from aam.learners.trees import extra_trees as extra_trees_module
from aam.learners.trees.forest import ForestLearner, ForestSettings
from tests.learners.blend_studies import NEW, SITE, TRAIN, task_of, tiny_study, truths_of

SEX = TargetSpec(column="sex", kind=CLASSES, classes=("f", "m"), presence=0.75, majority="f")
FOLDS = np.arange(len(TRAIN)) % 5


@pytest.fixture(autouse=True)
def _few_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extra_trees_module, "NUM_TREES", 20)


def samples_of(study: Study, *specs: TargetSpec, weights: np.ndarray | None = None) -> Labelled:
    """The site, and a sex that the site tells and that every fourth sample lacks."""
    site = truths_of(study, TRAIN, SITE)
    sex = np.where(np.arange(len(TRAIN))[:, None] % 4 == 0, np.nan, (site > 0) * 1.0)
    columns = {"site": site, "sex": sex}
    return Labelled(rows=TRAIN, targets=np.hstack([columns[spec.column] for spec in specs]), weights=weights)


def learner_of(name: str, study: Study, *specs: TargetSpec) -> Learner:
    if name == "forest":
        return ForestLearner(task_of(study, *specs), ForestSettings(n_estimators=20, n_jobs=1))
    return new_member(name, task_of(study, *specs), seed=1)


@pytest.mark.parametrize("name", ["jaccard", "forest", "trees-dna"])
def test_each_column_is_learned_as_it_is_alone(name: str) -> None:
    study, _ = tiny_study()
    together = learner_of(name, study, SITE, SEX)
    both = samples_of(study, SITE, SEX)
    together.fit(study, both.rows, both.targets)
    found = together.predict(study, NEW)
    assert found.shape == (len(NEW), 5)
    for place, (spec, outputs) in enumerate(((SITE, slice(0, 3)), (SEX, slice(3, 5)))):
        assert found[:, outputs].sum(axis=1) == pytest.approx(1)
        own = both.of_target(place)
        alone = learner_of(name, study, spec).fit(study, own.rows, own.targets)
        if name != "jaccard":  # whose folds, and so whose penalty, are dealt anew
            assert found[:, outputs] == pytest.approx(alone.predict(study, NEW))
    read = type(together).from_arrays(together.to_arrays(), together.task, Computing(device="cpu"))
    assert read.predict(study, NEW) == pytest.approx(found)


def test_kernels_learn_out_of_fold_as_alone() -> None:
    study, _ = tiny_study()
    both = samples_of(study, SITE, SEX)
    found = KernelLearner(task_of(study, SITE, SEX), "jaccard").cross_fit(study, both, FOLDS)
    known, own = ~np.isnan(both.targets[:, 1]), both.of_target(1)
    alone = KernelLearner(task_of(study, SEX), "jaccard").cross_fit(study, own, FOLDS[known])
    assert found[known, 3:] == pytest.approx(alone, abs=1e-9)
    site = KernelLearner(task_of(study, SITE), "jaccard").cross_fit(study, samples_of(study, SITE), FOLDS)
    assert found[:, :3] == pytest.approx(site, abs=1e-9)


def test_weights_may_differ_from_column_to_column() -> None:
    study, _ = tiny_study()
    weights = np.random.default_rng(4).uniform(0.3, 2, (len(TRAIN), 2))
    both = samples_of(study, SITE, SEX, weights=weights)
    found = KernelLearner(task_of(study, SITE, SEX), "jaccard").cross_fit(study, both, FOLDS)
    known, own = ~np.isnan(both.targets[:, 1]), both.of_target(1)
    assert own.weights == pytest.approx(weights[known, 1])
    alone = KernelLearner(task_of(study, SEX), "jaccard").cross_fit(study, own, FOLDS[known])
    assert found[known, 3:] == pytest.approx(alone, abs=1e-9)


def test_members_are_weighed_for_each_column() -> None:
    study, _ = tiny_study()
    both, rng = samples_of(study, SITE, SEX), np.random.default_rng(0)
    found_MBO = []
    for sharpness in ((3.0, 0.0), (0.0, 3.0)):
        parts = []
        for place, size in enumerate((3, 2)):
            is_it = both.targets[:, [place]] == np.arange(size)
            shares = np.exp(sharpness[place] * is_it + rng.normal(size=(len(TRAIN), size)))
            parts.append(shares / shares.sum(axis=1, keepdims=True))
        found_MBO.append(np.hstack(parts))
    targets, out_of_fold = Targets(specs=(SITE, SEX)), np.stack(found_MBO)
    weights_MT = blend_weights(out_of_fold, both, targets)
    assert weights_MT.shape == (2, 2)
    assert weights_MT[0, 0] > 0.6
    assert weights_MT[1, 1] > 0.6
    known = ~np.isnan(both.targets[:, 1])
    alone = blend_weights(out_of_fold[:, known, 3:], both.of_target(1), Targets(specs=(SEX,)))
    assert weights_MT[:, 1] == pytest.approx(alone[:, 0])
    one = combine(out_of_fold, weights_MT, targets)
    assert one[:, :3] == pytest.approx(np.einsum("mbo,m->bo", out_of_fold[:, :, :3], weights_MT[:, 0]))
    assert one[:, 3:] == pytest.approx(np.einsum("mbo,m->bo", out_of_fold[:, :, 3:], weights_MT[:, 1]))
    assert cross_blend(out_of_fold, both, targets, FOLDS).shape == one.shape


def test_networks_are_given_labels_of_each_column() -> None:
    task: Any = type("Task", (), {"targets": Targets(specs=(SITE, SEX))})
    found = _in_units(task, np.array([[0.0, np.nan], [2.0, 1.0]]), np.zeros(2, dtype=np.int64))
    assert found["site"].tolist() == [SITE.classes[0], SITE.classes[2]]
    assert found["sex"].tolist() == ["", "m"]


def test_stored_trees_of_another_column_are_refused() -> None:
    study, _ = tiny_study()
    both = samples_of(study, SITE, SEX)
    forest = learner_of("forest", study, SITE, SEX).fit(study, both.rows, both.targets)
    stored = forest.to_arrays()
    arrays = {**stored.arrays, "1.codes": np.array([0, 2], dtype=np.int32)}
    with pytest.raises(ValueError, match="the classes of trees are not the target's"):
        ForestLearner.from_arrays(replace(stored, arrays=arrays), forest.task, Computing(device="cpu"))
    assert isinstance(stored, Stored)
