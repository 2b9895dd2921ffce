"""Settings reach the learners: against scikit-learn and by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesRegressor, RandomForestRegressor

from aam.config.tuning.settings import LearnerSettings
from aam.learners.blend import blend_weights, even_weights, fit_blend
from aam.learners.clades import clade_counts
from aam.learners.kernel import KernelLearner
from aam.learners.members import new_member
from aam.learners.similarity import SIMILARITIES
from tests.learners.blend_studies import AGE, NEW, TRAIN, labelled, task_of, tiny_study, truths_of


def with_settings(study: Any, **options: Any) -> Any:
    return replace(task_of(study, AGE), settings=LearnerSettings(**options))


def fitted(name: str, study: Any, **options: Any) -> Any:
    learner: Any = new_member(name, with_settings(study, **options), 42)
    return learner.fit(study, TRAIN, truths_of(study, TRAIN, AGE))


def test_the_forest_has_its_settings() -> None:
    study, _ = tiny_study()
    learner = fitted("forest", study, trees=13, forest_leaf=4, forest_max_features=0.7)
    table = learner.forests[0].features.transform(study, np.concatenate([TRAIN, NEW])).astype(np.float32).toarray()
    alone = RandomForestRegressor(13, min_samples_leaf=4, max_features=0.7, random_state=42)
    alone.fit(table[: len(TRAIN)], truths_of(study, TRAIN, AGE)[:, 0])
    assert learner.predict(study, NEW)[:, 0] == pytest.approx(alone.predict(table[len(TRAIN) :]), rel=1e-6)


def test_extra_trees_have_their_settings() -> None:
    study, _ = tiny_study()
    learner = fitted("trees-dna", study, trees=11, clade_leaf=5, clade_max_features="log2")
    table = learner._read(study, np.concatenate([TRAIN, NEW]))
    alone = ExtraTreesRegressor(11, min_samples_leaf=5, max_features="log2", random_state=42)
    alone.fit(table[: len(TRAIN)], truths_of(study, TRAIN, AGE)[:, 0])
    assert learner.predict(study, NEW)[:, 0] == pytest.approx(alone.predict(table[len(TRAIN) :]), rel=1e-6)
    assert learner.without_fold().num_trees == 11, "not more than in the end"


def test_clades_must_be_as_prevalent_as_asked() -> None:
    study, _ = tiny_study()
    reference = task_of(study, AGE).reference
    assert reference is not None
    counts = clade_counts(reference.reads.placed, reference.trees["dna"]).toarray()
    share = (counts > 0).mean(axis=0)
    for least in (0.1, 0.6):
        found: Any = SIMILARITIES["clades-linear"].fit(
            "clades-linear", reference, LearnerSettings(clade_prevalence=least)
        )
        assert found.columns.tolist() == np.flatnonzero(share >= least).tolist()
        asvs: Any = SIMILARITIES["clr-linear"].fit("clr-linear", reference, LearnerSettings(asv_prevalence=least))
        assert (reference.prevalence[asvs.columns] >= least * reference.num_samples).all()
    assert (share >= 0.6).sum() < (share >= 0.1).sum()


def test_kernels_are_as_wide_as_asked() -> None:
    study, _ = tiny_study()
    reference = task_of(study, AGE).reference
    usual, wide = (
        SIMILARITIES["clr-radial"].fit("clr-radial", reference, LearnerSettings(kernel_width=width)) for width in (1, 3)
    )
    assert wide.width == pytest.approx(3 * usual.width)
    learner = KernelLearner(with_settings(study, kernel_width=3.0), "clr-radial")
    learner.fit(study, TRAIN, truths_of(study, TRAIN, AGE))
    assert learner.to_arrays().arrays["similarity.width"][0] == pytest.approx(wide.width)


def test_weights_are_pulled_as_asked() -> None:
    study, _ = tiny_study()
    samples, folds, names = labelled(study, AGE), np.arange(len(TRAIN)) % 4, ["jaccard", "clr-linear"]
    found = {}
    for pull in (0.0, 50.0):
        task = with_settings(study, blend_pull=pull)
        members = [new_member(name, task, 42) for name in names]
        blend = fit_blend(members, names, study, samples, folds)
        expected = blend_weights(blend.out_of_fold_M, samples, task.targets, even_weights(names), pull)
        assert blend.weights_MT == pytest.approx(expected)
        found[pull] = np.ptp(blend.weights_MT)
    assert found[50.0] < 0.02 < found[0.0]
