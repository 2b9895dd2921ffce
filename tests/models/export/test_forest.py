"""A forest as operations of a graph, against scikit-learn's own predictions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from aam.alphabet import PAD
from aam.learners.trees.arrays import Trees
from aam.models.export.forest import ForestArrays, ForestModule, shares
from tests.models.model_cases import tokens

KNOWN, COVARIATES = 20, 2


def module_of(estimator: RandomForestRegressor | RandomForestClassifier, known_AL: np.ndarray) -> ForestModule:
    trees = Trees.of_estimators(estimator.estimators_)
    names = ("root", "feature", "threshold", "left", "right", "value")
    return ForestModule(ForestArrays(tokens=known_AL, **{name: getattr(trees, name) for name in names}))


def samples(number: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Reads of the known ASVs and of four others, and covariates."""
    rng = np.random.default_rng(seed)
    reads_BA = rng.integers(0, 30, (number, KNOWN + 4)) * (rng.random((number, KNOWN + 4)) < 0.5)
    reads_BA[:, -1] += 1
    return reads_BA, rng.normal(size=(number, COVARIATES)).astype(np.float32), rng.normal(size=number)


def features(reads_BA: np.ndarray, covariate_BF: np.ndarray) -> np.ndarray:
    share = reads_BA[:, :KNOWN] / reads_BA.sum(axis=1, keepdims=True)
    return np.concatenate([share, covariate_BF], axis=1).astype(np.float32)


@pytest.mark.parametrize("is_class", [False, True], ids=["number", "classes"])
def test_it_predicts_what_scikit_learn_predicts(is_class: bool) -> None:
    all_AL = tokens(KNOWN + 4)
    reads_BA, covariate_BF, target_B = samples(80)
    table = features(reads_BA, covariate_BF)
    kind = RandomForestClassifier if is_class else RandomForestRegressor
    estimator = kind(20, random_state=0).fit(table, target_B > 0 if is_class else target_B)
    module = module_of(estimator, all_AL[:KNOWN])
    reads_BA, covariate_BF, _ = samples(30, seed=1)
    table = features(reads_BA, covariate_BF)
    wanted = estimator.predict_proba(table) if is_class else estimator.predict(table)[:, None]
    order = np.random.default_rng(2).permutation(KNOWN + 4)
    tokens_UL = torch.from_numpy(all_AL[order]).long()
    index_BS = torch.arange(KNOWN + 4).expand(30, -1)
    share_BU = shares(index_BS, torch.from_numpy(reads_BA[:, order]).double(), tokens_UL)
    found = module(tokens_UL, share_BU, torch.from_numpy(covariate_BF))
    assert found.numpy() == pytest.approx(wanted, abs=1e-12)


def test_a_sequence_that_begins_like_a_known_one_is_another() -> None:
    reads_BA, covariate_BF, target_B = samples(40)
    known_AL = tokens(KNOWN)
    estimator = RandomForestRegressor(5, random_state=0).fit(features(reads_BA, covariate_BF), target_B)
    module = module_of(estimator, known_AL)
    longer = np.pad(known_AL, ((0, 0), (0, 3)))
    ends = (known_AL != PAD).sum(axis=1)
    longer[np.arange(KNOWN), ends] = 2
    none = torch.zeros(1, COVARIATES)
    for codes, is_known in ((known_AL, True), (np.pad(known_AL, ((0, 0), (0, 9))), True), (longer, False)):
        share_BU = torch.full((1, KNOWN), 1 / KNOWN, dtype=torch.float64)
        found = module(torch.from_numpy(codes).long(), share_BU, none)
        table = np.full((1, KNOWN), 1 / KNOWN if is_known else 0.0)
        wanted = estimator.predict(np.concatenate([table, none.numpy()], axis=1).astype(np.float32))
        assert found[0, 0].item() == pytest.approx(wanted[0])


def test_a_tree_that_is_a_leaf() -> None:
    table = np.zeros((10, KNOWN + COVARIATES), dtype=np.float32)
    estimator = RandomForestRegressor(3, random_state=0, bootstrap=False).fit(table, np.arange(10.0))
    module = module_of(estimator, tokens(KNOWN))
    assert module.steps == 0
    tokens_UL = torch.from_numpy(tokens(KNOWN)).long()
    found = module(tokens_UL, torch.ones(2, KNOWN).double() / KNOWN, torch.zeros(2, COVARIATES))
    assert found.numpy() == pytest.approx(np.full((2, 1), 4.5))


def test_two_equal_sequences_have_one_key() -> None:
    table = np.zeros((10, KNOWN + COVARIATES), dtype=np.float32)
    estimator = RandomForestRegressor(1).fit(table, np.arange(10.0))
    twice = tokens(KNOWN)
    twice[1] = twice[0]
    with pytest.raises(ValueError, match="two sequences have one key"):
        module_of(estimator, twice)
