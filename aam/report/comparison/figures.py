"""Figures of runs side by side: metrics, paired differences, predictions against each other. Data in, figure out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from aam.evaluation.catalogue import Interval, difference_of, metric, value_of
from aam.report.style import (
    FOREST,
    GUESS,
    HALF,
    INK,
    MODEL,
    MOST_VECTOR_POINTS,
    MUTED,
    PAPER,
    SMALL,
    WIDE,
    class_colours,
    grid_of_axes,
    is_stacked,
    shorten_middle,
    styled,
    title_of,
)

ROW, MARGIN = 0.42, 0.9  # inches
LONGEST = 18
MOST_PANELS = 4
"""Sources that are drawn against the reference."""
MOST_NUMBERED_CLASSES = 12


def colours_of(names: Sequence[str]) -> dict[str, str]:
    """The colour of each source, the same in all figures."""
    return class_colours(names)


def metrics_chart(found: Mapping[str, Mapping[str, Interval]], names: Sequence[str]) -> Figure:
    """Metrics of each source with their intervals, a panel for each metric.

    Parameters
    ----------
    found
        Source -> its metrics.
    names
        The metrics to show.
    """
    colours = colours_of(list(found))
    with styled():
        figure, panels = grid_of_axes(1, len(names), MARGIN + ROW * len(found))
        for axes, name in zip(panels, names, strict=True):
            for row, (who, of_source) in enumerate(found.items()):
                _interval(axes, row, of_source[name], colours[who], value_of(name, of_source[name].value))
            _rows(axes, list(found), named=axes is panels[0] or is_stacked())
            axes.set_title(title_of(name))
            axes.set_xlabel("higher is better" if metric(name).higher_is_better else "lower is better")
            _shares(axes, name)
    return figure


def differences_chart(
    found: Mapping[str, Mapping[str, Interval]], clear: Mapping[str, Mapping[str, bool]], names: Sequence[str]
) -> Figure:
    """Paired differences from the reference with their intervals, a panel for each metric.

    Parameters
    ----------
    found
        Source -> how much larger each metric is than the reference's.
    clear
        Source -> metric -> whether the data tell it apart from zero.
    names
        The metrics to show.
    """
    with styled():
        figure, panels = grid_of_axes(1, len(names), MARGIN + ROW * len(found))
        for axes, name in zip(panels, names, strict=True):
            axes.axvline(0, color=INK, linewidth=0.8)
            for row, (who, of_source) in enumerate(found.items()):
                colour = MODEL if clear[who][name] else GUESS
                _interval(axes, row, of_source[name], colour, difference_of(name, of_source[name].value))
            _rows(axes, list(found), named=axes is panels[0] or is_stacked())
            axes.set_title(f"Difference in {metric(name).name}")
            right, left = ("better", "worse") if metric(name).higher_is_better else ("worse", "better")
            axes.set_xlabel(f"\u2190 {left}     {right} \u2192")
            _shares(axes, name, scale=100)
    return figure


def numbers_against(reference: str, found: Mapping[str, np.ndarray], column: str, marked: np.ndarray) -> Figure:
    """Predicted numbers of each source against the reference's.

    Parameters
    ----------
    reference
        The source on the x axis.
    found
        Source -> its ``N`` predictions; the reference is among them.
    column
        What is predicted.
    marked
        Rows of the samples on which the sources differ most.
    """
    others = [name for name in found if name != reference][:MOST_PANELS]
    values = np.stack([found[name] for name in (reference, *others)])
    low, high = float(values.min()), float(values.max())
    edge = 0.03 * (high - low or 1.0)
    with styled():
        figure, panels = _panels(len(others))
        for axes, name in zip(panels, others, strict=True):
            axes.plot([low, high], [low, high], color=MUTED, linewidth=1, linestyle="--", zorder=1)
            x, y = found[reference], found[name]
            is_many = len(x) > MOST_VECTOR_POINTS
            axes.scatter(x, y, s=16, color=MODEL, alpha=0.55, linewidths=0, rasterized=is_many, zorder=2)
            axes.scatter(x[marked], y[marked], s=26, color=FOREST, edgecolors=PAPER, linewidths=0.6, zorder=3)
            axes.set(xlim=(low - edge, high + edge), ylim=(low - edge, high + edge))
            axes.set_title(f"{shorten_middle(column)}, predicted")
            axes.set_xlabel(f"by {shorten_middle(reference, 30)}")
            axes.set_ylabel(f"by {shorten_middle(name, 30)}")
            axes.set_aspect("equal")
    return figure


def classes_against(reference: str, found: Mapping[str, np.ndarray], classes: Sequence[str]) -> Figure:
    """How often each source predicts which class where the reference predicts another.

    Parameters
    ----------
    reference
        The source of the rows.
    found
        Source -> codes of its ``N`` predicted classes; the reference is among them.
    classes
        The classes.
    """
    others = [name for name in found if name != reference][:MOST_PANELS]
    with styled():
        figure, panels = _panels(len(others))
        for axes, name in zip(panels, others, strict=True):
            _draw_agreement(axes, found[reference], found[name], classes)
            axes.set_title(f"same class: {np.mean(found[reference] == found[name]):.0%}".replace("%", " %"))
            axes.set_xlabel(f"by {shorten_middle(name, 30)}")
            axes.set_ylabel(f"by {shorten_middle(reference, 30)}")
    return figure


def _draw_agreement(axes: Axes, rows: np.ndarray, columns: np.ndarray, classes: Sequence[str]) -> None:
    number = len(classes)
    counts = np.bincount(rows * number + columns, minlength=number**2).reshape(number, number)
    shades = np.empty((number, number, 4))
    shades[...] = to_rgba(MODEL)
    shades[..., 3] = 0.04 + 0.56 * counts / max(1, counts.max())
    axes.imshow(shades, aspect="auto")
    if number <= MOST_NUMBERED_CLASSES:
        for row, column in np.ndindex(number, number):
            axes.text(column, row, f"{counts[row, column]:,}", ha="center", va="center", color=INK, fontsize=SMALL)
    names = [shorten_middle(label, 14) for label in classes] if number <= 30 else []
    axes.set_xticks(range(len(names)), names, rotation=40 if sum(map(len, names)) > 28 else 0)
    axes.set_yticks(range(len(names)), names)
    axes.grid(visible=False)


def _panels(number: int) -> tuple[Figure, list[Axes]]:
    if number == 1:
        return grid_of_axes(1, 1, 3.9, HALF)
    rows = (number + 1) // 2
    figure, panels = grid_of_axes(rows, 2, 4.3, WIDE)
    for empty in panels[number:]:
        empty.remove()
    return figure, panels[:number]


def _interval(axes: Axes, row: int, found: Interval, colour: str, text: str) -> None:
    if not np.isfinite(found.value):
        return
    axes.plot([found.low, found.high], [row, row], color=colour, linewidth=5, alpha=0.35, solid_capstyle="round")
    axes.plot([found.value], [row], marker="o", color=colour, markersize=7, markeredgecolor=PAPER)
    axes.annotate(text, (found.value, row), (0, 7), textcoords="offset points", ha="center", weight="bold", color=INK)


def _rows(axes: Axes, names: Sequence[str], *, named: bool) -> None:
    axes.set_yticks(
        range(len(names)), [shorten_middle(name, LONGEST) for name in names] if named else [""] * len(names)
    )
    axes.set_ylim(len(names) - 0.5, -0.7)
    axes.grid(visible=False, axis="y")
    axes.spines.left.set_visible(False)
    axes.tick_params(axis="y", labelcolor=INK, labelsize=9)
    axes.margins(x=0.12)
    axes.locator_params(axis="x", nbins=5)


def _shares(axes: Axes, name: str, scale: int = 1) -> None:
    """Percentages, or percentage points, on the axis of a share."""
    if not metric(name).is_share:
        return
    symbol = " %" if scale == 1 else ""
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=symbol))
    if scale != 1:
        axes.set_title(f"{axes.get_title(loc='left')} (points)", loc="left")
