from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from sklearn.metrics import log_loss

from aam.data.targets.targets import Targets
from aam.learners.blend import PULL, blend_weights, combine, cross_blend, even_weights, fit_blend
from aam.learners.folds import deal_folds
from aam.learners.members import new_member, possible_members
from aam.learners.protocol import Labelled
from aam.learners.trees import extra_trees as extra_trees_module
from aam.learners.trees import forest as forest_module
from aam.learners.trees.forest import ForestLearner, ForestSettings
from tests.learners.blend_studies import AGE, GROUPS, MASS, NEW, SITE, TRAIN, labelled, task_of, tiny_study

SIZE = 80
RNG = np.random.default_rng(0)
AGES = RNG.normal(size=SIZE)
ERRORS = np.stack([0.3 * RNG.normal(size=SIZE), 0.5 * RNG.normal(size=SIZE), RNG.normal(size=SIZE)])
NUMBERS_MBT = (AGES + ERRORS)[:, :, None]
CODES = RNG.integers(0, 3, SIZE)
WEIGHTS = RNG.uniform(0.2, 3, SIZE)
FOLDS = np.arange(SIZE) % 5
ONE, CLASSES = Targets(specs=(AGE,)), Targets(specs=(SITE,))


def shares(sharpness: float, seed: int) -> np.ndarray:
    """Shares of three classes that know the truth so well."""
    scores = np.random.default_rng(seed).normal(size=(SIZE, 3)) + sharpness * (CODES[:, None] == np.arange(3))
    found = np.exp(scores)
    return found / found.sum(axis=1, keepdims=True)


SHARES_MBC = np.stack([shares(2.0, 1), shares(1.0, 2), shares(0.0, 3)])


def numbers(weights: np.ndarray | None = None) -> Labelled:
    return Labelled(rows=np.arange(SIZE), targets=AGES[:, None], weights=weights)


def classes(weights: np.ndarray | None = None) -> Labelled:
    return Labelled(rows=np.arange(SIZE), targets=CODES[:, None].astype(float), weights=weights)


CASES = [(NUMBERS_MBT, numbers, ONE), (SHARES_MBC, classes, CLASSES)]
both = pytest.mark.parametrize(("found", "samples", "targets"), CASES, ids=["numbers", "classes"])


@both
@pytest.mark.parametrize("pull", [0.0, PULL, 10.0])
def test_weights_are_shares(found: np.ndarray, samples: Any, targets: Targets, pull: float) -> None:
    weights = blend_weights(found, samples(), targets, pull=pull)
    assert weights.shape == (3, 1)
    assert (weights >= 0).all()
    assert weights.sum() == pytest.approx(1)
    assert weights[0] > weights[2]


@both
def test_a_strong_pull_makes_weights_equal(found: np.ndarray, samples: Any, targets: Targets) -> None:
    assert blend_weights(found, samples(), targets, pull=1e6) == pytest.approx(1 / 3, abs=1e-4)
    free, pulled = (np.ptp(blend_weights(found, samples(), targets, pull=pull)) for pull in (0.0, PULL))
    assert pulled < free


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["forest", "trees-dna", "jaccard", "clr-linear"], [1 / 4] * 4),
        (["forest", "jaccard", "clr-linear", "clr-radial"], [1 / 2, *[1 / 6] * 3]),
        (["trees-phylogeny", "forest", "network"], [1 / 4, 1 / 4, 1 / 2]),
        (["jaccard", "clr-linear"], [1 / 2] * 2),
        (["forest"], [1]),
    ],
    ids=len,
)
def test_trees_together_are_pulled_to_a_half(names: list[str], expected: list[float]) -> None:
    goal = even_weights(names)
    assert goal == pytest.approx(expected)
    found = np.stack([AGES + number for number in range(len(names))])[:, :, None]
    assert blend_weights(found, numbers(), ONE, goal, pull=1e6)[:, 0] == pytest.approx(goal, abs=1e-3)


def test_the_best_member_alone_wins_without_a_pull() -> None:
    worse = np.stack([AGES, AGES + 3 * ERRORS[1] + 1])[:, :, None]
    assert blend_weights(worse, numbers(), ONE, pull=0.0)[:, 0] == pytest.approx([1, 0], abs=1e-4)
    sure = 0.98 * (CODES[:, None] == np.arange(3)) + 0.02 / 3
    assert blend_weights(np.stack([sure, shares(0.0, 4)]), classes(), CLASSES, pull=0.0)[0, 0] > 0.99


def loss_by_hand(found: np.ndarray, weight: float, sample_weights: np.ndarray | None, is_class: bool) -> float:
    """Squared error over the variance, or scikit-learn's log loss over that of the shares of classes; with the pull."""
    blended = weight * found[0] + (1 - weight) * found[1]
    pull = PULL * 2 * (weight - 0.5) ** 2
    if is_class:
        share = np.average(CODES[:, None] == np.arange(3), axis=0, weights=sample_weights)
        entropy = -(share * np.log(share)).sum()
        return log_loss(CODES, blended, sample_weight=sample_weights) / entropy + pull
    mean = np.average(AGES, weights=sample_weights)
    variance = np.average((AGES - mean) ** 2, weights=sample_weights)
    return float(np.average((blended[:, 0] - AGES) ** 2, weights=sample_weights) / variance + pull)


@both
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["equal", "weighted"])
def test_two_members_are_weighed_as_a_plain_search_does(
    found: np.ndarray, samples: Any, targets: Targets, weights: np.ndarray | None
) -> None:
    for pair in ([0, 1], [2, 0]):
        least = minimize_scalar(
            lambda weight, pair=pair: loss_by_hand(found[pair], weight, weights, targets is CLASSES),
            bounds=(0, 1),
            method="bounded",
        )
        assert blend_weights(found[pair], samples(weights), targets)[0, 0] == pytest.approx(least.x, abs=1e-3)


def test_each_number_has_weights_of_its_own() -> None:
    mass = np.where(np.arange(SIZE) % 3 == 0, np.nan, AGES)
    two = Labelled(rows=np.arange(SIZE), targets=np.column_stack([AGES, mass]))
    predicted = np.concatenate([NUMBERS_MBT, NUMBERS_MBT[::-1]], axis=2)
    found = blend_weights(predicted, two, Targets(specs=(AGE, MASS)))
    known = ~np.isnan(mass)
    alone = Labelled(rows=np.flatnonzero(known), targets=AGES[known, None])
    assert found[:, 0] == pytest.approx(blend_weights(NUMBERS_MBT, numbers(), ONE)[:, 0], abs=1e-6)
    assert found[:, 1] == pytest.approx(blend_weights(NUMBERS_MBT[::-1, known], alone, ONE)[:, 0], abs=1e-6)
    assert found[0, 0] > found[0, 1]


def test_a_constant_truth_is_no_obstacle() -> None:
    same = Labelled(rows=np.arange(SIZE), targets=np.ones((SIZE, 1)))
    right_and_wrong = np.stack([np.ones((SIZE, 1)), np.zeros((SIZE, 1))])
    expected = (1 + PULL) / (1 + 2 * PULL)  # where (1 - w)^2 + 2 PULL (w - 1/2)^2 is least
    assert blend_weights(right_and_wrong, same, ONE)[0, 0] == pytest.approx(expected, abs=1e-4)
    one_class = Labelled(rows=np.arange(SIZE), targets=np.zeros((SIZE, 1)))
    assert blend_weights(SHARES_MBC, one_class, CLASSES).sum() == pytest.approx(1)


@both
def test_a_fold_does_not_see_its_own_truths(found: np.ndarray, samples: Any, targets: Targets) -> None:
    own = FOLDS == 3
    changed = samples().targets.copy()
    changed[own] = changed[own][::-1] if targets is ONE else 2 - changed[own]
    expected = cross_blend(found, samples(), targets, FOLDS)
    other = cross_blend(found, replace(samples(), targets=changed), targets, FOLDS)
    assert (other[own] == expected[own]).all()
    assert (other[~own] != expected[~own]).any()
    rest = blend_weights(found[:, ~own], samples().take(~own), targets)
    assert expected[own] == pytest.approx(combine(found[:, own], rest))


def test_predictions_are_combined_per_target() -> None:
    predicted = RNG.normal(size=(3, 5, 2))
    weights = np.array([[0.2, 0.0], [0.3, 0.0], [0.5, 1.0]])
    found = combine(predicted, weights)
    assert found[:, 0] == pytest.approx(0.2 * predicted[0, :, 0] + 0.3 * predicted[1, :, 0] + 0.5 * predicted[2, :, 0])
    assert found[:, 1] == pytest.approx(predicted[2, :, 1])
    for_all = combine(predicted, weights[:, :1])
    assert for_all == pytest.approx(np.tensordot(weights[:, 0], predicted, 1))


@pytest.fixture
def _few_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (extra_trees_module, forest_module):
        monkeypatch.setattr(module, "NUM_TREES_OF_FOLD", 4)
    monkeypatch.setattr(extra_trees_module, "NUM_TREES", 6)


class Heard:
    """Keeps what it is told of the progress of a blend."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.finished: list[str] = []
        self.folds = 0

    def begin(self, name: str) -> None:
        self.begun.append(name)

    def next_fold(self) -> None:
        self.folds += 1

    def finish(self, name: str) -> None:
        self.finished.append(name)


@pytest.mark.usefixtures("_few_trees")
@pytest.mark.parametrize("specs", [(AGE, MASS), (SITE,)], ids=["numbers", "classes"])
def test_a_blend_is_fitted_weighed_and_predicts(specs: Any) -> None:
    study, _ = tiny_study()
    task, samples = task_of(study, *specs), labelled(study, *specs, groups=GROUPS)
    names = ["forest", "trees-dna", "jaccard", "clr-linear", "clr-radial"]
    members = [new_member(name, task, 1) for name in names]
    members[0] = ForestLearner(task, ForestSettings(n_estimators=8, n_jobs=1, seed=1))
    folds, heard = deal_folds(task.targets.kind, samples, seed=1), Heard()
    found = fit_blend(members, names, study, samples, folds, heard)
    assert heard.begun == names == list(found.names)
    assert heard.folds > len(names)
    shape = (len(TRAIN), *task.output_shape)
    assert found.out_of_fold_M.shape == (5, *shape)
    assert found.blended.shape == shape
    assert found.weights_MT.shape == (5, len(specs) if specs[0] is AGE else 1)
    goal = even_weights(names)
    assert (found.weights_MT == blend_weights(found.out_of_fold_M, samples, task.targets, goal)).all()
    assert (found.blended == cross_blend(found.out_of_fold_M, samples, task.targets, found.fold_B, goal)).all()
    for group in set(GROUPS):
        assert len(set(found.fold_B[group == GROUPS])) == 1
    expected = combine(np.stack([one.predict(study, NEW) for one in members]), found.weights_MT)
    assert (found.predict(study, NEW) == expected).all()
    assert len(found.seconds) == 5
    assert min(found.seconds) > 0


def test_a_forest_out_of_fold_has_fewer_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forest_module, "NUM_TREES_OF_FOLD", 3)
    study, _ = tiny_study()
    learner = ForestLearner(task_of(study, AGE), ForestSettings(n_estimators=7, n_jobs=1))
    samples, folds = labelled(study, AGE), np.arange(len(TRAIN)) % 4
    found = learner.cross_fit(study, samples, folds)
    assert len(learner.forests[0].trees.root) == 7
    part = learner.without_fold().fit(study, TRAIN[folds != 1], samples.targets[folds != 1])
    assert (len(part.forests[0].trees.root), learner.settings.n_estimators) == (3, 7)
    assert (found[folds == 1] == part.predict(study, TRAIN[folds == 1])).all()
    one_tree = ForestLearner(task_of(study, AGE), ForestSettings(n_estimators=1))
    assert one_tree.without_fold().settings.n_estimators == 1


@pytest.mark.usefixtures("_few_trees")
@pytest.mark.parametrize("name", ["forest", "trees-dna"])
def test_weights_of_classes_take_the_place_of_balance(name: str) -> None:
    """A forest balances the classes itself; with weights that say how much each counts it leaves that to them."""
    study, _ = tiny_study()
    weighted = replace(SITE, class_weights=(1.0, 1.0, 1.0))
    equal = np.ones(len(TRAIN))
    found = []
    for spec, weights in ((SITE, None), (SITE, equal), (weighted, None), (weighted, equal)):
        samples = labelled(study, SITE, weights=weights)
        task = task_of(study, spec)
        few = ForestSettings(n_estimators=10, n_jobs=1)
        learner = ForestLearner(task, few) if name == "forest" else new_member(name, task, 1)
        learner.fit(study, samples.rows, samples.targets, None, samples.weights)
        found.append(learner.predict(study, NEW))
    balanced, also, without, given = found
    assert (balanced == without).all()
    assert np.abs(also - given).max() > 0.01


def test_members_need_what_they_compare(tmp_path: Any) -> None:
    names = ["forest", "unifrac-phylogeny", "trees-phylogeny", "encoder-linear"]
    bare, with_tree = tiny_study()[0], tiny_study(tmp_path)[0]
    able, unable = possible_members(names, bare, has_encoder=False)
    assert able == ["forest"]
    assert [(one.name, one.reason) for one in unable] == [
        ("unifrac-phylogeny", "needs --tree"),
        ("trees-phylogeny", "needs --tree"),
        ("encoder-linear", "needs --pretrained-encoder"),
    ]
    assert possible_members(names, with_tree, has_encoder=True) == (names, [])
