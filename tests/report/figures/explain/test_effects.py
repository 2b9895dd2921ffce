from __future__ import annotations

import numpy as np
import pytest

from aam.report.figures.explain.effects import ranked_effects, sample_effects, swarm
from aam.report.figures.explain.parts import LOWERS, RAISES, UNCLEAR, Series, colour_of
from aam.report.style import stacked, to_svg
from tests.report.explanations import GENERA, SIZE, make_effects

EFFECTS = make_effects(np.array([[2.0], [-1.0], [0.05]]))


def test_dots_lie_on_their_intervals_in_the_colour_of_the_sign() -> None:
    figure = ranked_effects([Series(title="whole model", effects=EFFECTS)], GENERA, frozenset(GENERA[:1]))
    (axes,) = figure.axes
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    assert [float(line.get_xdata()[0]) for line in dots] == [2.0, -1.0, 0.05]  # type: ignore[index]
    assert [line.get_markeredgecolor() for line in dots] == [RAISES, LOWERS, UNCLEAR]
    bars = [np.asarray(line.get_xdata()).tolist() for line in axes.lines if line.get_linewidth() == 5]
    assert bars == [pytest.approx(ends) for ends in ([1.9, 2.1], [-1.1, -0.9], [-0.15, 0.25])]
    labels = [text.get_text() for text in axes.get_yticklabels()]
    assert labels == ["\u25c6 Faecalibacterium, n = 48", "Bifidobacterium, n = 48", "Blautia, n = 48"]


def test_each_series_has_a_panel_and_may_lack_things() -> None:
    other = make_effects(np.array([[3.0]]), names=GENERA[2:])
    series = [Series(title="one", effects=EFFECTS), Series(title="two", effects=other)]
    first, second = ranked_effects(series, GENERA).axes
    assert [line.get_ydata()[0] for line in second.lines if line.get_marker() == "o"] == [2]  # type: ignore[index]
    assert [text.get_text() for text in second.get_yticklabels()] == ["", "", ""]
    assert first.get_title(loc="left") == "one"
    with stacked():
        _, below = ranked_effects(series, GENERA).axes
    assert below.get_yticklabels()[0].get_text().startswith("Faecalibacterium")


def test_an_effect_without_an_interval_is_unclear() -> None:
    assert colour_of(np.nan, np.nan) == UNCLEAR
    assert colour_of(0.0, 1.0) == UNCLEAR
    assert colour_of(-2.0, -1.0) == LOWERS


def test_the_swarm_has_a_dot_for_each_sample_with_the_thing() -> None:
    share = np.full((SIZE, 2), 0.01)
    share[:10, 0] = 0
    figure = sample_effects(EFFECTS, 0, GENERA[:2], share)
    dots = [np.asarray(cloud.get_offsets()) for cloud in figure.axes[0].collections]
    assert [len(places) for places in dots] == [SIZE - 10, SIZE]
    assert np.abs(dots[0][:, 1]).max() < 0.5
    assert np.abs(dots[1][:, 1] - 1).max() < 0.5
    to_svg(figure)


def test_dots_that_are_alike_lie_beside_each_other() -> None:
    places = swarm(np.array([1.0, 1.0, 1.0, 5.0]))
    assert len(set(places[:3].tolist())) == 3
    assert places[3] == 0
    assert len(swarm(np.empty(0))) == 0
