"""Learners that take in earlier samples: nothing leaks into a prediction that is not an earlier sample's reads."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from aam.data.study.earlier import EarlierSpec, earlier_data, with_earlier
from aam.data.study.study import Study
from aam.data.targets.kinds import TargetSpec
from aam.errors import CheckpointError
from aam.learners.earlier.carry import Carry
from aam.learners.earlier.learner import WithEarlier
from aam.learners.kernel import KernelLearner
from aam.learners.predictor import Combination, load_predictor, save_predictor
from aam.learners.protocol import Computing, Labelled, Learner, Task
from aam.learners.stored import Stored
from aam.models.folder.container import read_model_folder, write_model_folder
from tests.learners.blend_studies import AGE, GROUPS, MASS, NEW, SITE, SIZE, TRAIN, task_of, tiny_study, truths_of

SPEC = EarlierSpec(number=2, subject_column="who", time_column="day", typical=1.0)
WHO = [*map(str, GROUPS), *("new", "new", "new", "new", "other", "other", "alone", "lost")]
DAY = [str(row % 3) for row in range(len(TRAIN))] + ["0", "1", "2", "2", "3", "1", "5", ""]
FOLDS = np.arange(len(TRAIN)) // 3 % 4
STEADY = (Carry(memory=3.0, pull=0.8, drift=0.3),)


def study_of(counts: np.ndarray | None = None) -> Study:
    study = tiny_study(who=WHO, day=DAY)[0]
    if counts is not None:
        study = replace(study, table=replace(study.table, counts=type(study.table.counts)(counts)))
    return with_earlier(study, SPEC)


def labelled(study: Study, *specs: TargetSpec) -> Labelled:
    """The training samples with their truths, and subjects as groups."""
    return Labelled(rows=TRAIN, targets=truths_of(study, TRAIN, *specs), groups=GROUPS)


def fitted(study: Study, *specs: TargetSpec) -> WithEarlier:
    learner = WithEarlier(KernelLearner(task_of(study, *specs), "clades-linear"))
    learner.cross_fit(study, labelled(study, *specs), FOLDS)
    learner.carries = STEADY * len(specs)
    return learner


@pytest.mark.parametrize("specs", [(AGE,), (AGE, MASS), (SITE,)], ids=["number", "two", "classes"])
def test_only_samples_with_earlier_ones_change(specs: tuple[TargetSpec, ...]) -> None:
    study = study_of()
    learner = fitted(study, *specs)
    change = np.abs(learner.predict(study, NEW) - learner.learner.predict(study, NEW)).max(axis=1)
    assert (change > 0).tolist() == [False, True, True, True, True, False, False, False]


def test_other_subjects_and_later_samples_have_no_say() -> None:
    study = study_of()
    learner, counts = fitted(study, AGE), study.table.counts.toarray()
    before = learner.predict(study, NEW)
    for row in range(len(TRAIN), SIZE):
        other = counts.copy()
        other[row] = np.roll(other[row], 7)
        changed = learner.predict(study_of(other), NEW) != before
        place = row - len(TRAIN)
        assert study.earlier is not None
        reads = [one for one in range(len(NEW)) if one == place or row in study.earlier.row_NK[NEW[one]]]
        assert np.flatnonzero(changed[:, 0]).tolist() == reads


def test_truths_of_earlier_samples_are_never_read() -> None:
    study = study_of()
    learner, rows = fitted(study, AGE), np.arange(SIZE)
    told = replace(study, targets={"age": np.arange(float(SIZE))})
    assert (learner.predict(told, rows) == learner.predict(study, rows)).all()


class ReadsOne(Learner):
    """Predicts the share of the first ASV, whatever it is taught."""

    kind = "reads_one"

    def fit(self, study: Study, rows: np.ndarray, targets: np.ndarray, *_: object) -> ReadsOne:
        return self

    def predict(self, study: Study, rows: np.ndarray, draw: int = 0) -> np.ndarray:
        counts = study.table.counts[rows]
        return np.asarray(counts[:, [0]].toarray() / counts.sum(axis=1)[:, None], dtype=np.float64)

    def to_arrays(self) -> Stored:
        return Stored({}, {})

    @classmethod
    def from_arrays(cls, stored: Stored, task: Task, computing: Computing) -> ReadsOne:
        return cls(task)


def test_a_held_out_fold_has_no_say_in_its_carry() -> None:
    study, found = study_of(), []
    samples, own = labelled(study, AGE), FOLDS == 1
    for truths in (samples.targets, np.where(own[:, None], 5 - samples.targets, samples.targets)):
        learner = WithEarlier(ReadsOne(task_of(study, AGE, reference=False)))
        found.append(learner.cross_fit(study, replace(samples, targets=truths), FOLDS))
    assert (found[0][own] == found[1][own]).all()
    assert (found[0][~own] != found[1][~own]).any()


def test_predictions_do_not_depend_on_who_is_asked_with() -> None:
    study = study_of()
    learner = fitted(study, SITE)
    whole = learner.predict(study, np.arange(SIZE))
    one_by_one = np.concatenate([learner.predict(study, np.array([row])) for row in range(SIZE)])
    assert one_by_one == pytest.approx(whole, rel=1e-12)
    some = study.take(NEW[::-1])
    assert learner.predict(some, np.arange(len(NEW)))[::-1] == pytest.approx(whole[NEW], rel=1e-12)


def test_without_earlier_samples_it_is_the_learner() -> None:
    study = study_of()
    alone = replace(study, earlier=None)
    learner = fitted(study, AGE)
    assert (learner.predict(alone, NEW) == learner.learner.predict(alone, NEW)).all()
    own = WithEarlier(KernelLearner(task_of(alone, AGE), "clades-linear"))
    own.cross_fit(alone, labelled(alone, AGE), FOLDS)
    assert own.carries == ()


def test_two_columns_of_classes_come_back(tmp_path: Path) -> None:
    study, skin = study_of(), replace(SITE, column="side", classes=("left", "right"), majority="left")
    learner = WithEarlier(KernelLearner(task_of(study, SITE, skin), "clades-linear"))
    codes = truths_of(study, TRAIN, SITE)
    truths = np.column_stack([codes, codes > 0])
    truths[::5, 0], truths[1::7, 1] = np.nan, np.nan
    found = learner.cross_fit(study, Labelled(rows=TRAIN, targets=truths, groups=GROUPS), FOLDS)
    assert len(learner.carries) == 2
    learner.carries = STEADY * 2
    learner.task = replace(learner.task, data={**learner.task.data, **earlier_data(SPEC)})
    save_predictor(tmp_path / "model", [learner], Combination())
    predicted = load_predictor(tmp_path / "model").predict(study, NEW)
    assert (predicted == learner.predict(study, NEW)).all()
    for shares in (found, predicted):
        assert shares[:, :3].sum(axis=1) == pytest.approx(1)
        assert shares[:, 3:].sum(axis=1) == pytest.approx(1)


def test_a_model_comes_back_and_says_what_it_reads(tmp_path: Path) -> None:
    study = study_of()
    learner = fitted(study, AGE, MASS)
    learner.task = replace(learner.task, data={**learner.task.data, **earlier_data(SPEC)})
    save_predictor(tmp_path / "model", [learner], Combination())
    found = load_predictor(tmp_path / "model")
    assert found.manifest.earlier == SPEC
    assert found.manifest.needed_columns == ("who", "day")
    assert [member.name for member in found.manifest.members] == ["clades-linear"]
    assert (found.predict(study, NEW) == learner.predict(study, NEW)).all()
    assert "up to 2 earlier samples of the same 'who' by 'day'" in (tmp_path / "model" / "README.md").read_text()


@pytest.mark.parametrize(
    "change", [{"of": "with_earlier"}, {"of": "no"}, {"carries": [{}]}, {"own": 1}, {"carries": 0}]
)
def test_a_damaged_model_is_refused(change: dict[str, object], tmp_path: Path) -> None:
    save_predictor(tmp_path / "model", [fitted(study_of(), AGE)], Combination())
    _, manifest, states, shared = read_model_folder(tmp_path / "model")
    member = replace(manifest.members[0], facts={**manifest.members[0].facts, **change})
    write_model_folder(tmp_path / "model", replace(manifest, members=(member,)), states, shared)
    with pytest.raises(CheckpointError):
        load_predictor(tmp_path / "model")
