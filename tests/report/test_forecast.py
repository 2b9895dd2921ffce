"""Predictions in the user's units, and intervals that are made where the model learned."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from aam.data.targets import Targets, TargetSpec
from aam.report.forecast import Forecast, Samples, values_of

AGE = TargetSpec(column="age", kind="regression", transform="zscore", shift=40.0, scale=10.0, mean=40.0)
MASS = TargetSpec(column="mass", kind="regression", transform="log-zscore", shift=2.0, scale=0.5)
SITE = TargetSpec(column="site", kind="classification", classes=("gut", "oral", "skin"))
TWO = Targets(specs=(AGE, MASS))
SIZE = 39


def samples(observed: dict[str, np.ndarray], groups: np.ndarray | None = None, levels: object = None) -> Samples:
    size = len(next(iter(observed.values())))
    level_B = np.zeros(size, dtype=np.int64) if levels is None else np.asarray(levels)
    ids = np.array([f"s{row}" for row in range(size)], dtype=object)
    return Samples(sample_ids=ids, observed=observed, level_B=level_B, groups=groups)


def case(seed: int = 0, targets: Targets = TWO) -> tuple[np.ndarray, Samples]:
    """Predictions where the model learns them, and truths about them in the user's units."""
    rng = np.random.default_rng(seed)
    learned_BT = rng.normal(size=(SIZE, len(targets)))
    truth_BT = targets.decode(learned_BT + 0.3 * rng.normal(size=learned_BT.shape))
    return learned_BT, samples({column: truth_BT[:, place] for place, column in enumerate(targets.columns)})


def test_each_target_is_told_in_its_own_units() -> None:
    learned_BT, whose = case()
    age, mass = Forecast(targets=TWO).predictions(learned_BT[None], whose)
    assert age.predicted == pytest.approx(40 + 10 * learned_BT[:, 0])
    assert mass.predicted == pytest.approx(np.expm1(2 + 0.5 * learned_BT[:, 1]))
    assert (age.observed == whose.observed["age"]).all()
    assert age.low is age.high is age.deviation is age.sets is None


@pytest.mark.parametrize("level", [0.5, 0.8, 0.9])
def test_intervals_reach_as_far_as_the_conformal_quantile_of_the_errors(level: float) -> None:
    learned_BT, whose = case()
    forecast = Forecast(targets=TWO, level=level)
    calibrations = forecast.calibrate(learned_BT, whose)
    found = dataclasses.replace(forecast, calibrations=calibrations).predictions(learned_BT[None], whose)
    encoded_BT = TWO.encode(whose.observed)
    place = math.ceil((SIZE + 1) * level) - 1
    for table, spec, said_B, truth_B in zip(found, TWO.specs, learned_BT.T, encoded_BT.T, strict=True):
        reach = np.sort(np.abs(said_B - truth_B))[place]
        assert table.low == pytest.approx(spec.decode(said_B - reach), rel=1e-5)
        assert table.high == pytest.approx(spec.decode(said_B + reach), rel=1e-5)
    age, mass = found
    assert np.ptp(age.high - age.low) == pytest.approx(0, abs=1e-9)  # type: ignore[operator]
    width = mass.high - mass.low  # type: ignore[operator]
    assert np.corrcoef(np.argsort(np.argsort(width)), np.argsort(np.argsort(mass.predicted)))[0, 1] > 0.999


def test_new_truths_lie_within_intervals_as_often_as_promised() -> None:
    forecast = Forecast(targets=TWO, level=0.8)
    held = []
    for seed in range(60):
        calibrated = dataclasses.replace(forecast, calibrations=forecast.calibrate(*case(seed)))
        learned_BT, whose = case(seed + 1000)
        for table in calibrated.predictions(learned_BT[None], whose):
            assert table.low is not None
            assert table.high is not None
            held.append(((table.low <= table.observed) & (table.observed <= table.high)).mean())
    assert np.mean(held) == pytest.approx(0.8, abs=0.02)


def test_missing_truths_are_passed_over() -> None:
    learned_BT, whose = case()
    some = {column: values.copy() for column, values in whose.observed.items()}
    some["mass"][::2] = np.nan
    found = Forecast(targets=TWO).calibrate(learned_BT, samples(some))
    assert [calibration.num_samples for calibration in found] == [SIZE, SIZE // 2]
    kept = {column: values[1::2] for column, values in whose.observed.items()}
    assert found[1] == Forecast(targets=TWO).calibrate(learned_BT[1::2], samples(kept))[1]
    some["mass"][:] = np.nan
    assert Forecast(targets=TWO).calibrate(learned_BT, samples(some)) == ()


def test_groups_go_with_the_truths_that_are_known() -> None:
    learned_BT, whose = case()
    groups = np.array([f"m{row // 3}" for row in range(SIZE)], dtype=object)
    some = {column: values.copy() for column, values in whose.observed.items()}
    some["age"][:6] = np.nan
    age, mass = Forecast(targets=TWO).calibrate(learned_BT, samples(some, groups))
    assert (age.num_groups, mass.num_groups) == (11, 13)


def test_several_draws_are_averaged_and_their_spread_is_in_the_users_units() -> None:
    learned_BT, whose = case()
    draws_PBT = learned_BT + np.array([-1.0, 0.0, 1.0])[:, None, None]
    age, mass = Forecast(targets=TWO).predictions(draws_PBT, whose)
    assert age.predicted == pytest.approx(40 + 10 * learned_BT[:, 0])
    assert age.deviation == pytest.approx(np.full(SIZE, 10 * math.sqrt(2 / 3)))
    of_draws = np.expm1(2 + 0.5 * draws_PBT[:, :, 1])
    assert mass.deviation == pytest.approx(of_draws.std(axis=0))


QUANTILES = (0.1, 0.5, 0.9)


def quantile_case() -> tuple[np.ndarray, Samples]:
    learned_BT, whose = case()
    return learned_BT[..., None] + np.array([-0.5, 0.0, 0.6]), whose


def test_quantiles_are_told_in_the_users_units_and_move_the_ends_of_intervals() -> None:
    learned_BTQ, whose = quantile_case()
    forecast = Forecast(targets=TWO, quantiles=QUANTILES, level=0.8)
    forecast = dataclasses.replace(forecast, calibrations=forecast.calibrate(learned_BTQ, whose))
    _, mass = forecast.predictions(learned_BTQ[None], whose)
    assert list(mass.quantiles) == list(QUANTILES)
    for place, level in enumerate(QUANTILES):
        assert mass.quantiles[level] == pytest.approx(MASS.decode(learned_BTQ[:, 1, place]))
    assert (mass.predicted == mass.quantiles[0.5]).all()
    truth_B = MASS.encode(whose.observed["mass"]).astype(float)
    low_B, high_B = learned_BTQ[:, 1, 0], learned_BTQ[:, 1, 2]
    reach = np.sort(np.maximum(low_B - truth_B, truth_B - high_B))[math.ceil((SIZE + 1) * 0.8) - 1]
    assert mass.low == pytest.approx(MASS.decode(low_B - reach), rel=1e-5)
    assert mass.high == pytest.approx(MASS.decode(high_B + reach), rel=1e-5)


def test_numbers_and_their_intervals_follow_the_level_of_each_sample() -> None:
    spec = dataclasses.replace(AGE, level_shift=(40.0, 0.0, 1000.0), level_scale=(10.0, 1.0, 100.0))
    targets = Targets(specs=(spec,), normalize_by=("site",), levels=("a", "b"))
    levels = np.arange(SIZE) % 3
    learned_B1 = np.zeros((SIZE, 1))
    truth_B = np.array([40.0, 0.0, 1000.0])[levels] + np.array([10.0, 1.0, 100.0])[levels] * np.linspace(0, 1, SIZE)
    whose = samples({"age": truth_B}, levels=levels)
    forecast = Forecast(targets=targets)
    forecast = dataclasses.replace(forecast, calibrations=forecast.calibrate(learned_B1, whose))
    (found,) = forecast.predictions(learned_B1[None], whose)
    assert found.predicted[:3].tolist() == [40, 0, 1000]
    assert found.high is not None
    reach = (found.high - found.predicted)[:3]
    assert reach / [10, 1, 100] == pytest.approx(np.full(3, np.linspace(0, 1, SIZE)[35]), rel=1e-5)


def test_classes_have_sets_and_the_spread_of_the_best_ones_probability() -> None:
    rng = np.random.default_rng(0)
    learned_BC = rng.dirichlet(np.ones(3), SIZE)
    labels = np.array(SITE.classes, dtype=object)[[rng.choice(3, p=row) for row in learned_BC]]
    whose = samples({"site": labels})
    forecast = Forecast(targets=Targets(specs=(SITE,)), level=0.9)
    forecast = dataclasses.replace(forecast, calibrations=forecast.calibrate(learned_BC, whose))
    draws_PBC = np.stack([0.9 * learned_BC + 0.1 * np.eye(3)[k] for k in (0, 1)])
    (found,) = forecast.predictions(draws_PBC, whose)
    mean_BC = draws_PBC.mean(axis=0)
    assert found.classes == SITE.classes
    assert found.probabilities == pytest.approx(mean_BC)
    best_B = mean_BC.argmax(axis=1)
    assert found.predicted.tolist() == [SITE.classes[best] for best in best_B]
    assert found.deviation == pytest.approx(draws_PBC[:, np.arange(SIZE), best_B].std(axis=0))
    codes = np.array([SITE.classes.index(label) for label in labels])
    reach = np.sort(1 - learned_BC[np.arange(SIZE), codes])[math.ceil((SIZE + 1) * 0.9) - 1]
    assert found.sets is not None
    assert (found.sets == ((1 - mean_BC <= reach) | (np.eye(3)[best_B] > 0))).all()


def test_truths_of_some_samples() -> None:
    found = values_of({"a": np.arange(4.0), "b": np.arange(4.0) ** 2}, [3, 1])
    assert {column: values.tolist() for column, values in found.items()} == {"a": [3, 1], "b": [9, 1]}
