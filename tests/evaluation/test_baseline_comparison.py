from __future__ import annotations

import dataclasses
import re

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
    ("noise", "forest", "words", "advice"),
    [
        (1.0, 2.0, "It is clearly better than the random forest (", "): prefer the model."),
        (2.0, 1.0, "The random forest is clearly better (", "): prefer the forest here."),
        (2.0, 2.0, "It does not differ clearly from the random forest (", "): either will do."),
    ],
)
@pytest.mark.parametrize("part", ["test", "folds", "out_of_fold"])
def test_verdicts_on_the_forest_follow_the_paired_difference(
    part: str, noise: float, forest: float, words: str, advice: str
) -> None:
    lines = verdicts(judge(part, numbers(noise), numbers(forest, seed=1), NUMBER))
    assert lines[0] == "The model is clearly better than the constant prediction."
    assert lines[1].startswith(words)
    assert lines[1].endswith(advice)
    assert len(lines) == (3 if part == "out_of_fold" else 2)


def test_a_useless_model_is_not_preferred_to_a_worse_forest() -> None:
    lines = verdicts(judge("test", numbers(30.0), numbers(60.0, seed=1), NUMBER))
    assert "do not rely on it" in lines[0]
    assert lines[1].startswith("It is clearly better than the random forest (")
    assert re.search(r", 95 % CI \S+ to \S+\)\.$", lines[1])


def test_a_model_that_is_the_forest_is_said_to_be() -> None:
    lines = verdicts(judge("test", numbers(2.0), numbers(2.0), NUMBER))
    assert lines[1] == "It predicts the same as the random forest."


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ("test", "On 138 held-out test samples whose host_subject_id the model has never seen (46 groups, held out"),
        ("folds", "On 138 cross-validated samples whose host_subject_id was not in training (46 groups, held out"),
        ("validation", "On 138 held-out validation samples, which also chose the model, the mean"),
    ],
)
def test_the_headline_says_what_was_held_out(part: str, words: str) -> None:
    alone = numbers(2.0)
    grouped = dataclasses.replace(alone, groups=(np.arange(len(alone)) // 3).astype(str).astype(object))
    assert headline(judge(part, grouped, None, NUMBER), NUMBER, "host_subject_id").startswith(words)
    assert " whose " not in headline(judge(part, grouped, None, NUMBER), NUMBER)
    assert " whose " not in headline(judge(part, alone, None, NUMBER), NUMBER, "host_subject_id")


def test_out_of_fold_predictions_are_said_to_be() -> None:
    alone = numbers(2.0)
    groups = (np.arange(len(alone)) // 3).astype(str).astype(object)
    grouped = dataclasses.replace(alone, groups=groups)
    assert headline(judge("out_of_fold", alone, None, NUMBER), NUMBER).startswith("On 138 out-of-fold training samples")
    assert "fitted without it; a test set" in verdicts(judge("out_of_fold", alone, None, NUMBER))[-1]
    assert "fitted without its group; a test set" in verdicts(judge("out_of_fold", grouped, None, NUMBER))[-1]


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
