from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aam.data.targets.intervals import (
    MOST_SCORES,
    Calibration,
    calibrate_classes,
    calibrate_numbers,
    calibrate_quantiles,
    class_sets,
    effective_number,
    groups_needed,
    interval,
    quantile_interval,
    read_calibration,
)

REPETITIONS = 1500


def of_scores(scores: np.ndarray, groups: np.ndarray | None = None, level: float = 0.9) -> Calibration:
    return calibrate_numbers(scores, np.zeros(len(scores)), groups, level)


def standard_errors(held: list[float], level: float) -> float:
    """How many standard errors the mean coverage of independent repetitions lies above the level."""
    return float((np.mean(held) - level) / (np.std(held) / math.sqrt(len(held))))


def test_nine_errors_promise_nine_of_ten() -> None:
    calibration = of_scores(np.array([3.0, -1, 2, 9, -7, 8, 5, -4, 6]))
    assert calibration.scores == (1, 2, 3, 4, 5, 6, 7, 8, 9)
    assert calibration.weights == pytest.approx([0.1] * 9)
    assert (calibration.num_samples, calibration.num_groups) == (9, 9)
    assert [calibration.threshold(level) for level in (0.1, 0.5, 0.51, 0.8, 0.9)] == [1, 5, 6, 8, 9]
    low, high = interval(calibration, np.array([10.0, -1]), 0.5)
    assert (low.tolist(), high.tolist()) == ([5, -6], [15, 4])


@pytest.mark.parametrize("num_samples", [9, 10, 19, 99, 100, 1234])
@pytest.mark.parametrize("level", [0.05, 0.1, 0.5, 0.7, 0.9])
def test_without_groups_it_is_the_textbook_quantile(num_samples: int, level: float) -> None:
    scores = np.random.default_rng(num_samples).permutation(num_samples) + 1.0
    rank = math.ceil(round((num_samples + 1) * level, 6))
    assert of_scores(scores).threshold(level) == rank
    corrected = np.quantile(scores, rank / num_samples - 1e-9, method="inverted_cdf")
    assert of_scores(scores).threshold(level) == corrected


def test_a_level_beyond_the_groups_is_no_promise() -> None:
    calibration = of_scores(np.arange(1.0, 10))
    assert calibration.is_guaranteed(0.9)
    assert not calibration.is_guaranteed(0.91)
    assert calibration.threshold(0.91) == math.inf
    low, high = interval(calibration, np.zeros(1), 0.91)
    assert (low[0], high[0]) == (-9, 9)


@pytest.mark.parametrize(("level", "needed"), [(0.5, 1), (0.8, 4), (0.9, 9), (0.95, 19), (0.99, 99), (0.01, 1)])
def test_as_many_groups_as_needed_are_enough(level: float, needed: int) -> None:
    assert groups_needed(level) == needed
    assert of_scores(np.arange(1.0, needed + 1), level=level).is_guaranteed(level)
    if needed > 1:
        assert not of_scores(np.arange(1.0, needed), level=level).is_guaranteed(level)


def test_groups_share_their_weight() -> None:
    # three groups share what was seen: of the first, each of four samples 1/12, of the second, each of two 1/6
    scores = np.array([1.0, 2, 3, 8, 4, 5, 6])
    calibration = of_scores(scores, np.array(["a", "a", "a", "a", "b", "b", "c"], dtype=object))
    assert calibration.scores == (1, 2, 3, 4, 5, 6, 8)
    assert (calibration.num_samples, calibration.num_groups) == (7, 3)
    # quantiles are 5 for 0.5, 8 for 0.95, and 6 between. Below 5 are 3/4, 1 and 0 of the groups, below 6 3/4, 1 and 1:
    # F (1 - F) is 35/144 and 4 times 11/144, the variance of F 13/144 and 4 times 1/144
    assert calibration.num_effective == pytest.approx(79 / 17)
    seen = np.array([1 / 12, 1 / 12, 1 / 12, 1 / 6, 1 / 6, 1 / 3, 1 / 12])
    assert calibration.weights == pytest.approx(79 / 96 * seen)
    assert [calibration.threshold(level) for level in (0.2, 0.34, 0.48, 0.75, 0.76, 0.82)] == [3, 4, 5, 6, 8, 8]
    assert calibration.threshold(0.83) == math.inf
    assert [calibration.reach(level) for level in (0.48, 0.75, 0.83)] == [5, 6, 8]


@pytest.mark.parametrize("within", [0.0, 1.0])
def test_the_effective_number_follows_the_groups(within: float) -> None:
    # samples of a group that are alike say as much as one; if groups do not matter, each counts
    rng = np.random.default_rng(8)
    unit = np.repeat(np.arange(200), 5)
    scores = (1 - within) * rng.random(200)[unit] + within * rng.random(1000)
    assert effective_number(scores, unit) == pytest.approx(1000 if within else 200, rel=0.1)


def test_groups_of_unequal_size_count_for_less() -> None:
    # independent samples of groups that weigh the same: 1 / sum of squared weights (Kish) is 2^2 / (1/1 + 1/4)
    unit = np.array([0, 1, 1, 1, 1])
    assert effective_number(np.ones(5), unit) == pytest.approx(3.2)
    assert effective_number(np.arange(5.0), np.zeros(5, dtype=int)) == 1


def test_an_older_calibration_reaches_as_far_as_it_did() -> None:
    older = {"kind": "numbers", "scores": [1.0, 2, 3], "num_samples": 3, "num_groups": 3, "level": 0.9}
    few = read_calibration({**older, "weights": [0.25] * 3})
    assert [few.reach(level) for level in (0.3, 0.5, 0.9)] == [1, 2, 3]
    assert not few.is_guaranteed(0.9)
    nine = read_calibration({**older, "num_samples": 9, "num_groups": 9, "weights": [0.3] * 3})
    assert [nine.reach(level) for level in (0.3, 0.5, 0.9, 0.95)] == [1, 2, 3, 3]
    assert nine.is_guaranteed(0.9)


@pytest.mark.parametrize("number", [1.5, 3.5, -1.0, math.nan])
def test_a_wrong_effective_number_is_refused(number: float) -> None:
    wrong = of_scores(np.array([1.0, 2, 3])).to_dict() | {"num_effective": number}
    with pytest.raises(ValueError, match="effective"):
        read_calibration(wrong)


def test_groups_of_one_sample_are_no_groups() -> None:
    scores = np.random.default_rng(0).exponential(size=50)
    assert of_scores(scores, np.arange(50).astype(str)) == of_scores(scores)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 4)), min_size=1, max_size=30))
def test_any_groups_and_ties_give_the_weighted_quantile(samples: list[tuple[int, int]]) -> None:
    scores, groups = (np.array(column) for column in zip(*samples, strict=True))
    _, place, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    num_groups = len(sizes)
    calibration = of_scores(scores.astype(float), groups)
    number = effective_number(scores, place)
    assert num_groups <= number <= len(scores)
    weights = np.append(number / (num_groups * sizes[place]), 1) / (number + 1)
    for level in (0.13, 0.37, 0.61, 0.83, 0.97):
        expected = np.quantile(np.append(scores, np.inf), level, weights=weights, method="inverted_cdf")
        assert calibration.threshold(level) == expected
    reaches = [calibration.reach(level) for level in np.linspace(0.01, 0.99, 99)]
    assert (np.diff(reaches) >= 0).all()
    assert max(reaches) == scores.max()


def test_equal_scores_are_one() -> None:
    calibration = of_scores(np.array([1.0, -1, 1, 0]))
    assert calibration.scores == (0, 1)
    assert calibration.weights == pytest.approx([0.2, 0.6])
    perfect = of_scores(np.zeros(20))
    assert perfect.threshold(0.9) == 0


@pytest.mark.parametrize("grouped", [False, True])
def test_thinning_is_slight_and_never_narrower(grouped: bool) -> None:
    rng = np.random.default_rng(1)
    num_samples = 30_000
    scores = rng.exponential(size=num_samples)
    groups = (rng.exponential(10, num_samples)).astype(int) if grouped else None
    thin = of_scores(scores, groups)
    assert len(thin.scores) <= MOST_SCORES
    assert sum(thin.weights) == pytest.approx(thin.num_effective / (thin.num_effective + 1))
    assert list(thin.scores) == sorted(set(thin.scores))
    unit, sizes = np.unique(groups if grouped else np.arange(num_samples), return_inverse=True, return_counts=True)[1:]
    number = thin.num_effective
    weights = np.append(number / (len(sizes) * sizes[unit]), 1) / (number + 1)
    levels = np.linspace(0.02, 0.98, 49)
    every = np.append(scores, np.inf)
    exact = np.quantile(every, levels, weights=weights, method="inverted_cdf")
    held = np.array([weights[every <= score].sum() for score in exact])
    above = np.quantile(every, np.minimum(held + 1.01 / MOST_SCORES, 1), weights=weights, method="inverted_cdf")
    found = np.array([thin.threshold(level) for level in levels])
    assert (found >= exact).all()
    assert (found <= above).all()
    assert (found > exact).any()


def test_truths_that_nothing_can_hold_weigh_at_infinity() -> None:
    # 19 samples weigh 1/20 each: with 2 of them and the new one at infinity, 17 of 20 are left
    truths = np.append(np.arange(1.0, 18), [np.inf, np.inf])
    calibration = of_scores(truths, level=0.8)
    assert calibration.scores == tuple(range(1, 18))
    assert sum(calibration.weights) == pytest.approx(17 / 20)
    assert (calibration.num_samples, calibration.num_groups) == (19, 19)
    assert calibration.beyond == pytest.approx(2 / 19)
    assert [calibration.threshold(level) for level in (0.5, 0.85, 0.86)] == [10, 17, math.inf]
    assert calibration.is_guaranteed(0.85)
    assert not calibration.is_guaranteed(0.86)
    assert [calibration.reach(level) for level in (0.5, 0.86)] == [10, 17]
    assert read_calibration(json.loads(json.dumps(calibration.to_dict()))) == calibration
    within = of_scores(np.arange(1.0, 18), level=0.8)
    assert within.beyond == 0
    quantiles = calibrate_quantiles(truths, np.zeros(19), np.zeros(19), None, 0.8)
    assert (quantiles.scores, quantiles.weights) == (calibration.scores, calibration.weights)


def test_few_samples_count_truths_that_nothing_can_cover() -> None:
    # four samples and the new one weigh 1/5 each; the last and the new one lie at infinity
    calibration = of_scores(np.array([1.0, 2, 3, np.inf]))
    assert not calibration.is_guaranteed(0.5)
    assert [calibration.reach(level) for level in (0.4, 0.6, 0.61, 0.9)] == [2, 3, 3, 3]


def test_where_no_truth_can_be_held_intervals_are_all_there_is() -> None:
    calibration = of_scores(np.full(20, np.inf))
    assert (calibration.scores, calibration.beyond) == ((), 1)
    assert not calibration.is_guaranteed(0.1)
    low, high = interval(calibration, np.zeros(1), 0.9)
    assert (low[0], high[0]) == (-math.inf, math.inf)
    of_quantiles = calibrate_quantiles(np.full(20, np.inf), np.zeros(20), np.ones(20), None)
    low, high = quantile_interval(of_quantiles, np.zeros(1), np.ones(1), 0.9)
    assert (low[0], high[0]) == (-math.inf, math.inf)


def test_it_survives_json() -> None:
    rng = np.random.default_rng(2)
    calibration = of_scores(rng.normal(size=40).astype(np.float32), rng.integers(7, size=40))
    assert read_calibration(json.loads(json.dumps(calibration.to_dict()))) == calibration


def test_new_exchangeable_samples_are_held_as_promised() -> None:
    # with 19 samples and a continuous score, a level of 0.9 is met exactly: the 18th of 20 places
    rng = np.random.default_rng(3)
    held = []
    for _ in range(REPETITIONS):
        errors = rng.standard_t(3, size=19 + 40)
        low, high = interval(of_scores(errors[:19]), np.zeros(40), 0.9)
        held.append(float(((low <= errors[19:]) & (errors[19:] <= high)).mean()))
    assert abs(standard_errors(held, 0.9)) < 3.5


def test_new_groups_are_covered_unlike_by_plain_conformal() -> None:
    # subjects that are hard to predict have fewer samples than the others
    rng = np.random.default_rng(4)
    ours, plain = [], []
    for _ in range(REPETITIONS):
        effects = rng.normal(size=13)
        groups = np.repeat(np.arange(13), np.where(np.abs(effects) < 1, 16, 4))
        errors = effects[groups] + 0.1 * rng.normal(size=len(groups))
        seen, new = groups < 12, errors[groups == 12]
        for held, told in ((ours, groups[seen]), (plain, None)):
            low, high = interval(of_scores(errors[seen], told), np.zeros(len(new)), 0.9)
            held.append(float(((low <= new) & (new <= high)).mean()))
    assert standard_errors(ours, 0.9) > -3
    assert np.mean(ours) < 0.94
    assert np.mean(plain) < 0.85


@pytest.mark.parametrize("spread", [0.0, 0.7])
@pytest.mark.parametrize("num_groups", [6, 12])
def test_groups_that_matter_little_cost_little(num_groups: int, spread: float) -> None:
    # errors differ in size between groups, or not; in the mean over new groups the level is met, and hardly exceeded
    rng = np.random.default_rng(9)
    held = []
    for _ in range(REPETITIONS // 2):
        unit = np.repeat(np.arange(num_groups + 10), 10)
        errors = np.exp(spread * rng.normal(size=num_groups + 10))[unit] * rng.normal(size=len(unit))
        seen = unit < num_groups
        low, high = interval(of_scores(errors[seen], unit[seen]), np.zeros(100), 0.9)
        held.append(float(((low <= errors[~seen]) & (errors[~seen] <= high)).mean()))
    assert standard_errors(held, 0.9) > -3
    assert np.mean(held) < 0.935


def test_quantiles_move_by_how_far_the_truth_lies_outside() -> None:
    observed = np.array([0.0, 5, 12])
    calibration = calibrate_quantiles(observed, np.array([1.0, 1, 1]), np.array([9.0, 9, 9]), None)
    # 1 below, inside with 4 to the nearer end, 3 above
    assert calibration.scores == (-4, 1, 3)
    low, high = quantile_interval(calibration, np.array([0.0, 10]), np.array([10.0, 11]), 0.75)
    assert (low.tolist(), high.tolist()) == ([-3, 7], [13, 14])
    low, high = quantile_interval(calibration, np.array([0.0, 10]), np.array([10.0, 11]), 0.25)
    assert (low.tolist(), high.tolist()) == ([4, 10.5], [6, 10.5])


def test_wrong_quantiles_are_corrected_and_keep_their_shape() -> None:
    rng = np.random.default_rng(5)
    held = []
    for _ in range(REPETITIONS):
        spread = rng.uniform(0.2, 3, size=19 + 40)
        observed = spread * rng.normal(size=len(spread))
        calibration = calibrate_quantiles(observed[:19], -0.5 * spread[:19], 0.5 * spread[:19], None)
        low, high = quantile_interval(calibration, -0.5 * spread[19:], 0.5 * spread[19:], 0.9)
        held.append(float(((low <= observed[19:]) & (observed[19:] <= high)).mean()))
        width = high - low
        assert (width[spread[19:].argmax()] - width[spread[19:].argmin()]) == pytest.approx(np.ptp(spread[19:]))
    assert abs(standard_errors(held, 0.9)) < 3.5


def test_sets_hold_all_classes_that_are_probable_enough() -> None:
    probabilities = np.array([[0.75, 0.25, 0], [0.5, 0.5, 0], [0.25, 0.25, 0.5]])
    calibration = calibrate_classes(probabilities, np.array([0, 1, 1]), None)
    assert calibration.scores == (0.25, 0.5, 0.75)
    new = np.array([[0.5, 0.25, 0.25], [0.4, 0.3, 0.3]])
    assert class_sets(calibration, new, 0.75).tolist() == [[True, True, True]] * 2
    assert class_sets(calibration, new, 0.5).tolist() == [[True, False, False]] * 2
    # at a level of 0.25 only classes with 0.75 or more would do: the most probable one stays
    assert class_sets(calibration, new, 0.25).tolist() == [[True, False, False]] * 2


def test_sets_of_new_samples_hold_the_truth_and_are_small() -> None:
    rng = np.random.default_rng(6)
    held, sizes = [], []
    for _ in range(REPETITIONS):
        true = rng.dirichlet([0.3] * 4, size=19 + 30)
        codes = (true.cumsum(axis=1) > rng.random((len(true), 1))).argmax(axis=1)
        overconfident = true**2 / (true**2).sum(axis=1, keepdims=True)
        sets = class_sets(calibrate_classes(overconfident[:19], codes[:19], None), overconfident[19:], 0.9)
        held.append(float(sets[np.arange(30), codes[19:]].mean()))
        sizes.append(sets.sum(axis=1).mean())
        assert sets.any(axis=1).all()
    assert standard_errors(held, 0.9) > -3
    assert np.mean(held) < 0.92
    assert np.mean(sizes) < 2.5


def test_float32_predictions_are_scored_as_they_are_judged() -> None:
    rng = np.random.default_rng(7)
    probabilities = rng.dirichlet([1] * 3, size=9).astype(np.float32)
    codes = rng.integers(3, size=9)
    sets = class_sets(calibrate_classes(probabilities, codes, None), probabilities, 0.9)
    assert sets[np.arange(9), codes].all()
