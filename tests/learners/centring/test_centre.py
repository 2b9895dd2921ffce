from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from aam.data.study.several.labels import studies_of_table
from aam.data.study.study import Study
from aam.explanation.model import with_counts
from aam.learners.centring.centre import Centring, StudyCentre, about_landmarks, centring_notes
from aam.learners.earlier.learner import WithEarlier
from aam.learners.kernel import KernelLearner
from aam.learners.predictor import load_predictor, save_predictor
from aam.learners.protocol import Learner, Task
from aam.learners.trees.extra_trees import CladeTreesLearner
from aam.workflows.evaluate.robustness import copies
from tests.learners.blend_studies import AGE, SIZE, TRAIN, labelled, task_of, tiny_study

STUDIES = ["a", "b", "c"] * 12 + ["new"] * (SIZE - len(TRAIN))
FOLDS = np.arange(len(TRAIN)) % 4


def study_and_task() -> tuple[Study, Task]:
    study = tiny_study(study=STUDIES)[0]
    landmarks = studies_of_table(study, "study")[TRAIN]
    return study, replace(task_of(study, AGE), centring=Centring("study", landmarks))


def test_means_are_those_of_training_or_of_a_new_study() -> None:
    study, _ = study_and_task()
    features = np.random.default_rng(0).normal(size=(SIZE, 5))
    centre = StudyCentre("study", lambda _, rows: features[rows]).fit(study, TRAIN)
    names = np.array(STUDIES)
    found = centre.means(study, np.arange(SIZE))
    for name in "abc":
        assert found[names == name] == pytest.approx(np.tile(features[TRAIN][names[TRAIN] == name].mean(0), (12, 1)))
    assert found[names == "new"] == pytest.approx(np.tile(features[names == "new"].mean(0), (SIZE - len(TRAIN), 1)))
    assert centre.means(study, np.array([SIZE - 1, 0])) == pytest.approx(found[[SIZE - 1, 0]])


@pytest.mark.parametrize("name", ["clr-linear", "jaccard", "trees-dna"])
def test_means_of_new_studies_stay_where_samples_change(name: str) -> None:
    study, task = study_and_task()
    learner: Learner = CladeTreesLearner(task, "dna") if name == "trees-dna" else KernelLearner(task, name)
    learner.cross_fit(study, labelled(study, AGE), FOLDS)
    new = np.arange(len(TRAIN), SIZE)
    whole = learner.predict(study, new)
    alone = with_counts(study, new[:2], study.table.counts[new[:2]])
    assert learner.predict(alone, np.arange(2)) == pytest.approx(whole[:2])
    many = copies(
        study.take(new).with_means_of_now.take([0, 1]), [study.table.counts[new[[0, 1]]], study.table.counts[:2]]
    )
    assert learner.predict(many, np.arange(4))[:2] == pytest.approx(learner.predict(study.take(new), np.arange(2)))
    assert learner.predict(study.take(new[:2]), np.arange(2)) != pytest.approx(whole[:2])


def test_a_linear_kernel_is_that_of_centred_features() -> None:
    rng = np.random.default_rng(1)
    landmarks, names, other = rng.normal(size=(20, 6)), np.array(list("abcd") * 5), rng.normal(size=(3, 6))
    own = np.stack([landmarks[names == name].mean(0) for name in names])
    mean = rng.normal(size=6)
    block = (other - mean) @ landmarks.T
    assert about_landmarks(block, names) == pytest.approx((other - mean) @ (landmarks - own).T)


@pytest.mark.parametrize("name", ["clades-linear", "jaccard", "trees-dna"])
def test_a_centred_learner_comes_back_from_its_folder(name: str, tmp_path: Path) -> None:
    study, task = study_and_task()
    learner: Learner = CladeTreesLearner(task, "dna") if name == "trees-dna" else KernelLearner(task, name)
    found = learner.cross_fit(study, labelled(study, AGE), FOLDS)
    assert np.isfinite(found).all()
    save_predictor(tmp_path, [learner])
    loaded = load_predictor(tmp_path)
    rows = np.arange(SIZE)
    assert loaded.predict(study, rows) == pytest.approx(learner.predict(study, rows))
    (line, known) = centring_notes([member.facts for member in loaded.manifest.members], study)
    assert line.startswith("new studies (1) are centred by the means of their own samples")
    assert line.endswith("one has 8 samples only, and a rough mean")
    assert known.startswith("studies of training (by name): 3 (a, b, c), centred by their training samples; if one")
    assert known.endswith("rename it in the metadata")
    assert centring_notes([], study) == []
    assert centring_notes([WithEarlier(learner).to_arrays().facts], study) == [line, known]


def test_a_bias_of_a_new_study_is_taken_away() -> None:
    # in clr space a bias by ASV is a shift, as long as every ASV has many reads
    study, task = study_and_task()
    dense = study.table.counts.toarray() * 0 + np.random.default_rng(2).integers(500, 4000, study.shape)
    bias = np.random.default_rng(3).integers(1, 9, study.shape[1])
    changed = dense.copy()
    changed[np.array(STUDIES) == "new"] *= bias
    predictions = {}
    for centring in (task.centring, None):
        plain, biased = (_with_counts(study, counts) for counts in (dense, changed))
        own = replace(task_of(plain, AGE), centring=centring)
        learner = KernelLearner(own, "clr-linear")
        learner.cross_fit(plain, labelled(plain, AGE), FOLDS)
        new = np.flatnonzero(np.array(STUDIES) == "new")
        predictions[centring is None] = [learner.predict(one, new) for one in (plain, biased)]
    centred, uncentred = (np.abs(first - second).max() for first, second in (predictions[False], predictions[True]))
    assert centred < 0.02 * uncentred


def _with_counts(study: Study, counts: np.ndarray) -> Study:
    return replace(study, table=replace(study.table, counts=type(study.table.counts)(counts)))


def test_arrays_that_are_no_means_are_refused(tmp_path: Path) -> None:
    study, task = study_and_task()
    learner = KernelLearner(task, "jaccard")
    learner.cross_fit(study, labelled(study, AGE), FOLDS)
    stored = learner.to_arrays()
    for change in ({"study_means": np.zeros((2, len(TRAIN)))}, {"study_of_landmark": np.zeros(3, dtype=np.int32)}):
        with pytest.raises(ValueError, match="cannot be"):
            KernelLearner.from_arrays(replace(stored, arrays={**stored.arrays, **change}), task, None)  # type: ignore[arg-type]
    facts = {**stored.facts, "centred_studies": ["a", "a", "b"]}
    with pytest.raises(ValueError, match="twice"):
        KernelLearner.from_arrays(replace(stored, facts=facts), task, None)  # type: ignore[arg-type]
