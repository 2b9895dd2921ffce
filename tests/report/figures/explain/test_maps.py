from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.stats import spearmanr

from aam.report.figures.explain.abundance import abundance_by_value
from aam.report.figures.explain.agreement import agreement_matrix, rank_correlations
from aam.report.figures.explain.parts import Series, by_sign, logged
from aam.report.figures.explain.positions import position_track
from aam.report.figures.explain.samples import pooled, sample_heat_maps
from aam.report.style import to_svg
from tests.report.explanations import make_effects


def test_shares_below_the_floor_are_alike() -> None:
    assert logged(np.array([0.0, 1e-6, 1e-4, 1.0])) == pytest.approx([-4.5, -4.5, -4, 0])


def test_effects_are_the_more_opaque_the_stronger() -> None:
    colours = by_sign(np.array([0.0, 1.0, -2.0, 9.0, np.nan]), 2.0)
    assert colours[:, 3] == pytest.approx([0, 0.5, 1, 1, 0])
    assert (colours[1, :3] == colours[3, :3]).all()
    assert (colours[1, :3] != colours[2, :3]).any()


def test_the_running_median_follows_the_shares() -> None:
    values = np.arange(80.0)
    figure = abundance_by_value({"Blautia": 10 ** (-4 + values / 20)}, values, "age")
    (line,) = figure.axes[0].lines
    assert np.asarray(line.get_ydata()) == pytest.approx(-4 + np.asarray(line.get_xdata()) / 20)
    to_svg(figure)


def test_each_class_has_its_median() -> None:
    values = np.array(["b"] * 3 + ["a"] * 3 + [""], dtype=object)
    shares = np.array([0.1, 0.1, 1.0, 0.0, 0.01, 0.01, 1.0])
    axes = abundance_by_value({"Blautia": shares, "Dorea": shares}, values, "site").axes[0]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["a", "b"]
    assert [float(line.get_ydata()[0]) for line in axes.lines] == pytest.approx([-2, -1])  # type: ignore[index]


def test_samples_stand_in_the_order_of_the_value() -> None:
    share = np.array([[1e-4], [1.0], [0.0]])
    figure = sample_heat_maps(["Blautia"], share, None, np.array([3.0, 1.0, 2.0]), "age")
    (axes,) = figure.axes
    (image,) = axes.images
    drawn = np.asarray(image.get_array())
    assert drawn.shape == (1, 3, 4)
    assert drawn[0, :, 3].tolist() == [1, 0, 1]
    assert {text.get_text() for text in axes.texts} == {"1", "3"}
    assert len(sample_heat_maps(["Blautia"], share, share, share[:, 0], "age").axes) == 2


def test_neighbours_of_many_samples_are_averaged() -> None:
    values = np.arange(20.0)[:, None]
    assert pooled(values, 5)[:, 0].tolist() == [1.5, 5.5, 9.5, 13.5, 17.5]
    assert pooled(values, 20) is values


def test_positions_are_counted_from_one() -> None:
    effects = make_effects(np.array([[1.0], [-2.0]]), "position", names=("1", "2"))
    (axes,) = position_track([Series(title="network", effects=effects)]).axes
    bars = [(bar.get_x() + bar.get_width() / 2, bar.get_height()) for bar in axes.patches]  # type: ignore[attr-defined]
    assert bars == [(1.0, 1.0), (2.0, -2.0)]


def test_methods_agree_by_the_ranks_of_what_both_have() -> None:
    rng = np.random.default_rng(0)
    names = tuple(f"g{place}" for place in range(9))
    first = make_effects(rng.normal(size=(9, 1)), names=names)
    second = make_effects(rng.normal(size=(7, 1)), names=names[2:])
    few = make_effects(np.ones((2, 1)), names=names[:2])
    series = [Series(title=str(place), effects=one) for place, one in enumerate((first, second, few))]
    found = rank_correlations(series)
    expected = spearmanr(first.importance_GO[2:, 0], second.importance_GO[:, 0]).statistic
    assert found[0, 1] == found[1, 0] == pytest.approx(expected)
    assert found[0, 0] == pytest.approx(1)
    assert np.isnan(found[2]).all()
    texts = [text.get_text() for text in agreement_matrix(series).axes[0].texts]
    assert texts[1] == f"{expected:.2f}".replace("-", "\u2212")
    assert texts[-1] == "\u2013"


def test_things_without_an_effect_are_left_out() -> None:
    effects = make_effects(np.array([[1.0], [-1.0], [0.5]]))
    gaps = dataclasses.replace(effects, importance_GO=np.array([[np.nan], [1.0], [2.0]]))
    series = [Series(title="one", effects=effects), Series(title="two", effects=gaps)]
    assert np.isnan(rank_correlations(series)[0, 1])
