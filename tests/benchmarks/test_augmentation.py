from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import r2_score

from aam.data.targets.fitting import fit_target
from aam.data.targets.kinds import CLASSES, NUMBERS, TargetRules
from aam.data.targets.targets import Targets
from aam.learners.protocol import Labelled
from benchmarks.augmentation.arms import ARMS, BASE, config_of
from benchmarks.augmentation.learners import with_mixtures
from benchmarks.augmentation.table import TaskResult, fold_score, interval, page, signed
from benchmarks.network.tasks import Part
from tests.data.study_files import make_study, random_counts

COUNTS = random_counts(20, 40)
COUNTS[:14, 39] = 0  # of held-out samples alone
TRAIN, TEST = np.arange(14), np.arange(14, 20)


def part(classes: bool) -> Part:
    values: Any = np.array(["a", "b"] * 10, dtype=object) if classes else np.linspace(0, 1, 20)
    study = make_study(COUNTS, targets={"x": values})
    rules = TargetRules(columns=("x",), kind=CLASSES if classes else NUMBERS, transform="none")
    targets = Targets(specs=(fit_target(rules, values, TRAIN, "m.tsv"),))
    learned = targets.encode({"x": values})
    train = Labelled(rows=TRAIN, targets=learned[TRAIN], groups=np.arange(14) // 2)
    return Part(
        name="x", study=study, kind=rules.kind, targets=targets, train=train, test=TEST, truth=learned[TEST, 0],
        units=TEST,
    )  # fmt: skip


@pytest.mark.parametrize("augment", ["mixup=1", "phylomix=1", "cutmix=1"])
@pytest.mark.parametrize("classes", [False, True])
def test_each_training_sample_has_a_mixture(augment: str, classes: bool) -> None:
    one = part(classes)
    study, learned = with_mixtures(one, augment)
    counts = study.table.counts.toarray()
    order = np.argsort(one.study.table.sequences.astype(str))
    assert order.tolist() == list(range(40))
    assert learned.rows.tolist() == [*range(14), *range(20, 34)]
    assert (counts[20:].sum(axis=1) == counts[:14].sum(axis=1)).all()
    held_out = np.flatnonzero((counts[:14] == 0).all(axis=0))
    assert len(held_out)
    assert (counts[20:, held_out] == 0).all()
    assert learned.groups is not None
    assert learned.groups[14:].tolist() == learned.groups[:14].tolist()
    if classes:
        assert learned.targets[14:].tolist() == learned.targets[:14].tolist()
    else:
        assert not np.allclose(learned.targets[14:], learned.targets[:14])
        assert learned.targets[:14].min() < learned.targets[14:].min()
        assert learned.targets[14:].max() < learned.targets[:14].max()


def test_differences_by_hand() -> None:
    scores = {BASE: {0: 0.5, 1: 0.6}, "mixup": {0: 0.6, 1: 0.62}, "drop": {1: 0.5}}
    result = TaskResult("t", 10, 5, scores, {BASE: 3.0}, {"mixup": (0.01, 0.11)})
    assert result.differences("mixup") == pytest.approx([0.1, 0.02])
    assert result.differences("drop") == pytest.approx([-0.1])
    assert signed(np.array([0.1, 0.02])) == "+0.060 ± 0.040"
    text = "\n".join(page([result], {"date": "now"}))
    assert "| +0.060 (+0.010 to +0.110) [2] | +0.060 |" in text
    assert "| `none` | 0.550 [2] | |" in text


def test_scores_of_folds_have_the_pooled_r2_as_mean() -> None:
    truth, predicted = np.array([1.0, 2.0, 4.0, 8.0]), np.array([1.5, 2.0, 3.0, 6.0])
    halves = [dataclasses.replace(part(classes=False), truth=truth[some]) for some in (slice(2), slice(2, 4))]
    spread = float(truth.var())
    folds = [
        fold_score(one, predicted[some], spread) for one, some in zip(halves, (slice(2), slice(2, 4)), strict=True)
    ]
    assert np.mean(folds) == pytest.approx(r2_score(truth, predicted))


def test_intervals_draw_groups() -> None:
    one = dataclasses.replace(part(classes=False), truth=np.zeros(6), units=np.array(["a", "a", "b", "b", "c", "c"]))
    worse = np.array([1.0, 1.0, 2.0, 2.0, 3.0, 3.0])
    low, high = interval([one], {0: np.zeros((6, 1))}, {0: np.sqrt(worse)[:, None]}, 1.0)
    assert (low, high) == pytest.approx((-3, -1)), "one draw in 27 is of one group alone; of samples none would be"
    same = interval([one], {0: worse[:, None]}, {0: worse[:, None]}, 1.0)
    assert same == (0.0, 0.0)


def test_draws_without_a_class_are_left_out() -> None:
    one = dataclasses.replace(part(classes=True), truth=np.array([0, 0, 0, 1, 1, 1]), units=np.array(list("aaabbb")))
    flat, sure = np.full((6, 2), 0.5), np.eye(2)[[0, 0, 0, 1, 1, 1]]
    assert interval([one], {0: flat}, {0: sure}, 1.0) == (0.5, 0.5), "AUROC 1 beside 0.5 wherever both classes are"


def test_every_arm_is_a_configuration() -> None:
    assert {name: config_of(arm).augmentation.augment for name, arm in ARMS.items()} == {
        name: arm.augment for name, arm in ARMS.items()
    }
