"""The figure of a learning curve: what was measured, the law, and what it foretells. Data in, figure out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, PercentFormatter

from aam.evaluation.catalogue import metric
from aam.evaluation.learning_curve import Curve, band
from aam.report.style import FOREST, GUESS, HALF, INK, MODEL, MUTED, PAPER, SMALL, WIDE, grid_of_axes, styled

LABELS = {"blend": "Blend", "forest": "Random forest"}
COLOURS = {"blend": MODEL, "forest": FOREST}
HEIGHT = 3.8
DRAWN = 80
"""Places at which a law is drawn."""


def learning_curves(curves: Mapping[str, Curve], guess: float) -> Figure:
    """A panel for each learner, with the same axes.

    Parameters
    ----------
    curves
        Learner -> its curve, all for one target.
    guess
        The metric of the constant prediction.
    """
    with styled():
        width = WIDE if len(curves) > 1 else HALF
        figure, panels = grid_of_axes(1, len(curves), HEIGHT, width)
        for axes, (learner, curve) in zip(panels, curves.items(), strict=True):
            _draw(axes, curve, COLOURS[learner])
            axes.set_title(LABELS[learner])
        _same_axes(panels, curves, guess)
    return figure


def _draw(axes: Axes, curve: Curve, colour: str) -> None:
    name, units = curve.main, np.array([point.units for point in curve.points])
    values = np.array([point.metrics[name].value for point in curve.points])
    ends = np.array([[point.metrics[name].low, point.metrics[name].high] for point in curve.points])
    axes.vlines(units, ends[:, 0], ends[:, 1], color=colour, linewidth=2, alpha=0.5, zorder=3)
    axes.plot(units, values, "o", color=colour, markersize=6, markeredgecolor=PAPER, label="measured", zorder=4)
    if curve.law is not None:
        furthest = curve.law.forecasts[-1].units
        sizes = np.geomspace(units[0], furthest, DRAWN)
        middle, low, high = band(curve, sizes)
        axes.fill_between(sizes, low, high, color=colour, alpha=0.13, linewidth=0, zorder=1)
        axes.plot(sizes, middle, color=colour, linewidth=1.4, zorder=2, label="law")
        told = np.array([one.units for one in curve.law.forecasts])
        axes.plot(
            told,
            [one.value.value for one in curve.law.forecasts],
            "o",
            color=colour,
            markerfacecolor=PAPER,
            markersize=6,
            label="foretold",
            zorder=4,
        )
    axes.axvline(curve.total, color=MUTED, linewidth=0.8, linestyle=":")


def _same_axes(panels: list[Axes], curves: Mapping[str, Curve], guess: float) -> None:
    first = next(iter(curves.values()))
    name = first.main
    limits = [axes.get_ylim() for axes in panels]
    low, high = min(limit[0] for limit in limits), max(limit[1] for limit in limits)
    near = low - 0.5 * (high - low) <= guess <= high + 0.5 * (high - low)
    if near:
        margin = 0.04 * (high - low)
        low, high = min(low, guess - margin), max(high, guess + margin)
    ticks = _ticks(first)
    for axes in panels:
        axes.set_xscale("log")
        axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_ylim(low, high)
        axes.set_xlabel("training samples" if first.unit == "sample" else f"training groups ({first.unit})")
        axes.set_ylabel(metric(name).name)
        if metric(name).is_share:
            axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
        if near:
            axes.axhline(guess, color=GUESS, linewidth=1, linestyle="--", label="constant prediction")
        axes.legend(fontsize=SMALL, loc="best", labelcolor=INK)


def _ticks(curve: Curve) -> list[int]:
    """The study's groups, and doublings down to the smallest size and up to what was foretold."""
    smallest = curve.points[0].units
    furthest = curve.total if curve.law is None else curve.law.forecasts[-1].units
    ticks, tick = [], float(furthest)
    while tick >= 0.9 * smallest:
        ticks.append(round(tick))
        tick /= 2
    return sorted(set(ticks))
