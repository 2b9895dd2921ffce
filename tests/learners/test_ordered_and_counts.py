"""Learners of ordered classes and of counts: what they learn, how they are blended, and how they are stored."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.optimize import check_grad
from sklearn.metrics import mean_poisson_deviance
from sklearn.tree import DecisionTreeClassifier

from aam.data.targets.kinds import COUNTS, NUMBERS, ORDERED, TargetSpec
from aam.data.targets.targets import Targets
from aam.learners import blend, network_training
from aam.learners.blend import blend_weights
from aam.learners.kernel import KernelLearner
from aam.learners.protocol import Computing, Labelled, Learner
from aam.learners.trees.arrays import criterion_of
from aam.learners.trees.extra_trees import CladeTreesLearner
from aam.learners.trees.forest import ForestLearner, ForestSettings
from aam.learners.trees.ordered import balance, grow_ordered, is_above, shares_of_levels
from tests.learners.blend_studies import NEW, TRAIN, labelled, task_of, tiny_study

STAGE = TargetSpec(column="stage", kind=ORDERED, classes=("low", "middle", "high"), majority="middle")
VISITS = TargetSpec(column="visits", kind=COUNTS, mean=5.0, median=4.0)
CPU = Computing(device="cpu")
FOLDS = np.arange(len(TRAIN)) % 4


def counts_of(size: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).poisson(4, size=(size, 1)).astype(float)


def learners_of(study: Any, spec: TargetSpec) -> list[Learner]:
    task = task_of(study, spec)
    forest = ForestLearner(task, ForestSettings(n_estimators=8, n_jobs=1))
    trees = CladeTreesLearner(task, "dna", n_jobs=1)
    trees.num_trees = 8
    return [forest, trees, KernelLearner(task, "clr-linear"), KernelLearner(task, "clades-radial")]


def test_levels_as_cuts_and_back() -> None:
    codes = np.array([0, 2, 1, 3])
    assert is_above(codes, 4).tolist() == [[0, 0, 0], [1, 1, 0], [1, 0, 0], [1, 1, 1]]
    assert shares_of_levels(is_above(codes, 4)) == pytest.approx(np.eye(4)[codes], abs=1e-6)


def test_shares_are_probabilities_whatever_is_given() -> None:
    rng = np.random.default_rng(0)
    shares = shares_of_levels(rng.normal(0.5, 1, size=(200, 4)))
    assert shares.sum(axis=1) == pytest.approx(np.ones(200))
    assert (shares > 0).all()
    falling = np.sort(rng.random((200, 4)), axis=1)[:, ::-1]
    above = 1 - shares_of_levels(falling).cumsum(axis=1)[:, :-1]
    assert above == pytest.approx(falling, abs=1e-5)


def test_balanced_levels_weigh_the_same() -> None:
    codes = np.array([0, 0, 0, 1, 2, 2])
    weights = balance(codes, 3, None)
    assert np.bincount(codes, weights) == pytest.approx([2, 2, 2])
    assert balance(codes, 3, np.arange(6.0)) == pytest.approx(weights * np.arange(6))


def test_leaves_hold_the_shares_of_their_levels() -> None:
    """One tree, not bootstrapped, of one split: each leaf has the levels' frequencies, as a tree of classes has."""
    from sklearn.ensemble import RandomForestRegressor

    rng = np.random.default_rng(0)
    table = rng.random((90, 1)).astype(np.float32)
    codes = (table[:, 0] * 3 + rng.normal(0, 0.3, 90)).clip(0, 2.99).astype(int)
    one = RandomForestRegressor(n_estimators=1, bootstrap=False, max_depth=1, random_state=0)
    trees, places = grow_ordered(one, table, codes, 3, None)
    assert places.tolist() == [0, 1, 2]
    split = DecisionTreeClassifier(max_depth=1).fit(table, table[:, 0] > trees.threshold[0])
    side = split.apply(table)
    for leaf in np.unique(side):
        own = np.bincount(codes[side == leaf], minlength=3) / (side == leaf).sum()
        assert trees.predict(table[side == leaf])[0] == pytest.approx(own, abs=1e-6)


@pytest.mark.parametrize("spec", [STAGE, VISITS], ids=["ordered", "counts"])
def test_what_they_learn_survives_being_stored(spec: TargetSpec) -> None:
    study, _ = tiny_study()
    samples = labelled(study, spec)
    if spec is VISITS:
        samples = replace(samples, targets=counts_of(len(TRAIN)))
    for learner in learners_of(study, spec):
        found = learner.cross_fit(study, samples, FOLDS)
        assert found.shape == (len(TRAIN), 3 if spec is STAGE else 1)
        predicted = learner.predict(study, NEW)
        again = type(learner).from_arrays(learner.to_arrays(), learner.task, CPU)
        assert np.array_equal(again.predict(study, NEW), predicted)
        for shares in (found, predicted):
            assert (shares >= 0).all()
            if spec is STAGE:
                assert shares.sum(axis=1) == pytest.approx(np.ones(len(shares)))


def test_ordered_levels_are_learned() -> None:
    study, _ = tiny_study()
    samples = labelled(study, STAGE)
    for learner in learners_of(study, STAGE):
        learner.cross_fit(study, samples, FOLDS)
        expected_level = learner.predict(study, TRAIN) @ np.arange(3)
        assert np.corrcoef(expected_level, samples.targets[:, 0])[0, 1] > 0.7


def test_a_kernel_gives_the_mean_of_counts_not_of_their_roots() -> None:
    study, _ = tiny_study()
    counts = counts_of(len(TRAIN), seed=2) ** 2
    learner = KernelLearner(task_of(study, VISITS), "clr-linear")
    found = learner.cross_fit(study, Labelled(rows=TRAIN, targets=counts), FOLDS)
    roots = np.sqrt(found - learner._beyond_O)
    assert learner._beyond_O == pytest.approx(np.mean((roots - np.sqrt(counts)) ** 2, axis=0))
    assert found.mean() == pytest.approx(counts.mean(), rel=0.15)
    assert (roots**2).mean() < 0.9 * counts.mean()


def test_a_damaged_variance_is_refused() -> None:
    study, _ = tiny_study()
    learner = KernelLearner(task_of(study, VISITS), "clr-linear")
    learner.cross_fit(study, Labelled(rows=TRAIN, targets=counts_of(len(TRAIN))), FOLDS)
    stored = learner.to_arrays()
    stored.arrays["beyond"] = -stored.arrays["beyond"] - 1  # type: ignore[index]
    with pytest.raises(ValueError, match="variance of a kernel is negative"):
        KernelLearner.from_arrays(stored, learner.task, CPU)


def problems(spec: TargetSpec) -> tuple[np.ndarray, Labelled]:
    rng = np.random.default_rng(0)
    weights = rng.uniform(0.5, 2, 60)
    if spec is STAGE:
        codes = rng.integers(3, size=60)
        found = [rng.dirichlet(np.ones(3) + size * np.eye(3)[code]) for size in (6, 2, 0) for code in codes]
        return np.array(found).reshape(3, 60, 3), Labelled(
            rows=np.arange(60), targets=codes[:, None].astype(float), weights=weights
        )
    counts = rng.poisson(np.exp(rng.normal(1, 1, 60))).astype(float)
    found = [counts.mean() + size * (counts - counts.mean()) * rng.uniform(0, 1, 60) for size in (0.9, 0.5, 0.0)]
    return np.maximum(found, 0.1)[:, :, None], Labelled(rows=np.arange(60), targets=counts[:, None], weights=weights)


@pytest.mark.parametrize("spec", [STAGE, VISITS], ids=["ordered", "counts"])
def test_the_better_member_weighs_more(spec: TargetSpec) -> None:
    found, samples = problems(spec)
    weights = blend_weights(found, samples, Targets(specs=(spec,)))
    assert weights.sum() == pytest.approx(1)
    assert weights[0] > weights[2]


@pytest.mark.parametrize("spec", [STAGE, VISITS], ids=["ordered", "counts"])
def test_gradients_of_the_losses_are_right(spec: TargetSpec) -> None:
    found, samples = problems(spec)
    (loss,) = blend._problems(found, samples, Targets(specs=(spec,)))
    at = np.array([0.5, 0.3, 0.2])
    assert check_grad(lambda w: loss(w)[0], lambda w: loss(w)[1], at) < 1e-5


def test_losses_are_1_for_the_constant_prediction() -> None:
    for spec in (STAGE, VISITS):
        found, samples = problems(spec)
        truth, weights = samples.targets[:, 0], samples.weights
        assert weights is not None
        if spec is STAGE:
            constant = np.tile(np.bincount(truth.astype(int), weights) / weights.sum(), (60, 1))
        else:
            constant = np.full((60, 1), weights @ truth / weights.sum())
        (loss,) = blend._problems(constant[None], samples, Targets(specs=(spec,)))
        assert loss(np.ones(1))[0] == pytest.approx(1)
        if spec is VISITS:
            (own,) = blend._problems(found, samples, Targets(specs=(spec,)))
            said = found[0, :, 0]
            of_mean = mean_poisson_deviance(truth, constant[:, 0], sample_weight=weights)
            expected = mean_poisson_deviance(truth, said, sample_weight=weights) / of_mean
            assert own(np.array([1.0, 0, 0]))[0] == pytest.approx(expected)


def test_trees_of_counts_split_by_their_deviance() -> None:
    counts = counts_of(20)[:, 0]
    assert criterion_of(COUNTS, counts) == "poisson"
    assert criterion_of(COUNTS, np.zeros(20)) == "squared_error"
    assert criterion_of(NUMBERS, counts) == "squared_error"
    study, _ = tiny_study()
    forest = learners_of(study, VISITS)[0].fit(study, TRAIN, np.zeros((len(TRAIN), 1)))
    assert (forest.predict(study, NEW) == 0).all()


def test_a_network_is_told_levels_and_counts_as_they_are() -> None:
    study, _ = tiny_study()
    codes, level_N = np.array([[2.0], [0.0]]), np.array([2.0, 0.5])
    stages = network_training._in_units(task_of(study, STAGE, reference=False), codes, level_N)
    assert stages["stage"].tolist() == ["high", "low"]
    task = task_of(study, VISITS, reference=False)
    visits = network_training._in_units(task, np.array([[0.0], [6.0]], dtype=np.float32), level_N)
    assert visits["visits"].tolist() == [0, 3]
