"""Predictions in the user's units, and intervals that are made where the model learned."""

from __future__ import annotations

import dataclasses
import math
from typing import get_args

import numpy as np
import pytest

from aam.config import HeadOptions, LossOptions
from aam.config.target import Transform
from aam.data.targets.fitting import fit_target
from aam.data.targets.intervals import calibrate_numbers, interval
from aam.data.targets.kinds import CLASSES, NUMBERS, Samples, TargetRules, TargetSpec
from aam.data.targets.targets import Targets
from aam.evaluation.decode_predictions import PredictionDecoder, values_of
from tests.data.targets.decoded import decoded

AGE = TargetSpec(column="age", kind=NUMBERS, transform="zscore", shift=40.0, scale=10.0, mean=40.0)
MASS = TargetSpec(column="mass", kind=NUMBERS, transform="log-zscore", shift=2.0, scale=0.5)
SITE = TargetSpec(column="site", kind=CLASSES, classes=("gut", "oral", "skin"))
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
    truth_BT = decoded(targets, learned_BT + 0.3 * rng.normal(size=learned_BT.shape))
    return learned_BT, samples({column: truth_BT[:, place] for place, column in enumerate(targets.columns)})


def calibrated(forecast: PredictionDecoder, learned: np.ndarray, whose: Samples) -> PredictionDecoder:
    return dataclasses.replace(forecast, calibrations=forecast.calibrate(learned, whose))


def test_each_target_is_told_in_its_own_units() -> None:
    learned_BT, whose = case()
    age, mass = PredictionDecoder(targets=TWO).predictions(learned_BT[None], whose)
    assert age.predicted == pytest.approx(40 + 10 * learned_BT[:, 0])
    assert mass.predicted == pytest.approx(np.expm1(2 + 0.5 * learned_BT[:, 1]))
    assert (age.observed == whose.observed["age"]).all()
    assert age.low is age.high is age.deviation is age.sets is None


@pytest.mark.parametrize("level", [0.5, 0.8, 0.9])
def test_intervals_reach_the_conformal_quantile_of_errors(level: float) -> None:
    learned_BT, whose = case()
    forecast = PredictionDecoder(targets=TWO, level=level)
    calibrations = forecast.calibrate(learned_BT, whose)
    found = dataclasses.replace(forecast, calibrations=calibrations).predictions(learned_BT[None], whose)
    encoded_BT = TWO.encode(whose.observed)
    place = math.ceil((SIZE + 1) * level) - 1
    for table, spec, said_B, truth_B in zip(found, TWO.specs, learned_BT.T, encoded_BT.T, strict=True):
        reach = np.sort(np.abs(said_B - truth_B))[place]
        assert table.low == pytest.approx(spec.decode(said_B - reach), rel=1e-5)
        assert table.high == pytest.approx(spec.decode(said_B + reach), rel=1e-5)
    age, mass = found
    assert np.ptp(age.high - age.low) == pytest.approx(0, abs=1e-5)  # type: ignore[operator]
    width = mass.high - mass.low  # type: ignore[operator]
    assert np.corrcoef(np.argsort(np.argsort(width)), np.argsort(np.argsort(mass.predicted)))[0, 1] > 0.999


def test_new_truths_lie_within_intervals_as_often_as_promised() -> None:
    forecast = PredictionDecoder(targets=TWO, level=0.8)
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
    found = PredictionDecoder(targets=TWO).calibrate(learned_BT, samples(some))
    assert [calibration and calibration.num_samples for calibration in found] == [SIZE, SIZE // 2]
    kept = {column: values[1::2] for column, values in whose.observed.items()}
    assert found[1] == PredictionDecoder(targets=TWO).calibrate(learned_BT[1::2], samples(kept))[1]
    some["mass"][:] = np.nan
    forecast = PredictionDecoder(targets=TWO)
    calibrations = forecast.calibrate(learned_BT, samples(some))
    assert calibrations == (forecast.calibrate(learned_BT, whose)[0], None)


def test_a_target_without_intervals_is_named() -> None:
    learned_BT, whose = case()
    without = samples({**whose.observed, "mass": np.full(SIZE, np.nan)})
    forecast = calibrated(PredictionDecoder(targets=TWO), learned_BT, without)
    age, mass = forecast.predictions(learned_BT[None], whose)
    full_age, _ = calibrated(PredictionDecoder(targets=TWO), learned_BT, whose).predictions(learned_BT[None], whose)
    assert (age.low == full_age.low).all()  # type: ignore[union-attr]
    assert mass.low is mass.high is None
    assert len(mass.predicted) == SIZE
    assert forecast.coverage_warnings() == ["column 'mass' has no intervals: no calibration sample has a value"]
    few = calibrated(PredictionDecoder(targets=TWO, level=0.99), learned_BT, whose)
    assert few.coverage_warnings() == [
        f"too few calibration groups or samples ({SIZE}; 99 needed) to guarantee 99 % coverage; intervals may be too "
        "narrow"
    ]
    assert (
        calibrated(PredictionDecoder(targets=TWO), learned_BT, whose).coverage_warnings()
        == PredictionDecoder(targets=TWO).coverage_warnings()
        == []
    )


def test_too_few_samples_are_reported_at_a_lower_level_too() -> None:
    learned_BT, whose = case()
    few = calibrated(PredictionDecoder(targets=TWO, level=0.99), learned_BT, whose)
    (doubt,) = dataclasses.replace(few, level=0.5).coverage_warnings()
    assert doubt.startswith("too few calibration groups or samples")


def skewed_case(seed: int, transform: str, num_trained: int) -> tuple[Targets, np.ndarray, np.ndarray]:
    """A skewed target as fitted on some samples; 99 further ones and 100 new ones, and what is predicted of them."""
    rng = np.random.default_rng(seed)
    values = np.exp(rng.normal(size=num_trained + 199))
    guesses = values * np.exp(0.3 * rng.normal(size=len(values)))
    spec = fit_target(
        TargetRules(kind=NUMBERS, columns=("y",), transform=transform), values, np.arange(num_trained), "m.tsv"
    )
    return Targets(specs=(spec,)), spec.encode(guesses)[num_trained:, None], values[num_trained:]


def test_truths_beyond_training_range_lower_the_coverage() -> None:
    # a quantile transform never leaves the training range, beyond which 2 of 41 new truths lie
    held, naive = [], []
    for seed in range(200):
        targets, learned_B1, values = skewed_case(seed, "quantile", 40)
        forecast = calibrated(
            PredictionDecoder(targets=targets, level=0.8), learned_B1[:99], samples({"y": values[:99]})
        )
        assert forecast.coverage_warnings() == []
        new = samples({"y": values[99:]})
        (found,) = forecast.predictions(learned_B1[None, 99:], new)
        held.append(((found.low <= found.observed) & (found.observed <= found.high)).mean())  # type: ignore[operator]
        spec = targets.specs[0]
        encoded = calibrate_numbers(spec.encode(values[:99]), learned_B1[:99, 0], None, 0.8)
        low, high = (spec.decode(end_B) for end_B in interval(encoded, learned_B1[99:, 0], 0.8))
        naive.append(((low <= found.observed) & (found.observed <= high)).mean())
    error = np.std(held) / math.sqrt(len(held))
    assert np.mean(held) == pytest.approx(0.8, abs=3 * error)
    assert np.mean(naive) < 0.8 - 5 * error


def test_a_level_above_the_share_within_range_is_no_promise() -> None:
    targets, learned_B1, values = skewed_case(0, "quantile", 10)
    beyond = ((values[:99] < values_range(targets)[0]) | (values[:99] > values_range(targets)[1])).mean()
    assert beyond > 0.1
    forecast = calibrated(PredictionDecoder(targets=targets), learned_B1[:99], samples({"y": values[:99]}))
    (doubt,) = forecast.coverage_warnings()
    assert doubt.startswith(f"column 'y': {beyond:.0%} of the calibration values lie outside all possible")
    logs, learned_B1, values = skewed_case(0, "log-zscore", 10)
    assert (
        calibrated(PredictionDecoder(targets=logs), learned_B1[:99], samples({"y": values[:99]})).coverage_warnings()
        == []
    )


def values_range(targets: Targets) -> tuple[float, float]:
    low, high = targets.specs[0].decode(np.array([-np.inf, np.inf]))
    return float(low), float(high)


def test_truths_beyond_the_reach_of_box_cox_count_as_not_held() -> None:
    targets, learned_B1, values = skewed_case(0, "boxcox", 40)
    _, largest = values_range(targets)
    wild = np.append(values[:98], 2 * largest)
    (found,) = PredictionDecoder(targets=targets).calibrate(learned_B1[:99], samples({"y": wild}))
    assert found is not None
    assert found.beyond == pytest.approx(1 / 99)
    assert len(found.scores) == 98


def test_intervals_end_where_the_head_does() -> None:
    rng = np.random.default_rng(0)
    truth_B = rng.integers(0, 6, size=SIZE).astype(float)
    spec = fit_target(TargetRules(kind=NUMBERS, columns=("y",), transform="minmax"), truth_B, np.arange(SIZE), "m.tsv")
    learned_B1 = np.clip(spec.encode(truth_B) + 0.2 * rng.normal(size=SIZE), 0.01, 0.99)[:, None]
    targets, whose = Targets(specs=(spec,)), samples({"y": truth_B})
    (free,) = calibrated(PredictionDecoder(targets=targets), learned_B1, whose).predictions(learned_B1[None], whose)
    assert free.low is not None
    assert free.high is not None
    assert free.low.min() < 0
    assert free.high.max() > 5
    for head, ends in (
        (HeadOptions(output_activation="softplus"), (0, np.inf)),
        (HeadOptions(bounded_targets=True), (0, 5)),
    ):
        (found,) = calibrated(PredictionDecoder(targets=targets, head=head), learned_B1, whose).predictions(
            learned_B1[None], whose
        )
        assert found.low == pytest.approx(free.low.clip(*ends))
        assert found.high == pytest.approx(free.high.clip(*ends))
        held = (found.low <= truth_B) & (truth_B <= found.high)
        assert (held == ((free.low <= truth_B) & (truth_B <= free.high))).all(), "clipping lets no truth go"


def test_rounding_never_excludes_an_end_of_the_range() -> None:
    truth_B = np.append(np.linspace(0.1, 0.7, 20), [0.1, 0.7]) * 3
    for transform in ("minmax", "log-minmax"):
        spec = fit_target(
            TargetRules(kind=NUMBERS, columns=("y",), transform=transform), truth_B, np.arange(20), "m.tsv"
        )
        forecast = PredictionDecoder(targets=Targets(specs=(spec,)), head=HeadOptions(bounded_targets=True))
        learned_B1, whose = np.full((22, 1), 0.5), samples({"y": truth_B})
        forecast = calibrated(forecast, learned_B1, whose)
        (found,) = dataclasses.replace(forecast, level=0.95).predictions(learned_B1[None], whose)
        assert ((found.low <= truth_B) & (truth_B <= found.high)).all()  # type: ignore[operator]
        beyond = samples({"y": np.append(truth_B[:-1], 3.0)})
        assert [one and one.beyond for one in forecast.calibrate(learned_B1, beyond)] == [pytest.approx(1 / 22)]


@pytest.mark.parametrize("transform", get_args(Transform))
@pytest.mark.parametrize("quantiles", [(), (0.1, 0.5, 0.9)])
def test_a_truth_as_far_off_as_the_interval_reaches_is_held(transform: str, quantiles: tuple[float, ...]) -> None:
    # Truths that come back and a guess that never changes: each end of an interval is one of the calibrating truths.
    truth_B = np.repeat(np.arange(1, 51) / 7, 2)
    levels = ("site",) * transform.endswith("category")
    rules = TargetRules(kind=NUMBERS, columns=("y",), transform=transform, normalize_by=levels)
    spec = fit_target(rules, truth_B, np.arange(len(truth_B)), "m.tsv")
    middle_B1 = np.full((len(truth_B), 1), np.median(spec.encode(truth_B)))
    learned = np.stack([middle_B1] * 3, axis=-1) if quantiles else middle_B1
    whose = samples({"y": truth_B})
    targets = Targets(specs=(spec,)).learned_by(LossOptions(loss_type="quantile" if quantiles else "huber"))
    forecast = calibrated(PredictionDecoder(targets=targets), learned, whose)
    for level in np.arange(1, len(truth_B)) / (len(truth_B) + 1):
        (found,) = dataclasses.replace(forecast, level=level).predictions(learned[None], whose)
        held = (found.low <= truth_B) & (truth_B <= found.high)  # type: ignore[operator]
        assert held.sum() >= round(level * (len(truth_B) + 1))


def test_groups_go_with_the_truths_that_are_known() -> None:
    learned_BT, whose = case()
    groups = np.array([f"m{row // 3}" for row in range(SIZE)], dtype=object)
    some = {column: values.copy() for column, values in whose.observed.items()}
    some["age"][:6] = np.nan
    age, mass = PredictionDecoder(targets=TWO).calibrate(learned_BT, samples(some, groups))
    assert age is not None
    assert mass is not None
    assert (age.num_groups, mass.num_groups) == (11, 13)


def test_draws_are_averaged_with_spread_in_user_units() -> None:
    learned_BT, whose = case()
    draws_PBT = learned_BT + np.array([-1.0, 0.0, 1.0])[:, None, None]
    age, mass = PredictionDecoder(targets=TWO).predictions(draws_PBT, whose)
    assert age.predicted == pytest.approx(40 + 10 * learned_BT[:, 0])
    assert age.deviation == pytest.approx(np.full(SIZE, 10 * math.sqrt(2 / 3)))
    of_draws = np.expm1(2 + 0.5 * draws_PBT[:, :, 1])
    assert mass.deviation == pytest.approx(of_draws.std(axis=0))


QUANTILES = (0.1, 0.5, 0.9)


def quantile_case() -> tuple[np.ndarray, Samples]:
    learned_BT, whose = case()
    return learned_BT[..., None] + np.array([-0.5, 0.0, 0.6]), whose


def test_quantiles_in_user_units_move_interval_ends() -> None:
    learned_BTQ, whose = quantile_case()
    forecast = PredictionDecoder(targets=TWO.learned_by(LossOptions(loss_type="quantile")), level=0.8)
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


def test_numbers_and_intervals_follow_the_sample_level() -> None:
    spec = dataclasses.replace(AGE, level_shift=(40.0, 0.0, 1000.0), level_scale=(10.0, 1.0, 100.0))
    targets = Targets(specs=(spec,), normalize_by=("site",), levels=("a", "b"))
    levels = np.arange(SIZE) % 3
    learned_B1 = np.zeros((SIZE, 1))
    truth_B = np.array([40.0, 0.0, 1000.0])[levels] + np.array([10.0, 1.0, 100.0])[levels] * np.linspace(0, 1, SIZE)
    whose = samples({"age": truth_B}, levels=levels)
    forecast = PredictionDecoder(targets=targets)
    forecast = dataclasses.replace(forecast, calibrations=forecast.calibrate(learned_B1, whose))
    (found,) = forecast.predictions(learned_B1[None], whose)
    assert found.predicted[:3].tolist() == [40, 0, 1000]
    assert found.high is not None
    reach = (found.high - found.predicted)[:3]
    assert reach / [10, 1, 100] == pytest.approx(np.full(3, np.linspace(0, 1, SIZE)[35]), rel=1e-5)


def test_classes_have_sets_and_spread_of_the_best() -> None:
    rng = np.random.default_rng(0)
    learned_BC = rng.dirichlet(np.ones(3), SIZE)
    labels = np.array(SITE.classes, dtype=object)[[rng.choice(3, p=row) for row in learned_BC]]
    whose = samples({"site": labels})
    forecast = PredictionDecoder(targets=Targets(specs=(SITE,)), level=0.9)
    forecast = dataclasses.replace(forecast, calibrations=forecast.calibrate(learned_BC, whose))
    draws_PBC = np.stack([0.9 * learned_BC + 0.1 * np.eye(3)[k] for k in (0, 1)])
    (found,) = forecast.predictions(draws_PBC, whose)
    mean_BC = draws_PBC.mean(axis=0)
    assert found.classes == SITE.classes
    assert found.probabilities == pytest.approx(mean_BC)
    best_B = mean_BC.argmax(axis=1)
    assert found.predicted.tolist() == [SITE.classes[best] for best in best_B]
    (few,) = dataclasses.replace(forecast, level=0.999).coverage_warnings()
    assert few.endswith("to guarantee 99.9 % coverage; prediction sets may be too small")
    assert found.deviation == pytest.approx(draws_PBC[:, np.arange(SIZE), best_B].std(axis=0))
    codes = np.array([SITE.classes.index(label) for label in labels])
    reach = np.sort(1 - learned_BC[np.arange(SIZE), codes])[math.ceil((SIZE + 1) * 0.9) - 1]
    assert found.sets is not None
    assert (found.sets == ((1 - mean_BC <= reach) | (np.eye(3)[best_B] > 0))).all()


def test_truths_of_some_samples() -> None:
    found = values_of({"a": np.arange(4.0), "b": np.arange(4.0) ** 2}, [3, 1])
    assert {column: values.tolist() for column, values in found.items()} == {"a": [3, 1], "b": [9, 1]}
