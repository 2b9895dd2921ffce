from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)

from aam.learners.stored import Stored
from aam.learners.trees import arrays as module
from aam.learners.trees.arrays import Trees

RNG = np.random.default_rng(0)
FEATURES = (RNG.random((150, 9)) * (RNG.random((150, 9)) < 0.6)).astype(np.float32)
NUMBERS = 1e3 * FEATURES[:, 0] + RNG.normal(0, 1, 150)
LABELS = np.array([0, 2, 5])[np.arange(150) % 3]
ESTIMATORS = {
    "regressor": RandomForestRegressor(40, random_state=1),
    "best first": RandomForestRegressor(20, max_leaf_nodes=9, random_state=1),
    "extra trees": ExtraTreesRegressor(20, min_samples_leaf=2, random_state=1),
    "absolute": RandomForestRegressor(5, criterion="absolute_error", random_state=1),
    "single leaves": RandomForestRegressor(3, min_samples_leaf=150, random_state=1),
    "classifier": RandomForestClassifier(40, class_weight="balanced_subsample", random_state=1),
    "extra classes": ExtraTreesClassifier(20, class_weight="balanced", random_state=1),
}


def fitted(name: str) -> Any:
    estimator = ESTIMATORS[name]
    return estimator.fit(FEATURES[:100], (LABELS if "class" in name else NUMBERS)[:100])


def said_by(estimator: Any, features: np.ndarray) -> np.ndarray:
    if hasattr(estimator, "predict_proba"):
        return estimator.predict_proba(features)
    return estimator.predict(features)[:, None]


@pytest.mark.parametrize("walks", [1, 700, 1 << 21])
@pytest.mark.parametrize("name", ESTIMATORS)
def test_predictions_are_those_of_scikit_learn(name: str, walks: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WALKS_AT_ONCE", walks)
    estimator = fitted(name)
    trees = Trees.of_estimators(estimator.estimators_)
    expected = said_by(estimator, FEATURES)
    assert np.abs(trees.predict(FEATURES) / expected.max() - expected / expected.max()).max() <= 5e-15
    assert trees.predict(FEATURES[:0]).shape == (0, expected.shape[1])


def test_a_value_at_a_threshold_goes_the_same_way() -> None:
    """Thresholds lie between two float32 values; those next to them on both sides are tried."""
    estimator = fitted("regressor")
    trees = Trees.of_estimators(estimator.estimators_)
    near = trees.threshold[:200].astype(np.float32)
    tried = np.concatenate([near, np.nextafter(near, np.float32(-9)), np.nextafter(near, np.float32(9))])
    rows = np.tile(FEATURES[:1], (len(tried), 1))
    rows[np.arange(len(tried)), np.tile(trees.feature[:200], 3)] = tried
    assert trees.predict(rows)[:, 0] == pytest.approx(estimator.predict(rows), rel=5e-15)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_trees_come_back_from_their_arrays(name: str) -> None:
    trees = Trees.of_estimators(fitted(name).estimators_)
    again = Trees.from_arrays(trees.to_arrays(), FEATURES.shape[1], trees.value.shape[1])
    assert (again.predict(FEATURES) == trees.predict(FEATURES)).all()


def ints(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int32)


SOUND = {
    "root": ints(0, 2, ~4),
    "feature": ints(0, 3, 1),
    "threshold": np.array([0.5, 0.25, 2.0]),
    "left": ints(1, ~0, ~2),
    "right": ints(~1, ~1, ~3),
    "value": np.array([[1.0], [2.0], [3.0], [4.0], [5.0]]),
}
"""Two trees of splits, and one that is a leaf."""


def test_two_trees_and_a_leaf() -> None:
    trees = Trees.from_arrays(Stored(SOUND, {}), 4, 1)
    samples = np.array([[0.5, 2, 0, 0.25], [0.5, 2.5, 0, 0.3], [0.6, 0, 0, 0]], dtype=np.float32)
    assert (trees.predict(samples)[:, 0] * 3).round(9).tolist() == [1 + 3 + 5, 2 + 4 + 5, 2 + 3 + 5]


@pytest.mark.parametrize(
    ("name", "values", "problem"),
    [
        ("root", ints(), "no trees"),
        ("value", np.empty((0, 1)), "no trees"),
        ("root", ints(0, 3), "leads nowhere"),
        ("root", ints(0, -6), "leads nowhere"),
        ("left", ints(3, ~0, ~2), "leads nowhere"),
        ("left", ints(1, -7, ~2), "leads nowhere"),
        ("left", ints(0, ~0, ~2), "leads back"),
        ("right", ints(~1, 0, ~3), "leads back"),
        ("right", ints(~1, ~1, 2), "leads back"),
        ("right", ints(~1, ~1), "cannot be"),
        ("left", SOUND["left"].astype(np.int64), "cannot be int64"),
        ("feature", ints(0, 4, 1), "no feature"),
        ("feature", ints(0, -1, 1), "no feature"),
        ("threshold", np.array([0.5, np.nan, 2.0]), "not finite"),
        ("threshold", SOUND["threshold"].astype(np.float32), "cannot be float32"),
        ("value", np.array([[1.0], [2.0], [3.0], [np.inf], [5.0]]), "not finite"),
        ("value", np.full((5, 1), 1e308), "too large"),
        ("value", np.ones((5, 2)), "cannot be"),
        ("threshold", None, "lacking"),
    ],
)
def test_arrays_that_are_no_trees_are_refused(name: str, values: np.ndarray | None, problem: str) -> None:
    arrays = {n: a for n, a in {**SOUND, name: values}.items() if a is not None}
    with pytest.raises(ValueError, match=problem):
        Trees.from_arrays(Stored(arrays, {}), 4, 1)
