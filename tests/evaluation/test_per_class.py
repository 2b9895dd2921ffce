from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.calibration import calibration_curve as oracle_curve
from sklearn.metrics import brier_score_loss, mean_squared_error, precision_recall_fscore_support

from aam.data.targets.kinds import CLASSES, Predictions
from aam.evaluation.per_class import calibration_curve, class_scores, reliability, wilson_interval


def predictions(classes: tuple[str, ...], number: int = 80, groups: np.ndarray | None = None) -> Predictions:
    """Probabilities that tend towards the truth."""
    rng = np.random.default_rng(0)
    codes = rng.integers(len(classes), size=number)
    scores = rng.normal(size=(number, len(classes))) + np.eye(len(classes))[codes]
    shares = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    names = np.array(classes, dtype=object)
    return Predictions(
        kind=CLASSES,
        sample_ids=np.arange(number).astype(str).astype(object),
        observed=names[codes],
        predicted=names[shares.argmax(axis=1)],
        classes=classes,
        probabilities=shares,
        groups=groups,
    )


def test_scores_of_classes_are_those_of_scikit_learn() -> None:
    table = predictions(("a", "b", "c"))
    found = class_scores(table)
    oracle = precision_recall_fscore_support(table.observed.astype(str), table.predicted.astype(str))
    for column, name in enumerate(("precision", "recall", "f1")):
        assert [getattr(one, name).value for one in found] == pytest.approx(oracle[column].tolist())
    assert [one.num_observed for one in found] == oracle[3].tolist()
    assert sum(one.num_predicted for one in found) == len(table)
    assert all(one.recall.low < one.recall.value < one.recall.high for one in found)


def test_a_class_that_nobody_predicts_has_no_precision() -> None:
    table = predictions(("a", "b", "c")).select(np.arange(3))
    table.predicted[:] = "a"
    last = class_scores(table)[2]
    assert np.isnan(last.precision.value)
    assert last.num_predicted == 0


def test_whole_groups_are_drawn() -> None:
    alone, grouped = (class_scores(predictions(("a", "b"), groups=g))[0] for g in (None, np.arange(80) // 20))
    assert alone.recall.value == grouped.recall.value
    assert (alone.recall.low, alone.recall.high) != (grouped.recall.low, grouped.recall.high)


def test_brier_score_of_two_classes_is_that_of_scikit_learn() -> None:
    table = predictions(("a", "b"))
    assert table.probabilities is not None
    is_second = (table.observed == "b").astype(int)
    found = reliability(table)
    assert found.brier.value == pytest.approx(brier_score_loss(is_second, table.probabilities[:, 1]))
    frequencies = np.full(80, is_second.mean())
    assert found.brier_of_frequencies == pytest.approx(brier_score_loss(is_second, frequencies))


def test_brier_score_of_three_classes_adds_theirs() -> None:
    table = predictions(("a", "b", "c"))
    assert table.probabilities is not None
    truth = table.observed[:, None] == np.array(table.classes)
    parts = [mean_squared_error(truth[:, code], table.probabilities[:, code]) for code in range(3)]
    assert reliability(table).brier.value == pytest.approx(sum(parts))


def test_confidence_beyond_accuracy_is_seen() -> None:
    table = predictions(("a", "b"), 200)
    assert table.probabilities is not None
    sure = (table.probabilities > 0.5).astype(float)
    found = reliability(Predictions(**{**vars(table), "probabilities": sure}))
    assert found.confidence == 1
    assert found.excess.value == pytest.approx(1 - found.accuracy)
    assert found.excess.low > 0


@pytest.mark.parametrize("number", [3, 5, 10])
def test_calibration_curve_is_that_of_scikit_learn(number: int) -> None:
    table = predictions(("a", "b"), 150)
    assert table.probabilities is not None
    is_second = table.observed == "b"
    found = calibration_curve(table.probabilities[:, 1], is_second, number)
    observed, predicted = oracle_curve(is_second, table.probabilities[:, 1], n_bins=number, strategy="quantile")
    assert [one.observed.value for one in found] == pytest.approx(observed.tolist())
    assert [one.predicted for one in found] == pytest.approx(predicted.tolist())
    assert sum(one.count for one in found) == 150


def test_wilson_intervals_are_those_of_scipy() -> None:
    found = wilson_interval(np.arange(20) < 7)
    oracle = binomtest(7, 20).proportion_ci(method="wilson")
    assert (found.low, found.high) == pytest.approx((oracle.low, oracle.high))
