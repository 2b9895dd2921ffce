from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array, hstack
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from aam.config import CovariateOptions
from aam.data.study.covariates import CovariateSpec, features
from aam.data.study.split import Split
from aam.data.study.study import Study
from aam.data.targets.kinds import CLASSES, NUMBERS, TargetSpec
from aam.data.targets.targets import Targets
from aam.errors import ConfigError
from aam.evaluation.metrics import compare, score
from aam.learners.features import fit_features
from aam.learners.held_out import held_out_predictions
from aam.learners.protocol import Computing
from aam.learners.stored import Stored
from aam.learners.trees import forest as module
from aam.learners.trees.forest import ForestLearner, ForestSettings, fit_forest, new_forest
from tests.data.study_files import make_study

SIZE, TRAIN, HELD_OUT = 120, np.arange(80), np.arange(80, 120)
SPLIT = Split(TRAIN, HELD_OUT, np.empty(0, dtype=np.int64))
FEW = ForestSettings(n_estimators=30, n_jobs=1)
NUMBER = TargetSpec(column="age", kind=NUMBERS, transform="zscore", shift=3.0, scale=2.0)
OTHER = replace(NUMBER, column="mass")
CLASS = TargetSpec(column="site", kind=CLASSES, classes=("high", "low", "unseen"), majority="low")


def signal(**columns: Any) -> Study:
    """Two of twelve ASVs tell the age; the mass, which some do not have, and the site go with it."""
    rng = np.random.default_rng(0)
    counts = rng.poisson(60, (SIZE, 12)) * (rng.random((SIZE, 12)) < 0.7) + 1
    shares = counts / counts.sum(axis=1, keepdims=True)
    age = 10 * shares[:, 0] + 5 * shares[:, 1] + rng.normal(0, 0.05, SIZE)
    site = np.where(age > np.median(age), "high", "low").astype(object)
    mass = np.where(np.arange(SIZE) % 5 == 0, np.nan, -age)
    return make_study(counts, columns=columns, targets={"age": age, "mass": mass, "site": site})


def fitted(study: Study, *specs: TargetSpec, **options: Any) -> ForestLearner:
    return fit_forest(study, TRAIN, Targets(specs=specs), settings=replace(FEW, **options))


def test_a_forest_beats_the_mean_on_a_signal() -> None:
    study = signal()
    (found,) = held_out_predictions(fitted(study, NUMBER), study, SPLIT)["validation"]
    target = replace(NUMBER, mean=float(study.targets["age"][TRAIN].mean()))
    guess = NUMBERS.constant(target, found)
    assert set(guess.predicted) == {target.mean}
    assert score(found)["r2"] > 0.5
    assert compare(found, guess)["mae"].high < 0


def test_a_forest_gives_unseen_classes_probability_0() -> None:
    study = signal()
    (found,) = held_out_predictions(fitted(study, CLASS), study, SPLIT)["validation"]
    assert found.probabilities is not None
    assert found.probabilities.sum(axis=1) == pytest.approx(1)
    assert not found.probabilities[:, 2].any()
    assert score(found)["balanced_accuracy"] > 0.8
    guess = CLASSES.constant(CLASS, found)
    assert score(guess)["balanced_accuracy"] == 0.5
    assert score(guess)["auroc"] == 0.5


def test_it_is_scikit_learns_forest_on_the_features() -> None:
    """Each number has its own forest of the samples that have it, on the values as they stand in the sheet."""
    study = signal()
    learner = fitted(study, NUMBER, OTHER)
    for place, column in enumerate(("age", "mass")):
        known = TRAIN[~np.isnan(study.targets[column][TRAIN])]
        table = fit_features(study, "asv", known)
        direct = RandomForestRegressor(30, max_features=0.33, random_state=42)
        direct.fit(table.transform(study, known).toarray(), study.targets[column][known])
        expected = direct.predict(table.transform(study, HELD_OUT).toarray())
        assert learner.predict(study, HELD_OUT)[:, place] == pytest.approx(expected, rel=1e-14)


def test_classes_are_weighted_and_read_what_is_known_besides() -> None:
    study = signal(season=["wet", "dry", "wet", ""] * 30)
    assert study.metadata is not None
    spec = CovariateSpec.fit(CovariateOptions(categorical_columns=("season",)), study.metadata, TRAIN)
    learner = fit_forest(study, TRAIN, Targets(specs=(CLASS,)), spec, FEW)
    besides = features(spec, *spec.encode(study.metadata))
    table = fit_features(study, "asv", TRAIN).transform(study, np.arange(SIZE))
    both = hstack([table, csr_array(besides)]).toarray().astype(np.float32)
    direct = RandomForestClassifier(30, max_features="sqrt", class_weight="balanced_subsample", random_state=42)
    direct.fit(both[TRAIN], study.targets["site"][TRAIN].astype(str))
    assert learner.predict(study, HELD_OUT)[:, :2] == pytest.approx(direct.predict_proba(both[HELD_OUT]), abs=1e-14)


def test_rows_are_predicted_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    study = signal()
    learner = fitted(study, NUMBER)
    expected = learner.predict(study, HELD_OUT)
    monkeypatch.setattr(module, "DENSE_PER_BLOCK", 12 * 7)
    assert (learner.predict(study, HELD_OUT) == expected).all()
    assert (learner.predict(study, HELD_OUT[::-1]) == expected[::-1]).all()
    assert learner.predict(study, HELD_OUT[:0]).shape == (0, 1)


def test_sparse_features_give_the_same_predictions(monkeypatch: pytest.MonkeyPatch) -> None:
    study = signal()
    dense = fitted(study, NUMBER).predict(study, HELD_OUT)[:, 0]
    monkeypatch.setattr(module, "MAX_DENSE", 0)
    kept_sparse = fitted(study, NUMBER).predict(study, HELD_OUT)[:, 0]
    assert np.corrcoef(kept_sparse, dense)[0, 1] > 0.99  # ties between features may fall differently


def test_the_forest_depends_on_the_seed_and_not_on_the_cores() -> None:
    study = signal()
    one, two, other = (
        fitted(study, NUMBER, seed=seed, n_jobs=jobs).predict(study, HELD_OUT)
        for seed, jobs in ((1, 1), (1, 2), (2, 1))
    )
    assert (one == two).all()
    assert (one != other).any()


@pytest.mark.parametrize(
    ("columns", "is_class", "given", "expected"),
    [
        (2999, False, None, 0.33),
        (3000, False, None, 0.1),
        (5, True, None, "sqrt"),
        (5, False, "log2", "log2"),
        (5, False, 1, 1.0),
    ],
)
def test_defaults_depend_on_features_and_target(
    columns: int, is_class: bool, given: Any, expected: float | str
) -> None:
    model = new_forest(ForestSettings(max_features=given), columns, is_class)
    assert model.max_features == expected
    assert getattr(model, "class_weight", None) == ("balanced_subsample" if is_class else None)


@pytest.mark.parametrize("share", [0, 1.5, 40])
def test_a_share_of_features_is_a_share(share: float) -> None:
    with pytest.raises(ConfigError, match="--max-features must be a share above 0 and at most 1, sqrt or log2"):
        ForestSettings(max_features=share)


@pytest.mark.parametrize("kind", ["asv", "clr", "clades"])
@pytest.mark.parametrize("specs", [(NUMBER, OTHER), (CLASS,)], ids=["numbers", "classes"])
def test_a_forest_comes_back_from_its_arrays(kind: Any, specs: tuple[TargetSpec, ...]) -> None:
    study = signal()
    learner = fitted(study, *specs, features=kind)
    again = ForestLearner.from_arrays(learner.to_arrays(), learner.task, Computing())
    assert (again.predict(study, HELD_OUT) == learner.predict(study, HELD_OUT)).all()
    assert again.to_arrays().facts == {"features": kind}


CODES = np.array([0, 1], dtype=np.int32)


@pytest.mark.parametrize(
    ("name", "values", "problem"),
    [
        ("0.codes", CODES[:0], "classes of trees"),
        ("0.codes", CODES[::-1].copy(), "classes of trees"),
        ("0.codes", CODES + 2, "classes of trees"),
        ("0.codes", CODES[:1], "cannot be"),
        ("0.trees.value", np.ones((1, 2)), "leads nowhere"),
        ("0.trees.root", CODES[:0], "no trees"),
        ("0.features.tokens", np.zeros((2, 4), dtype=np.uint8), "duplicate sequence"),
        ("0.features.tokens", np.ones((1, 4), dtype=np.uint8), "no feature"),
    ],
)
def test_arrays_that_are_no_forest_are_refused(name: str, values: np.ndarray, problem: str) -> None:
    learner = fitted(signal(), CLASS)
    stored = learner.to_arrays()
    with pytest.raises(ValueError, match=problem):
        ForestLearner.from_arrays(Stored({**stored.arrays, name: values}, stored.facts), learner.task, Computing())


def test_shares_that_are_no_probabilities_are_refused() -> None:
    learner = fitted(signal(), CLASS)
    stored = learner.to_arrays()
    for change in (2.0, -1.0):
        arrays = {**stored.arrays, "0.trees.value": change * stored.arrays["0.trees.value"]}
        with pytest.raises(ValueError, match="do not sum to 1"):
            ForestLearner.from_arrays(Stored(arrays, stored.facts), learner.task, Computing())
