"""The figures of an evaluation show what they are given, and read on a narrow screen."""

from __future__ import annotations

import numpy as np
import pytest

from aam.evaluation.catalogue import Interval
from aam.report.figures.evaluation import errors_against_facts, level_chart, robustness_chart, size_words
from aam.report.style import stacked

LEVELS = ["soil (40)", "a level with a rather long name of its own (12)"]
FOUND = [Interval(2.0, 1.5, 2.5), Interval(3.0, np.nan, np.nan)]


def test_each_level_has_a_dot_and_its_interval() -> None:
    figure = level_chart(LEVELS, {"mae": FOUND, "bias": FOUND}, {"mae": 2.2, "bias": 0.0})
    first = figure.axes[0]
    dots = [line for line in first.lines if line.get_marker() == "o"]
    assert [float(dot.get_xdata()[0]) for dot in dots] == [2.0, 3.0]
    bars = [line for line in first.lines if len(line.get_xdata()) == 2 and line.get_linewidth() == 4]
    assert [list(bar.get_xdata()) for bar in bars] == [[1.5, 2.5]], "one level has no interval"
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["Mean absolute error (MAE)", "Bias"]
    names = [text.get_text() for text in first.get_yticklabels()]
    assert names[0] == "soil (40)"
    assert max(map(len, names)) <= 26


def test_facts_that_are_not_known_have_no_panel() -> None:
    values = np.linspace(1, 20, 30)
    facts = {"reads": 100 * values, "asvs": values, "shannon": values, "novelty": np.full(30, np.nan)}
    figure = errors_against_facts(facts, np.sin(values), "error", 0.0)
    assert [axes.get_xlabel() for axes in figure.axes] == ["reads", "observed ASVs", "Shannon diversity (bits)"]
    assert figure.axes[0].get_xscale() == "log"


@pytest.mark.parametrize("narrow", [False, True])
def test_disturbed_samples_share_an_axis(narrow: bool) -> None:
    depth = [(1000.0, Interval(2, 1, 3)), (100.0, Interval(5, 4, 6))]
    steps = {"depth": depth, "lost ASVs": [(0.1, Interval(2, 1, 3))]}
    if narrow:
        with stacked():
            figure = robustness_chart(steps, "mae", Interval(1.8, 1, 2), 9.0)
    else:
        figure = robustness_chart(steps, "mae", Interval(1.8, 1, 2), 9.0)
    first, second = figure.axes
    assert first.get_ylim() == second.get_ylim()
    assert first.get_ylim()[1] > 9
    assert first.get_xlim()[0] > first.get_xlim()[1], "fewer reads are to the right"
    assert list(first.lines[0].get_xdata()) == [1000, 100]
    assert bool(figure.get_figwidth() < 5) == narrow


def test_sizes_in_words() -> None:
    assert size_words("depth", 10_000) == "10,000 reads"
    assert size_words("contamination", 0.02) == "2 %"
