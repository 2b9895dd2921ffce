from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from aam.evaluation.catalogue import Interval
from aam.report.html import render
from aam.report.tuning.figures import history, importances, limits, sliced, slices
from aam.report.tuning.page import tuning_page
from aam.report.tuning.shown import (
    COMPLETE,
    NO_RESULT,
    STOPPED,
    ShownOuter,
    ShownSearch,
    ShownTrial,
    ShownTuning,
    tuning_lines,
)

BAD = "<b>&'\"</b>"


def trial(number: int, value: float, **options: Any) -> ShownTrial:
    given = {"state": COMPLETE, "seconds": 2.0, "values": {"pull": 10.0**number, "learners": f"kind {number}"}}
    return ShownTrial(number=number, value=value, **{**given, **options})


def outer(lead: Interval, **options: Any) -> ShownOuter:
    tuned, default = Interval(2.0, 1.5, 2.5), Interval(2.5, 2.0, 3.0)
    given = {"column": "age", "main": "mae", "samples": 40, "groups": 8, "is_same": False}
    measured = {"tuned": {"mae": tuned}, "default": {"mae": default}, "difference": {"mae": lead}}
    return ShownOuter(**{**given, **measured, **options})


def search(**options: Any) -> ShownSearch:
    trials = [
        trial(0, 2.5, is_default=True),
        trial(1, 2.0, is_best=True, is_within=True),
        trial(2, 2.1, is_within=True, is_chosen=True),
        trial(3, 90.0),
        trial(4, 2.2, state=STOPPED),
        trial(5, math.nan, state=NO_RESULT, reason=BAD, seconds=math.nan, values={}),
    ]
    given = {"name": "search", "trials": trials, "changed": {"--pull": 100.0, "--learners": BAD}}
    return ShownSearch(**{**given, "importance": {"pull": 0.8}, "logarithmic": frozenset({"pull"}), **options})


def shown(*outers: ShownOuter, **options: Any) -> ShownTuning:
    given = {"targets": ["age"], "metric": "mae", "searches": [search()], "how": ["How."]}
    given |= {"command": "aam train --config b.yaml", "untuned_command": "aam train --table t", "best": "b.yaml"}
    return ShownTuning(**{**given, "outer": outers or [outer(Interval(-0.5, -0.9, -0.1))], **options})


@pytest.mark.parametrize(
    ("lead", "words"),
    [
        (Interval(-0.5, -0.9, -0.1), "Worth it: on 40 held-out samples (8 groups) that no trial saw"),
        (Interval(-0.5, -0.9, 0.1), "no clear difference, so the untuned default will do."),
        (Interval(0.5, 0.1, 0.9), "; take the untuned default."),
    ],
)
def test_whether_it_is_worth_it_comes_first(lead: Interval, words: str) -> None:
    assert words in next(tuning_lines(shown(outer(lead))))


def test_a_larger_metric_is_better_where_it_is() -> None:
    lead = Interval(0.1, 0.05, 0.2)
    one = outer(lead, main="balanced_accuracy", difference={"balanced_accuracy": lead})
    assert one.sign == 1
    assert replace(one, difference={"balanced_accuracy": Interval(-0.1, -0.2, -0.05)}).sign == -1


def test_the_choice_and_its_rule_are_told() -> None:
    _, choice, rule = tuning_lines(shown())
    assert choice.startswith("Of 6 trials (1 stopped early) the choice is --pull 100")
    assert "mean absolute error 2.10 (untuned 2.50) over the folds" in choice
    within = "Of the 2 trials within one standard error of the best (mean absolute error 2), it is"
    assert rule == f"{within} the fastest that is no worse than the untuned default."
    trials = [replace(one, seconds=1.9) if one.is_best else one for one in search().trials]
    assert list(tuning_lines(shown(searches=[search(trials=trials)])))[-1] == (
        f"{within} the best of those that train about as fast as the fastest that is no worse than the untuned default."
    )


def test_a_default_that_is_chosen_is_told() -> None:
    alone = search(trials=[trial(0, 2.5, is_default=True, is_chosen=True, is_best=True, is_within=True)], changed={})
    same = outer(Interval(0, 0, 0), is_same=True)
    first, choice, rule = tuning_lines(shown(same, searches=[alone]))
    assert "the choice and the untuned default predict the same" in first
    assert choice.startswith("Of 1 trial the untuned default is the choice")
    assert rule.startswith("It is the best of all trials")


def test_the_page_has_it_all_and_escapes_it() -> None:
    outers = [search(name="outer-1"), search()]
    page = render(tuning_page(shown(searches=outers)))
    assert BAD not in page
    for words in (
        "Is it worth it?",
        "The search on all samples",
        "The search without outer fold 1",
        "Next, train with what was found",
    ):
        assert words in page
    assert "train with the defaults" not in page


def test_what_is_not_worth_it_is_not_advised() -> None:
    found = shown(outer(Interval(-0.5, -0.9, 0.1)))
    assert (found.next_title, found.next_command) == ("train with the defaults", "aam train --table t")
    page = render(tuning_page(found))
    assert "Next, train with the defaults" in page
    assert "The options that were found are in b.yaml." in page
    assert "aam train --config b.yaml" not in page


def test_a_derived_value_is_told() -> None:
    untuned = trial(0, 2.5, is_default=True, values={"pull": 1.0}, derived=frozenset({"learners"}))
    page = render(tuning_page(shown(searches=[search(trials=[untuned, *search().trials[1:]])])))
    assert page.count("as derived") == 1


def test_far_trials_do_not_squeeze_the_others() -> None:
    low, high = limits(list(search().trials[:4]), "mae")
    assert low < 2.0 < 2.5 < high < 10
    low, high = limits([trial(0, 1.0), trial(1, 0.9), trial(2, 0.95), trial(3, -50.0)], "r2")
    assert -5 < low < 0.9 < 1.0 < high
    low, high = limits([trial(0, 2.0)], "mae")
    assert low < 2.0 < high


def test_figures_draw_every_trial() -> None:
    one = search()
    (axes,) = history(one, "mae").axes
    drawn = {label: len(line.get_xdata()) for line in axes.lines if (label := str(line.get_label())) in LABELS}
    assert drawn == {"trial": 2, "within one standard error": 2, "stopped early": 1, "the choice": 1}
    assert sliced(one) == ["pull", "learners"]
    assert [axes.get_title("left") for axes in slices(one, "mae").axes] == ["pull", "learners"]
    (bars,) = importances(one).axes
    assert [bar.get_width() for bar in bars.patches] == [0.8]


LABELS = ("trial", "within one standard error", "stopped early", "the choice")
