"""How often intervals and sets of a run's held-out samples held the truth, and the file that says so."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from aam.config import LossOptions
from aam.data.targets.intervals import calibrate_numbers
from aam.data.targets.kinds import NUMBERS, Samples, TargetSpec
from aam.data.targets.targets import Targets
from aam.evaluation.coverage import (
    OUT_OF_FOLD,
    CoverageRecord,
    evaluate_coverage,
    evaluate_fold_coverage,
    levels_to_judge,
    pool_coverage,
)
from aam.evaluation.decode_predictions import PredictionDecoder
from aam.files.atomic import read_json, write_json
from tests.evaluation.test_decode_predictions import SITE, SIZE, TWO, case, quantile_case, samples


def calibrated(learned: np.ndarray, whose: Samples, **options: object) -> PredictionDecoder:
    forecast = PredictionDecoder(**{"targets": TWO, **options})  # type: ignore[arg-type]
    return dataclasses.replace(forecast, calibrations=forecast.calibrate(learned, whose))


@pytest.mark.parametrize("level", [0.9, 0.77])
def test_shares_count_truths_within_intervals(level: float) -> None:
    forecast = calibrated(*case(), level=level)
    learned_BT, whose = case(1)
    records = evaluate_coverage(forecast, learned_BT[None], whose, "test")
    assert list(records) == ["age", "mass"]
    for place, record in enumerate(records.values()):
        assert (record.part, record.level, record.calibration) == ("test", level, forecast.calibrations[place])
        assert [one.level for one in record.found] == list(levels_to_judge(level))
        for one in record.found:
            table = dataclasses.replace(forecast, level=one.level).predictions(learned_BT[None], whose)[place]
            held = (table.low <= table.observed) & (table.observed <= table.high)
            assert (one.held_N == held).all()
            assert one.share.value == pytest.approx(held.mean())
            assert one.size_N == pytest.approx(table.high - table.low)
    shares = [one.share.value for one in records["age"].found]
    assert shares == sorted(shares)
    assert shares[0] < shares[-1]


def test_samples_and_targets_without_truth_are_not_judged() -> None:
    forecast = calibrated(*case())
    learned_BT, whose = case(1)
    observed = {column: values.copy() for column, values in whose.observed.items()}
    observed["age"][4:] = np.nan
    observed["mass"][:] = np.nan
    records = evaluate_coverage(forecast, learned_BT[None], samples(observed), "test")
    assert list(records) == ["age"]
    assert {len(one.held_N) for one in records["age"].found} == {4}


def test_a_target_without_intervals_is_not_judged() -> None:
    learned_BT, whose = case()
    forecast = calibrated(learned_BT, samples({**whose.observed, "age": np.full(SIZE, np.nan)}))
    assert list(evaluate_coverage(forecast, learned_BT[None], whose, "test")) == ["mass"]


def test_folds_together_promise_what_the_weakest_of_them_does() -> None:
    learned_BT, whose = case()
    record = evaluate_coverage(calibrated(learned_BT, whose), learned_BT[None], whose, "test")["age"]
    scores = np.arange(SIZE + 60.0)
    many = calibrate_numbers(scores, 0 * scores, None)
    unsure = calibrate_numbers(np.where(scores < 50, scores, np.inf), 0 * scores, None)
    for calibrations, weakest in (((many, record.calibration), 1), ((many, unsure, record.calibration), 1)):
        records = [dataclasses.replace(record, calibration=calibration) for calibration in calibrations]
        assert pool_coverage(records, None).calibration == calibrations[weakest]


def test_quantiles_and_groups() -> None:
    learned_BTQ, whose = quantile_case()
    groups = np.array([f"m{row // 4}" for row in range(SIZE)], dtype=object)
    whose = dataclasses.replace(whose, groups=groups)
    forecast = calibrated(learned_BTQ, whose, targets=TWO.learned_by(LossOptions(loss_type="quantile")))
    record = evaluate_coverage(forecast, learned_BTQ[None], whose, "validation")["mass"]
    assert {one.num_groups for one in record.found} == {10}
    held = next(one.held_N for one in record.found if one.level == 0.9)
    of_groups = [held[groups == name].mean() for name in dict.fromkeys(groups)]
    assert next(one.share.value for one in record.found if one.level == 0.9) == pytest.approx(np.mean(of_groups))


def test_sets_of_classes() -> None:
    rng = np.random.default_rng(0)
    learned_BC = rng.dirichlet(np.ones(3), SIZE)
    whose = samples({"site": np.array(SITE.classes, dtype=object)[rng.integers(3, size=SIZE)]})
    forecast = calibrated(learned_BC, whose, targets=Targets(specs=(SITE,)))
    record = evaluate_coverage(forecast, learned_BC[None], whose, "test")["site"]
    sets = forecast.predictions(learned_BC[None], whose)[0].sets
    assert sets is not None
    (found,) = [one for one in record.found if one.level == 0.9]
    assert (found.size_N == sets.sum(axis=1)).all()
    assert found.share.value >= 0.9


@pytest.mark.parametrize("groups", [None, np.full(SIZE, "m", dtype=object), np.arange(SIZE) % 7])
def test_a_record_is_read_as_written(tmp_path: Path, groups: np.ndarray | None) -> None:
    learned_BT, whose = case()
    whose = dataclasses.replace(whose, groups=groups)
    record = evaluate_coverage(calibrated(learned_BT, whose), learned_BT[None], whose, "test")["age"]
    write_json(tmp_path / "coverage.json", record.to_dict())
    found = CoverageRecord.from_dict(read_json(tmp_path / "coverage.json"))
    assert (found.part, found.level, found.calibration) == (record.part, record.level, record.calibration)
    for one, other in zip(found.found, record.found, strict=True):
        assert dataclasses.astuple(one.share) == pytest.approx(dataclasses.astuple(other.share), nan_ok=True)
        assert (one.held_N == other.held_N).all()
        assert one.size_N == pytest.approx(other.size_N)
        assert (one.level, one.num_groups) == (other.level, other.num_groups)


def test_targets_of_one_kind_of_number_alone() -> None:
    spec = TargetSpec(column="x", kind=NUMBERS)
    learned_BT, whose = case(targets=Targets(specs=(spec,)))
    forecast = calibrated(learned_BT, whose, targets=Targets(specs=(spec,)))
    assert list(evaluate_coverage(forecast, learned_BT[None], whose, "test")) == ["x"]


@pytest.mark.parametrize("grouped", [False, True])
def test_each_fold_is_judged_by_the_errors_of_the_others(grouped: bool) -> None:
    learned_BT, whose = case()
    observed = {column: values.copy() for column, values in whose.observed.items()}
    observed["age"][::7] = np.nan
    fold_B = np.arange(SIZE) // 2 % 4
    groups = np.array([f"g{row // 2}" for row in range(SIZE)], dtype=object) if grouped else None
    whose = dataclasses.replace(whose, observed=observed, groups=groups)
    forecast = calibrated(learned_BT, whose)
    records = evaluate_fold_coverage(forecast, learned_BT, whose, fold_B)
    assert list(records) == ["age", "mass"]
    for place, (column, record) in enumerate(records.items()):
        assert (record.part, record.calibration) == (OUT_OF_FOLD, forecast.calibrations[place])
        held: dict[str, bool] = {}
        for fold in range(4):
            own, others = fold_B == fold, fold_B != fold
            judge = calibrated(learned_BT[others], whose.take(others))
            table = judge.predictions(learned_BT[own][None], whose.take(own))[place].known()
            assert table.low is not None
            assert table.high is not None
            inside = (table.low <= table.observed) & (table.observed <= table.high)
            held |= dict(zip(table.sample_ids, inside.tolist(), strict=True))
        known = ~np.isnan(observed[column])
        assert set(held) == set(whose.sample_ids[known])
        found = next(one for one in record.found if one.level == forecast.level)
        assert found.held_N.sum() == sum(held.values())
        if groups is None:
            assert found.share.value == pytest.approx(np.mean(list(held.values())))
        else:
            of_sample = np.array([held.get(name, False) for name in whose.sample_ids])
            shares = [of_sample[known & (groups == name)].mean() for name in set(groups[known])]
            assert found.share.value == pytest.approx(np.mean(shares))
            assert found.num_groups == len(shares)


def test_a_target_that_one_fold_alone_has_is_not_judged() -> None:
    learned_BT, whose = case()
    observed = {**whose.observed, "age": np.where(np.arange(SIZE) < 5, whose.observed["age"], np.nan)}
    whose, fold_B = samples(observed), np.arange(SIZE) // 5
    records = evaluate_fold_coverage(calibrated(learned_BT, whose), learned_BT, whose, fold_B)
    assert list(records) == ["mass"]
