from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from aam.data.targets.intervals import calibrate_classes, calibrate_numbers, class_sets, interval
from aam.evaluation.coverage import Coverage, coverage_of_intervals, coverage_of_sets, levels_to_judge
from aam.report.html import Page, Section, render
from aam.report.sections.coverage import coverage_curve, coverage_section
from aam.report.style import to_svg


def wilson(num_held: int, num_trials: int) -> tuple[float, float]:
    """Wilson's interval as the roots of (p - share)^2 = z^2 p (1 - p) / n."""
    share, z2 = num_held / num_trials, norm.ppf(0.975) ** 2 / num_trials
    low, high = sorted(np.roots([1 + z2, -2 * share - z2, share**2]).real)
    return low, high


def intervals(held: np.ndarray, level: float = 0.9, groups: np.ndarray | None = None) -> Coverage:
    """Intervals of width 4 around 0, in which the truth lies where it is held."""
    ends = np.full(len(held), 2.0)
    (found,) = coverage_of_intervals(np.where(held, 1.0, 3.0), {level: (-ends, ends)}, groups)
    return found


def held_of(num_held: int, num_samples: int) -> np.ndarray:
    return np.arange(num_samples) < num_held


def words(found: list[Coverage], level: float = 0.9, part: str = "test", **more: str) -> list[str]:
    calibration = calibrate_numbers(np.arange(100.0), np.zeros(100), None)
    return list(coverage_section(found, calibration, level, part=part, **more).text)


def test_it_says_what_calibrated_and_what_that_is_worth() -> None:
    held, scores = [intervals(held_of(9, 10))], np.arange(100.0)
    calibration = calibrate_numbers(scores, np.zeros(100), None)
    text = coverage_section(held, calibration, 0.9, part="test", source="validation").text
    assert "Calibrated on the errors of 100 validation samples." in text
    # the samples of a group are all alike: they say as much as one
    of_groups = calibrate_numbers(scores // 5, np.zeros(100), scores // 5)
    text = coverage_section(held, of_groups, 0.9, part="test", source="out_of_fold", group_column="child").text
    expected = (
        "Calibrated on the out-of-fold errors of 100 training samples from 20 childs, worth 20 independent samples."
    )
    assert expected in text


def test_intervals_are_closed_with_widths_in_user_units() -> None:
    observed = np.array([1.0, 2, 3, 4])
    low, high = np.array([1.0, 0, 3.1, 0]), np.array([3.0, 2, 8, 3.9])
    (found,) = coverage_of_intervals(observed, {0.5: (low, high)}, None)
    assert found.held_N.tolist() == [True, True, False, False]
    assert found.size_N == pytest.approx([2, 2, 4.9, 3.9])
    assert (found.share.value, found.num_groups) == (0.5, None)


@pytest.mark.parametrize(("num_held", "num_samples"), [(108, 120), (0, 7), (7, 7), (1, 1)])
def test_without_groups_the_uncertainty_is_wilsons(num_held: int, num_samples: int) -> None:
    share = intervals(held_of(num_held, num_samples)).share
    assert (share.low, share.high) == pytest.approx(wilson(num_held, num_samples), abs=1e-6)


def test_each_group_counts_the_same() -> None:
    held = np.array([True] * 6 + [False, True])
    groups = np.array(["a"] * 6 + ["b", "b"], dtype=object)
    share = intervals(held, groups=groups).share
    assert (share.value, share.low, share.high) == (0.75, 0.5, 1)


def test_the_group_bootstrap_agrees_with_the_normal() -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(200), 5)
    held = rng.random(1000) < rng.beta(1, 0.5, size=200)[groups]
    share = intervals(held, groups=groups).share
    of_groups = held.reshape(200, 5).mean(axis=1)
    error = of_groups.std(ddof=1) / np.sqrt(200)
    assert share.value == pytest.approx(of_groups.mean())
    assert (share.low, share.high) == pytest.approx(of_groups.mean() + 1.96 * error * np.array([-1, 1]), abs=0.005)
    alone = intervals(held).share
    assert share.high - share.low > 1.3 * (alone.high - alone.low)


def test_groups_that_all_hold_are_a_trial_each() -> None:
    groups = np.repeat(np.arange(5), 20)
    share = intervals(held_of(100, 100), groups=groups).share
    assert (share.low, share.high) == pytest.approx(wilson(5, 5), abs=1e-6)


def test_sets_are_judged_by_their_true_class() -> None:
    sets = np.array([[True, False, False], [True, True, False], [False, True, True], [True, False, False]])
    (found,) = coverage_of_sets(np.array([0, 2, 1, 1]), {0.8: sets}, None)
    assert found.held_N.tolist() == [True, False, True, False]
    assert found.size_N.tolist() == [1, 2, 2, 1]
    assert found.single == 0.5


def test_the_users_level_joins_the_curve() -> None:
    assert levels_to_judge(0.9) == (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
    assert levels_to_judge(0.85) == (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95)


def test_the_result_is_said_in_plain_words() -> None:
    first, size, verdict = words([intervals(held_of(108, 120))])
    assert first == (
        "Intervals should cover 9 of 10 new samples; of 120 held-out test samples 108 (90 %) are covered, "
        "95 % CI 83 % to 94 %."
    )
    assert size == "The mean width of an interval is 4, the median 4 (in the units of the target)."
    assert (
        verdict
        == "At 1 of 1 nominal coverage, the 95 % interval of the observed coverage contains the nominal coverage."
    )


@pytest.mark.parametrize(
    ("level", "said"), [(0.5, "1 of 2 "), (0.95, "19 of 20 "), (0.93, "93 % of "), (0.999, "99.9 % of ")]
)
def test_any_level_reads_well(level: float, said: str) -> None:
    assert words([intervals(held_of(9, 10), level)], level)[0].startswith(f"Intervals should cover {said}new samples;")


def test_a_broken_promise_is_said_and_so_is_too_much() -> None:
    less, more = words([intervals(held_of(80, 120))])[-1], words([intervals(held_of(500, 500))])[-1]
    assert "too low at 90 % (observed 67 %). Do not rely on the intervals at 90 %, the chosen level." in less
    assert "too high at 90 % (observed 100 %). At 90 %, the chosen level, the intervals are conservative." in more


def test_the_verdict_counts_every_drawn_level() -> None:
    held = {0.5: 30, 0.6: 45, 0.7: 60, 0.8: 96, 0.9: 108, 0.95: 114}
    found = [intervals(held_of(number, 120), level) for level, number in held.items()]
    off = [level for level, number in held.items() if not wilson(number, 120)[0] <= level <= wilson(number, 120)[1]]
    assert off == [0.5, 0.6, 0.7]
    assert words(found)[-1] == (
        "At 3 of 6 nominal coverages, the 95 % interval of the observed coverage contains the nominal coverage. "
        "Coverage is clearly too low at 50 % (observed 25 %), 60 % (observed 38 %), 70 % (observed 50 %). Rely on "
        "the intervals at 90 %, the chosen level, but not at levels where coverage is too low."
    )
    assert words(found, 0.6)[-1].endswith("Do not rely on the intervals at 60 %, the chosen level.")


def test_the_verdict_names_levels_on_both_sides() -> None:
    found = [intervals(held_of(number, 120), level) for level, number in {0.5: 90, 0.8: 60, 0.9: 108}.items()]
    said = words(found)[-1]
    assert said.startswith("At 1 of 3 nominal coverages")
    assert "too low at 80 % (observed 50 %). Coverage is clearly too high at 50 % (observed 75 %)." in said


@pytest.mark.parametrize("part", ["validation", "out_of_fold"])
def test_samples_that_calibrated_are_no_test(part: str) -> None:
    *_, last = words([intervals(held_of(80, 120))], part=part)
    assert last.startswith("This is not a test")
    assert "--test-size" in last


def test_groups_are_named() -> None:
    groups = np.repeat(np.arange(12), 10)
    held = np.arange(120) % 10 < 9
    held[0] = False
    first, *_, last = words([intervals(held, groups=groups)], group_column="subject")
    assert "Intervals should cover 9 of 10 samples of a new subject" in first
    assert "107 (89 %) are covered; with equal weight for each subject (12 subjects) 89 %, 95 % CI 8" in first
    assert last.startswith("At 1 of 1 nominal coverage, ")


@pytest.mark.parametrize(("num_groups", "who"), [(1, "1 subject"), (5, "5 subjects")])
def test_few_groups_cannot_tell(num_groups: int, who: str) -> None:
    groups = np.arange(40) % num_groups
    found = [intervals(held_of(10, 40), groups=groups)]
    assert f"Held-out samples of only {who} cannot tell" in words(found, group_column="subject")[-1]
    to_svg(coverage_curve(found))


def test_too_few_groups_to_calibrate_are_no_guarantee() -> None:
    calibration = calibrate_numbers(np.arange(40.0), np.zeros(40), np.arange(40) % 5)
    found = [intervals(held_of(38, 40))]
    text = coverage_section(found, calibration, 0.9, part="test", group_column="subject").text
    assert text[2] == ("Coverage is not guaranteed: there are too few calibration subjects (5; 9 needed for 90 %).")
    assert not [line for line in words(found) if "not guaranteed" in line]


def test_too_many_truths_out_of_reach_are_no_guarantee() -> None:
    errors = np.append(np.arange(15.0), np.full(5, np.inf))
    calibration = calibrate_numbers(errors, np.zeros(20), None, 0.9)
    section = coverage_section([intervals(held_of(18, 20))], calibration, 0.9, part="test")
    said = "Coverage is not guaranteed: 25 % of the calibration values lie outside all possible predictions."
    assert said in section.text


def test_the_curve_shows_every_level_with_its_uncertainty() -> None:
    rng = np.random.default_rng(1)
    observed = rng.normal(size=200)
    calibration = calibrate_numbers(observed[:100], np.zeros(100), None)
    bounds = {level: interval(calibration, np.zeros(100), level) for level in levels_to_judge(0.9)}
    found = coverage_of_intervals(observed[100:], bounds, None)
    (axes,) = coverage_curve(found).axes
    held = next(line for line in axes.lines if line.get_label() == "observed")
    assert np.asarray(held.get_xdata()).tolist() == list(levels_to_judge(0.9))
    assert np.asarray(held.get_ydata()).tolist() == [one.share.value for one in found]
    bottom = axes.get_ylim()[0]
    assert bottom <= min(one.share.low for one in found)


def page_of(section: Section) -> str:
    return render(Page("", "", "", [], [], [section], ""))


def test_the_section_of_classes_stands_on_the_page() -> None:
    rng = np.random.default_rng(2)
    probabilities = rng.dirichlet([0.5] * 3, size=200)
    codes = np.array([rng.choice(3, p=row) for row in probabilities])
    calibration = calibrate_classes(probabilities[:100], codes[:100], None)
    sets = {level: class_sets(calibration, probabilities[100:], level) for level in levels_to_judge(0.9)}
    found = coverage_of_sets(codes[100:], sets, None)
    section = coverage_section(found, calibration, 0.9, part="test")
    assert section.text[0].startswith("Prediction sets should cover 9 of 10 new samples;")
    assert section.text[1].startswith("A set has ")
    (table,) = section.tables
    assert table.header == ("nominal", "observed", "mean number of classes", "sets with one class")
    assert [row[0].text for row in table.rows] == ["50 %", "60 %", "70 %", "80 %", "90 %", "95 %"]
    page = page_of(section)
    assert "Prediction set coverage" in page
    assert "nominal coverage" in page
