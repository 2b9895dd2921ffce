from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn import metrics

from aam.data.targets import kinds
from aam.data.targets.kinds import NUMBERS, Predictions
from aam.evaluation.metrics import compare, compare_repeats, evaluate, evaluate_repeats, measure, score

CLASSES = ("a", "b", "c", "d")


def numbers(size: int = 40, noise: float = 1.0, seed: int = 0) -> Predictions:
    rng = np.random.default_rng(seed)
    observed = rng.normal(10, 3, size).round(1)
    return Predictions(
        kind=NUMBERS,
        sample_ids=ids(size),
        observed=observed,
        predicted=(observed + rng.normal(0, noise, size)).round(1),
    )


def labels(size: int = 60, classes: tuple[str, ...] = CLASSES, strength: float = 1.0, seed: int = 0) -> Predictions:
    rng = np.random.default_rng(seed)
    codes = rng.integers(len(classes), size=size)
    scores = (rng.normal(size=(size, len(classes))) + strength * np.eye(len(classes))[codes]).round(1)
    shares = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    names = np.array(classes, dtype=object)
    return Predictions(
        kind=kinds.CLASSES,
        sample_ids=ids(size),
        observed=names[codes],
        predicted=names[shares.argmax(axis=1)],
        classes=classes,
        probabilities=shares,
    )


def ids(size: int) -> np.ndarray:
    return np.array([f"s{i}" for i in range(size)], dtype=object)


def oracle_of_numbers(p: Predictions) -> dict[str, float]:
    return {
        "mae": metrics.mean_absolute_error(p.observed, p.predicted),
        "rmse": metrics.root_mean_squared_error(p.observed, p.predicted),
        "r2": metrics.r2_score(p.observed, p.predicted),
        "spearman": spearmanr(p.observed, p.predicted).statistic,
    }


def oracle_of_classes(p: Predictions) -> dict[str, float]:
    observed, predicted = p.observed.astype(str), p.predicted.astype(str)
    assert p.probabilities is not None
    scored = p.classes[1:] if len(p.classes) == 2 else p.classes
    occur = [p.classes.index(name) for name in scored if (p.observed == name).any()]
    areas = [metrics.roc_auc_score(p.observed == p.classes[code], p.probabilities[:, code]) for code in occur]
    recalls = metrics.recall_score(observed, predicted, labels=np.unique(observed), average=None, zero_division=0)
    return {
        "balanced_accuracy": recalls.mean(),
        "accuracy": metrics.accuracy_score(observed, predicted),
        "f1": metrics.f1_score(observed, predicted, average="macro", zero_division=0),
        "auroc": float(np.mean(areas)),
    }


def oracle(p: Predictions) -> dict[str, float]:
    return oracle_of_classes(p) if p.classes else oracle_of_numbers(p)


@pytest.mark.parametrize("predictions", [numbers(), numbers(noise=20), labels(), labels(size=9), labels(strength=4)])
def test_metrics_are_those_of_scikit_learn(predictions: Predictions) -> None:
    assert score(predictions) == pytest.approx(oracle(predictions), rel=1e-13)
    assert list(score(predictions)) == list(predictions.kind.metrics)


@pytest.mark.parametrize(("shift", "scale"), [(2015.0, 2.0), (1e6, 1.0), (0.0, 1e-6), (1e9, 1e-3)])
def test_numbers_far_from_zero_keep_their_metrics(shift: float, scale: float) -> None:
    p = numbers(500)
    far = dataclasses.replace(p, observed=shift + scale * p.observed, predicted=shift + scale * p.predicted)
    expected = oracle(far) | {name: oracle(p)[name] for name in ("r2", "spearman")}
    assert score(far) == pytest.approx(expected, rel=1e-9 if shift < 1e9 else 1e-3)


def test_auroc_of_two_classes_is_the_usual_one() -> None:
    p = labels(classes=("no", "yes"))
    assert p.probabilities is not None
    assert score(p)["auroc"] == pytest.approx(metrics.roc_auc_score(p.observed == "yes", p.probabilities[:, 1]))


@pytest.mark.parametrize("predictions", [numbers(), labels(), labels(classes=("a", "b"), size=25)])
def test_weighted_metrics_equal_those_of_the_repeated_samples(predictions: Predictions) -> None:
    rng = np.random.default_rng(5)
    weights = rng.multinomial(len(predictions), np.full(len(predictions), 1 / len(predictions)), size=20).astype(float)
    found = measure(predictions, weights)
    for row, times in enumerate(weights.astype(int)):
        expected = oracle(predictions.select(np.repeat(np.arange(len(predictions)), times)))
        assert {name: values[row] for name, values in found.items()} == pytest.approx(expected)


def test_a_draw_without_a_class_leaves_the_class_out() -> None:
    p = labels()
    weights = (p.observed != "b").astype(float)[None]
    found = {name: values[0] for name, values in measure(p, weights).items()}
    expected = oracle(p.select(np.flatnonzero(p.observed != "b")))
    assert found == pytest.approx(expected)


def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    """The mean of |N(0, 1)| is sqrt(2 / pi)."""
    rng, covered = np.random.default_rng(1), 0
    for seed in range(150):
        observed = np.zeros(80)
        p = Predictions(kind=NUMBERS, sample_ids=ids(80), observed=observed, predicted=observed + rng.normal(size=80))
        interval = evaluate(p, draws=300, seed=seed)["mae"]
        covered += interval.low <= np.sqrt(2 / np.pi) <= interval.high
    assert 0.89 <= covered / 150 <= 0.98


def test_intervals_are_seeded_and_hold_the_value() -> None:
    first, again, other = (evaluate(labels(), draws=300, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    assert all(interval.low <= interval.value <= interval.high for interval in first.values())


@pytest.mark.parametrize("grouped", [False, True])
def test_a_constant_is_50_percent_in_every_draw(grouped: bool) -> None:
    few = labels(8, ("a", "b"))
    observed = np.array(["a"] * 6 + ["b"] * 2, dtype=object)
    groups = np.array(["x", "x", "y", "y", "z", "z", "z", "z"], dtype=object) if grouped else None
    constant = dataclasses.replace(few, observed=observed, predicted=np.array(["a"] * 8, dtype=object), groups=groups)
    found = evaluate(constant)
    assert dataclasses.astuple(found["balanced_accuracy"]) == (0.5, 0.5, 0.5)
    assert found["f1"].high < 0.5
    assert found["accuracy"].high == 1.0


def test_groups_that_are_alike_widen_the_intervals() -> None:
    rng = np.random.default_rng(3)
    errors, groups = np.repeat(rng.normal(size=12), 10), np.repeat(np.arange(12), 10).astype(str)
    observed = np.zeros(120)
    alone = Predictions(kind=NUMBERS, sample_ids=ids(120), observed=observed, predicted=errors)
    grouped = Predictions(kind=NUMBERS, sample_ids=ids(120), observed=observed, predicted=errors, groups=groups)
    widths = [i.high - i.low for i in (evaluate(p, draws=500)["mae"] for p in (alone, grouped))]
    assert widths[1] > 2 * widths[0]


def test_paired_differences_are_narrower_than_unpaired_ones() -> None:
    first = numbers(size=80, noise=3)
    better = first.observed + 0.9 * (first.predicted - first.observed)
    second = Predictions(kind=NUMBERS, sample_ids=first.sample_ids, observed=first.observed, predicted=better)
    lead = compare(first, second)["mae"]
    assert lead.value == pytest.approx(score(first)["mae"] - score(second)["mae"])
    assert lead.low > 0
    single = evaluate(first)["mae"]
    assert lead.high - lead.low < 0.2 * (single.high - single.low)


def test_no_difference_between_equal_predictors() -> None:
    lead = compare(labels(), labels())
    assert all((i.value, i.low, i.high) == (0, 0, 0) for i in lead.values())


def test_what_cannot_be_computed_is_nan_and_warns_nobody() -> None:
    constant = Predictions(kind=NUMBERS, sample_ids=ids(5), observed=np.ones(5), predicted=np.arange(5.0))
    found = evaluate(constant)
    assert np.isnan([found["r2"].value, found["r2"].low, found["spearman"].value]).all()
    assert found["mae"].value == pytest.approx(1.4)
    single = evaluate(numbers(size=1))
    assert np.isnan(single["r2"].value)
    assert np.isfinite(single["mae"].value)
    one_class = labels().select(np.flatnonzero(labels().observed == "a"))
    assert np.isnan(evaluate(one_class)["auroc"].value)


def test_many_samples_take_fewer_draws_in_blocks() -> None:
    p = numbers(size=30_000)
    interval = evaluate(p, draws=150)["spearman"]
    assert interval.low < interval.value < interval.high
    assert interval.high - interval.low < 0.02


def test_repeats_are_averaged() -> None:
    first, second = labels(seed=1), labels(seed=1, strength=2.0)
    second = dataclasses.replace(second, observed=first.observed)
    found = evaluate_repeats([first, second])
    for name, value in score(first).items():
        assert found[name].value == pytest.approx((value + score(second)[name]) / 2)


def test_repeats_are_drawn_together() -> None:
    """The mean of a repeat with itself varies as it does; independent draws of two would vary less."""
    one = dataclasses.replace(numbers(), groups=np.array([f"g{i // 4}" for i in range(40)], dtype=object))
    assert evaluate_repeats([one, one]) == evaluate(one)
    other = dataclasses.replace(one, predicted=one.predicted + 0.5)
    assert compare_repeats([one, one], [other, other]) == compare(one, other)


def test_repeats_are_of_the_same_samples() -> None:
    with pytest.raises(AssertionError):
        evaluate_repeats([numbers(), numbers().select(np.arange(40)[::-1])])
