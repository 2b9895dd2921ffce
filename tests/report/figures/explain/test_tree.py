from __future__ import annotations

import numpy as np
import pytest

from aam.report.figures.explain.parts import LOWERS, RAISES, UNCLEAR
from aam.report.figures.explain.tree import Tip, branches, effect_tree
from aam.report.style import CATEGORIES, MUTED, stacked, to_svg

# Ward's order: tips first. ((0,2)5,(1,(3,4)6)7)8
PARENT = np.array([5, 7, 5, 6, 6, 8, 7, 8, -1])
LENGTH = np.array([1.0, 2.0, 1.0, 0.5, 0.5, 3.0, 1.5, 1.0, 0.0])


def test_tips_are_in_rows_that_no_branches_cross() -> None:
    tree = branches(PARENT, LENGTH, [4, 0, 1, 2, 3])
    rows = {tip: tree.tip_of[place] for place, tip in enumerate([4, 0, 1, 2, 3])}
    assert rows == {0: 0, 2: 1, 1: 2, 3: 3, 4: 4}
    for below in tree.below:
        assert sorted(below) == list(range(min(below), max(below) + 1))


def test_depths_are_sums_of_branch_lengths() -> None:
    tree = branches(PARENT, LENGTH, [0, 3, 4])
    depth_of_row = {int(tree.y[node]): tree.x[node] for node in range(len(tree.parent)) if len(tree.below[node]) == 1}
    assert depth_of_row == {0: pytest.approx(4.0), 1: pytest.approx(3.0), 2: pytest.approx(3.0)}
    assert branches(PARENT, None, [0, 3, 4]).x.max() == 3


def tips() -> list[Tip]:
    ends = [(1.0, 0.5, 1.5), (-1.0, -1.5, -0.5), (0.1, -0.2, 0.4), (np.nan, np.nan, np.nan), (2.0, 1.0, 3.0)]
    clades = [{"one"}, {"two"}, {"one"}, {"two"}, {"two"}]
    return [
        Tip(label=f"tip {place}", value=value, low=low, high=high, clades=frozenset(of))
        for place, ((value, low, high), of) in enumerate(zip(ends, clades, strict=True))
    ]


def test_clades_are_coloured_and_effects_are_bars() -> None:
    figure = effect_tree(branches(PARENT, LENGTH, range(5)), tips(), ["one", "two"], "months")
    trunk, bars = figure.axes
    inks = {line.get_color() for line in trunk.lines}
    assert inks == {CATEGORIES[0], CATEGORIES[1], MUTED}
    assert [text.get_text() for text in bars.get_yticklabels()] == ["tip 0", "tip 2", "tip 1", "tip 3", "tip 4"]
    drawn = [(round(bar.get_y() + 0.33), bar.get_width()) for bar in bars.patches]  # type: ignore[attr-defined]
    assert drawn == [(0, 1.0), (1, pytest.approx(0.1)), (2, -1.0), (4, 2.0)]
    colours = [bar.get_facecolor() for bar in bars.patches]
    assert len({*colours}) == len({RAISES, LOWERS, UNCLEAR})
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["one", "two"]
    to_svg(figure)


def test_a_narrow_tree_has_its_bars_beside_it() -> None:
    with stacked():
        figure = effect_tree(branches(PARENT, LENGTH, range(5)), tips(), [], "months")
        trunk, bars = figure.axes
    figure.draw_without_rendering()
    assert trunk.get_position().x1 <= bars.get_position().x0
    assert figure.get_figwidth() < 5
