"""The figures of a search: its history, what matters, and each option's values. Data in, figure out."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from aam.evaluation.catalogue import metric
from aam.report.style import (
    FOREST,
    GUESS,
    HALF,
    INK,
    MODEL,
    MUTED,
    PAPER,
    SMALL,
    WIDE,
    grid_of_axes,
    is_stacked,
    shorten_middle,
    styled,
    tidy_log_axis,
)
from aam.report.tuning.shown import COMPLETE, STOPPED, ShownSearch, ShownTrial, shown_value

HEIGHT, ROW, MARGIN = 3.4, 0.26, 0.9
MOST_SLICES, COLUMNS = 9, 3
LONGEST = 26
FAR = 4.0
"""Distances between the best and the median trial at which a trial is drawn at the edge."""


def history(search: ShownSearch, name: str) -> Figure:
    """The metric of each trial, in the order of their numbers, and the best so far."""
    with styled():
        figure, (axes,) = grid_of_axes(1, 1, HEIGHT, WIDE)
        complete = [one for one in search.trials if one.state == COMPLETE]
        stopped = [one for one in search.trials if one.state == STOPPED and math.isfinite(one.value)]
        low, high = limits(complete, name)
        _dots(axes, stopped, GUESS, "stopped early", (low, high), marker="x")
        _dots(axes, [one for one in complete if not one.is_within], GUESS, "trial", (low, high))
        _dots(axes, [one for one in complete if one.is_within], MODEL, "within one standard error", (low, high))
        _marked(axes, search)
        numbers, values = np.array([one.number for one in complete]), np.array([one.value for one in complete])
        running = (np.maximum if metric(name).higher_is_better else np.minimum).accumulate(values)
        axes.step(numbers, running, where="post", color=MODEL, linewidth=1.2, label="best so far", zorder=2)
        axes.set_xlabel("trial")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        _metric_axis(axes, name, (low, high))
        columns = 2 if is_stacked() else 6
        axes.legend(fontsize=SMALL, loc="upper center", bbox_to_anchor=(0.5, -0.16), labelcolor=INK, ncols=columns)
    return figure


def importances(search: ShownSearch) -> Figure:
    """How much each option matters, the most on top."""
    found = sorted(search.importance.items(), key=lambda one: one[1])
    with styled():
        figure, (axes,) = grid_of_axes(1, 1, MARGIN + ROW * len(found), HALF)
        axes.barh(range(len(found)), [share for _, share in found], color=MODEL, height=0.6)
        axes.set_yticks(range(len(found)), [shorten_middle(name, LONGEST) for name, _ in found])
        axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
        axes.xaxis.set_major_locator(MaxNLocator(4))
        axes.grid(axis="y", visible=False)
        axes.set_xlabel("importance")
    return figure


def slices(search: ShownSearch, name: str) -> Figure:
    """The metric of each trial by its values, in a panel for each option."""
    options = sliced(search)
    complete = [one for one in search.trials if one.state == COMPLETE]
    with styled():
        columns = min(COLUMNS, len(options))
        rows = -(-len(options) // columns)
        figure, panels = grid_of_axes(rows, columns, 2.5, WIDE if columns > 1 else HALF)
        for axes in panels[len(options) :]:
            axes.remove()
        for axes, option in zip(panels, options, strict=False):
            _slice(axes, search, option, name, limits(complete, name))
    return figure


def sliced(search: ShownSearch) -> list[str]:
    """The options that are drawn: those that vary, the most important first."""
    varied = {name for one in search.trials for name in one.values}
    known = [name for name in search.importance if name in varied]
    return [*known, *sorted(varied - set(known))][:MOST_SLICES]


def _slice(axes: Axes, search: ShownSearch, option: str, name: str, ends: tuple[float, float]) -> None:
    trials = [one for one in search.trials if one.state == COMPLETE and option in one.values]
    is_number = all(_is_number(one.values[option]) for one in trials)
    order = sorted({shown_value(one.values[option]) for one in trials}) if not is_number else []

    def place(one: ShownTrial) -> float:
        value = one.values[option]
        return float(value) if is_number else float(order.index(shown_value(value)))

    for some, colour in (
        ([one for one in trials if not one.is_within], GUESS),
        ([one for one in trials if one.is_within], MODEL),
    ):
        axes.plot([place(one) for one in some], _clipped(some, ends), "o", color=colour, markersize=4, alpha=0.7)
    for one in trials:
        if one.is_chosen:
            axes.plot([place(one)], _clipped([one], ends), "*", color=FOREST, markersize=11, markeredgecolor=PAPER)
    axes.set_title(shorten_middle(option, LONGEST))
    if is_number and option in search.logarithmic:
        tidy_log_axis(axes)
    if order:
        axes.set_xticks(range(len(order)), [shorten_middle(one, 16) for one in order], rotation=25, ha="right")
        axes.set_xlim(-0.5, len(order) - 0.5)
    _metric_axis(axes, name, ends)


def limits(trials: list[ShownTrial], name: str) -> tuple[float, float]:
    """The ends of the metric's axis: a trial that is far worse than most does not squeeze the others."""
    values = np.array([one.value for one in trials])
    low, high = float(values.min()), float(values.max())
    is_higher = metric(name).higher_is_better
    best, middle = (high if is_higher else low), float(np.median(values))
    far = FAR * abs(best - middle)
    if far > 0:
        low, high = (max(low, best - far), high) if is_higher else (low, min(high, best + far))
    margin = 0.06 * (high - low) or 0.05 * abs(high) or 1.0
    return low - margin, high + margin


def _dots(
    axes: Axes, trials: list[ShownTrial], colour: str, label: str, ends: tuple[float, float], marker: str = "o"
) -> None:
    if trials:
        numbers = [one.number for one in trials]
        axes.plot(numbers, _clipped(trials, ends), marker, color=colour, markersize=5, alpha=0.8, label=label, zorder=3)


def _marked(axes: Axes, search: ShownSearch) -> None:
    chosen, default = search.chosen, search.default
    axes.plot([chosen.number], [chosen.value], "*", color=FOREST, markersize=13, label="the choice", zorder=5)
    if default is not None and math.isfinite(default.value):
        axes.axhline(default.value, color=MUTED, linewidth=1, linestyle="--", label="untuned default", zorder=1)


def _clipped(trials: list[ShownTrial], ends: tuple[float, float]) -> np.ndarray:
    return np.clip([one.value for one in trials], *ends)


def _metric_axis(axes: Axes, name: str, ends: tuple[float, float]) -> None:
    axes.set_ylim(*ends)
    axes.set_ylabel(metric(name).name)
    if metric(name).is_share:
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
