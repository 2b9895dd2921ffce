"""Metrics within levels, their differences, and lines of calibration."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy import stats
from sklearn.linear_model import LogisticRegression

from aam.data.targets import kinds
from aam.data.targets.kinds import NUMBERS, Predictions, TargetSpec
from aam.evaluation.coverage import coverage_of_intervals
from aam.evaluation.errors.columns import Usable
from aam.evaluation.errors.confusion import confusion_table
from aam.evaluation.errors.facts import sample_facts
from aam.evaluation.errors.held_out import difference_of_independent
from aam.evaluation.errors.levels import calibration_line, gap_between, level_scores
from aam.evaluation.errors.measure import error_size, signed_error
from aam.evaluation.errors.worst import worst_samples
from aam.evaluation.metrics import Interval

SPEC = TargetSpec(column="age", kind=NUMBERS, mean=10.0)


def numbers(size: int = 60, seed: int = 0) -> Predictions:
    rng = np.random.default_rng(seed)
    observed = rng.normal(10, 3, size)
    ids = np.array([f"s{i}" for i in range(size)], dtype=object)
    return Predictions(kind=NUMBERS, sample_ids=ids, observed=observed, predicted=observed + rng.normal(0, 1, size))


def labels(size: int = 80, seed: int = 0) -> Predictions:
    rng = np.random.default_rng(seed)
    share = rng.uniform(0.05, 0.95, size)
    names = np.array(["no", "yes"], dtype=object)
    return Predictions(
        kind=kinds.CLASSES,
        sample_ids=np.array([f"s{i}" for i in range(size)], dtype=object),
        observed=names[(rng.random(size) < share).astype(int)],
        predicted=names[(share > 0.5).astype(int)],
        classes=("no", "yes"),
        probabilities=np.column_stack([1 - share, share]),
    )


def test_each_level_is_judged_alone() -> None:
    found, level = numbers(), np.array([["a", "b", ""][i % 3] for i in range(60)], dtype=object)
    covered = coverage_of_intervals(found.observed, {0.9: (found.predicted - 1, found.predicted + 1)}, None)[0]
    scores = level_scores(found, SPEC, level, covered)
    assert [one.level for one in scores] == ["a", "b"]
    own = found.select(np.flatnonzero(level == "b"))
    error = own.predicted - own.observed
    assert scores[1].metrics["mae"].value == pytest.approx(np.abs(error).mean())
    assert scores[1].bias.value == pytest.approx(error.mean())
    assert scores[1].constant == pytest.approx(np.abs(own.observed - 10).mean())
    assert scores[1].covered.value == pytest.approx((np.abs(error) <= 1).mean())
    assert scores[1].bias.low < error.mean() < scores[1].bias.high


def test_the_line_is_that_of_least_squares() -> None:
    found = numbers()
    slope, offset = calibration_line(found)
    expected = stats.linregress(found.predicted, found.observed)
    assert (slope.value, offset.value) == pytest.approx((expected.slope, expected.intercept))
    assert slope.low < slope.value < slope.high
    constant = dataclasses.replace(found, predicted=np.full(60, 10.0))
    assert np.isnan(calibration_line(constant)[0].value)


def test_the_line_of_two_classes_is_logistic() -> None:
    found = labels()
    slope, offset = calibration_line(found)
    assert found.probabilities is not None
    share = found.probabilities[:, 1]
    odds = np.log(share / (1 - share))[:, None]
    expected = LogisticRegression(C=1e9, tol=1e-8).fit(odds, found.observed == "yes")
    assert (slope.value, offset.value) == pytest.approx((expected.coef_[0, 0], expected.intercept_[0]), abs=1e-3)


def test_the_gap_is_between_best_and_worst() -> None:
    found = numbers(90)
    level = np.array(["a"] * 40 + ["b"] * 40 + ["few"] * 5 + [""] * 5, dtype=object)
    worse = dataclasses.replace(found, predicted=np.where(level == "b", found.predicted + 5, found.predicted))
    gap = gap_between(worse, Usable("site", False, level))
    assert (gap.best, gap.worst, gap.left_out) == ("a", "b", ("few",))
    error = np.abs(worse.predicted - worse.observed)
    assert gap.size.value == pytest.approx(error[level == "b"].mean() - error[level == "a"].mean())
    assert 0 < gap.size.low < gap.size.value < gap.size.high
    assert gap.association.p < 1e-6
    alone = gap_between(found, Usable("site", False, np.where(level == "b", "", level).astype(object)))
    assert (alone.best, alone.worst) == ("", "")
    assert np.isnan(alone.size.value)


def test_few_groups_have_no_intervals_and_no_gap() -> None:
    found = dataclasses.replace(numbers(80), groups=np.array([f"g{i // 10}" for i in range(80)], dtype=object))
    level = np.array(["a"] * 50 + ["b"] * 30, dtype=object)
    many, few = level_scores(found, SPEC, level)
    assert np.isfinite(many.metrics["mae"].low)
    assert np.isnan(few.metrics["mae"].low)
    assert np.isfinite(few.metrics["mae"].value)
    assert gap_between(found, Usable("site", False, level)).left_out == ("b",)


def test_the_gap_of_classes_is_one_of_shares() -> None:
    found = labels(100)
    level = np.array(["a", "b"] * 50, dtype=object)
    gap = gap_between(found, Usable("site", False, level))
    scores = {one.level: one.metrics["balanced_accuracy"].value for one in level_scores(found, CLASSES, level)}
    assert gap.size.value == pytest.approx(scores[gap.best] - scores[gap.worst])
    assert gap.size.value >= 0


CLASSES = TargetSpec(column="ill", kind=kinds.CLASSES, classes=("no", "yes"), majority="no")


def test_errors_of_numbers_and_classes() -> None:
    found, shares = numbers(), labels()
    np.testing.assert_allclose(error_size(found), np.abs(signed_error(found)))
    assert error_size(shares).mean() == pytest.approx((shares.predicted != shares.observed).mean())
    assert shares.probabilities is not None
    excess = shares.probabilities.max(axis=1).mean() - (shares.predicted == shares.observed).mean()
    assert signed_error(shares).mean() == pytest.approx(excess)


def test_a_difference_from_two_intervals() -> None:
    """With equal normal intervals the difference's is wider by the root of two."""
    found = difference_of_independent(Interval(5, 4, 6), Interval(3, 2, 4))
    assert (found.value, found.low, found.high) == pytest.approx((2, 2 - 2**0.5, 2 + 2**0.5))


def test_confusion_counts_every_level() -> None:
    found = labels()
    level = np.array(["a", ""] * 40, dtype=object)
    table = confusion_table(found, {"site": level})
    whole = table.where(table["column"] == "all")
    assert whole["samples"].sum() == 80
    assert table.where(table["level"] == "a")["samples"].sum() == 40
    row = next(row for row in whole.records() if (row["observed"], row["predicted"]) == ("yes", "no"))
    of_yes = found.observed == "yes"
    assert row["samples"] == (of_yes & (found.predicted == "no")).sum()
    assert row["share"] == pytest.approx(row["samples"] / of_yes.sum())


def facts_of(size: int) -> dict[str, np.ndarray]:
    ranks = np.arange(1.0, size + 1)
    return {
        "reads": ranks * 100,
        "asvs": ranks[::-1],
        "shannon": np.full(size, 2.0),
        "familiar_reads": np.where(ranks == 1, 0.2, 0.9),
        "novelty": np.where(ranks == 2, 3.0, 0.5),
    }


def test_the_worst_samples_and_what_is_unusual() -> None:
    found = numbers(40)
    predicted = found.observed.copy()
    predicted[[0, 1, 39]] += [30, 20, 10]
    observed = found.observed.copy()
    observed[1], predicted[1] = 99, 79
    found = dataclasses.replace(found, observed=observed, predicted=predicted)
    table = worst_samples(found, facts_of(40), np.full(40, "", dtype=object), (0, 50), most=3)
    assert table["sample-id"].tolist() == ["s0", "s1", "s39"]
    np.testing.assert_allclose(table["error"], [30, -20, 10])
    assert table["unusual"].tolist() == [
        "few reads (percentile 2); many ASVs (percentile 100); only 20 % of its reads are of known ASVs",
        "few reads (percentile 5); many ASVs (percentile 98); unlike the training samples (novelty 3); "
        "its true value is above all of training (50)",
        "many reads (percentile 100); few ASVs (percentile 2)",
    ]


def test_worst_classes_are_wrong_ones() -> None:
    found = labels()
    table = worst_samples(found, facts_of(80), np.full(80, "", dtype=object))
    assert (table["observed"] != table["predicted"]).all()
    assert (np.diff(table["probability_of_true"]) >= 0).all()


def test_facts_are_those_of_scikit_bio() -> None:
    from scipy.sparse import csr_array
    from skbio.diversity.alpha import observed_features, shannon

    counts = np.array([[5, 0, 3, 2], [0, 0, 7, 0], [1, 1, 1, 1]])
    found = sample_facts(csr_array(counts), np.ones(3), np.full(3, np.nan))
    np.testing.assert_allclose(found["shannon"], [shannon(row, base=2) for row in counts], atol=1e-12)
    np.testing.assert_array_equal(found["asvs"], [observed_features(row) for row in counts])
    np.testing.assert_array_equal(found["reads"], [10, 7, 4])
