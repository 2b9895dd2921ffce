from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array

from aam.data.targets.kinds import CLASSES, NUMBERS, TargetSpec
from aam.errors import ConfigError
from aam.evaluation.metrics import compare, score
from aam.learners import forest as baselines
from aam.learners.forest import fit_forest

SIZE, TRAIN = 120, slice(0, 80)


def signal() -> tuple[np.ndarray, np.ndarray]:
    """Features of which two tell the target."""
    rng = np.random.default_rng(0)
    features = rng.random((SIZE, 12)) * (rng.random((SIZE, 12)) < 0.7)
    return features, 10 * features[:, 0] + 5 * features[:, 1] + rng.normal(0, 0.5, SIZE)


def ids(values: np.ndarray) -> np.ndarray:
    return np.array([f"s{i}" for i in range(len(values))], dtype=object)


def test_a_forest_beats_the_mean_on_a_signal() -> None:
    features, values = signal()
    forest = fit_forest(features[TRAIN], values[TRAIN], kind=NUMBERS, n_estimators=60, n_jobs=1)
    found = forest.predict(features[80:], ids(values[80:]), values[80:])
    target = TargetSpec(column="x", kind=NUMBERS, mean=float(values[TRAIN].mean()))
    guess = NUMBERS.constant(target, found)
    assert set(guess.predicted) == {target.mean}
    assert score(found)["r2"] > 0.5
    assert compare(found, guess)["mae"].high < 0


def test_a_forest_names_classes_and_gives_those_it_never_saw_no_chance() -> None:
    features, values = signal()
    classes = ("high", "low", "unseen")
    labels = np.array(["high" if value > 5 else "low" for value in values], dtype=object)
    forest = fit_forest(features[TRAIN], labels[TRAIN], kind=CLASSES, classes=classes, n_estimators=60, n_jobs=1)
    found = forest.predict(features[80:], ids(labels[80:]), labels[80:])
    assert found.probabilities is not None
    assert found.probabilities.sum(axis=1) == pytest.approx(1)
    assert not found.probabilities[:, 2].any()
    assert score(found)["balanced_accuracy"] > 0.8
    guess = CLASSES.constant(TargetSpec(column="x", kind=CLASSES, classes=classes, majority="low"), found)
    assert score(guess)["balanced_accuracy"] == 0.5
    assert score(guess)["auroc"] == 0.5


def test_sparse_features_give_the_same_predictions(monkeypatch: pytest.MonkeyPatch) -> None:
    features, values = signal()
    dense = predict(features, values)
    assert predict(csr_array(features), values) == pytest.approx(dense)
    monkeypatch.setattr(baselines, "MOST_DENSE", 0)
    kept_sparse = predict(csr_array(features), values)
    assert np.corrcoef(kept_sparse, dense)[0, 1] > 0.99  # ties between features may fall differently


def predict(features: np.ndarray | csr_array, values: np.ndarray) -> np.ndarray:
    forest = fit_forest(features[:80], values[TRAIN], kind=NUMBERS, n_estimators=10, n_jobs=1)
    return forest.predict(features[80:], ids(values[80:]), values[80:]).predicted


def test_the_forest_depends_on_the_seed_and_not_on_the_cores() -> None:
    features, values = signal()
    one, two, other = (
        fit_forest(features, values, kind=NUMBERS, n_estimators=5, seed=seed, n_jobs=jobs).model.predict(features)
        for seed, jobs in ((1, 1), (1, 2), (2, 1))
    )
    assert one == pytest.approx(two)
    assert (one != other).any()


@pytest.mark.parametrize(
    ("columns", "classes", "given", "expected"),
    [
        (2999, (), None, 0.33),
        (3000, (), None, 0.1),
        (5, ("a", "b"), None, "sqrt"),
        (5, (), "log2", "log2"),
        (5, (), 1, 1.0),
    ],
)
def test_defaults_depend_on_features_and_target(
    columns: int, classes: tuple[str, ...], given: float | None, expected: float | str
) -> None:
    features = np.random.default_rng(0).random((6, columns))
    values = np.array(["a", "b"] * 3, dtype=object) if classes else np.arange(6.0)
    model = fit_forest(
        features,
        values,
        kind=CLASSES if classes else NUMBERS,
        classes=classes,
        max_features=given,
        n_estimators=2,
        n_jobs=1,
    ).model
    assert model.max_features == expected
    assert getattr(model, "class_weight", None) == ("balanced_subsample" if classes else None)


@pytest.mark.parametrize("share", [0, 1.5, 40])
def test_a_share_of_features_is_a_share(share: float) -> None:
    with pytest.raises(ConfigError, match="--max-features must be a share above 0 and at most 1, sqrt or log2"):
        fit_forest(np.ones((2, 2)), np.arange(2.0), kind=NUMBERS, max_features=share)
