from __future__ import annotations

import numpy as np
import pytest

from aam.data.targets.kinds import CLASSES, NUMBERS, Predictions, TargetSpec
from aam.evaluation.baseline_comparison import headline, judge, verdicts

NUMBER = TargetSpec(column="month_of_life", kind=NUMBERS, mean=10.0)
CLASS = TargetSpec(column="site", kind=CLASSES, classes=("gut", "skin"), majority="gut")


def numbers(noise: float, seed: int = 0, size: int = 138) -> Predictions:
    rng = np.random.default_rng(seed)
    observed = np.linspace(0, 20, size)
    return Predictions(
        kind=NUMBERS,
        sample_ids=np.arange(size).astype(str).astype(object),
        observed=observed,
        predicted=observed + noise * np.where(rng.random(size) < 0.5, -1, 1),
    )


def test_the_headline_is_in_the_users_units() -> None:
    judgement = judge("test", numbers(2.9), numbers(2.8), NUMBER)
    assert headline(judgement, NUMBER) == (
        "On 138 held-out test samples, the mean absolute error of month_of_life is 2.90; "
        "2.80 for a random forest, 5.04 for predicting the mean."
    )


@pytest.mark.parametrize(
    ("noise", "forest", "words"),
    [
        (1.0, 2.0, "It is clearly better than the random forest"),
        (2.0, 1.0, "The random forest is clearly better"),
        (2.0, 2.0, "It does not differ clearly from the random forest"),
    ],
)
def test_verdicts_on_the_forest_follow_the_paired_difference(noise: float, forest: float, words: str) -> None:
    lines = verdicts(judge("test", numbers(noise), numbers(forest, seed=1), NUMBER))
    assert lines[0] == "The model is clearly better than the constant prediction."
    assert words in lines[1]
    assert len(lines) == 2


def test_a_useless_model_and_optimistic_validation_are_named() -> None:
    lines = verdicts(judge("validation", numbers(30.0), None, NUMBER))
    assert "do not rely on it" in lines[0]
    assert "slightly optimistic" in lines[-1]


def test_worst_samples_come_first() -> None:
    found = numbers(0.0, size=10)
    found.predicted[[3, 7]] += [5, -9]
    assert list(NUMBERS.worst(found)[:2]) == [7, 3]
    labels = np.array(["gut", "gut", "skin"], dtype=object)
    said = Predictions(
        kind=CLASSES,
        sample_ids=labels,
        observed=labels,
        predicted=np.array(["skin", "skin", "skin"], dtype=object),
        classes=CLASS.classes,
        probabilities=np.array([[0.4, 0.6], [0.1, 0.9], [0.3, 0.7]]),
    )
    assert list(CLASSES.worst(said)) == [1, 0]
    found = headline(judge("test", said, None, CLASS), CLASS)
    assert "the balanced accuracy of site is 50 %; 50 % for predicting the most frequent" in found
