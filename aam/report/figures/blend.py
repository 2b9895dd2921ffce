"""Figure of a blend: the weight of each member beside its metrics. Data in, figure out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from aam.evaluation.catalogue import metric, value_of
from aam.report.style import (
    FOREST,
    GUESS,
    INK,
    MODEL,
    PAPER,
    WIDE,
    grid_of_axes,
    is_stacked,
    shorten_middle,
    styled,
    title_of,
)

LONGEST_LABEL, LONGEST_STACKED = 52, 30


@dataclass(frozen=True, kw_only=True)
class BlendRow:
    """A row of the figure: a member, or the blend.

    Attributes
    ----------
    label
        What it is.
    weight
        Its share of the prediction; NaN for the blend.
    values
        One for each metric; NaN where it is not defined.
    colour
        Of its bar and dots.
    """

    label: str
    weight: float
    values: Sequence[float]
    colour: str


def colour_of(name: str) -> str:
    """The colour of a member: that of the forest of all figures, or a neutral one."""
    return FOREST if name == "forest" else GUESS


def blend_chart(rows: Sequence[BlendRow], names: Sequence[str], blend: Sequence[float]) -> Figure:
    """Weights of the members as bars and, beside them, their metrics as dots with a line at those of the blend.

    Parameters
    ----------
    rows
        The members from above.
    names
        The metrics, a panel each.
    blend
        The blend's own; NaN where they are not known.
    """
    every = [*rows, BlendRow(label="blend", weight=np.nan, values=blend, colour=MODEL)]
    with styled():
        figure, (bars, *panels) = grid_of_axes(1, 1 + len(names), 1.0 + 0.27 * len(every), WIDE)
        _draw_weights(bars, every)
        for place, (axes, name) in enumerate(zip(panels, names, strict=True)):
            _draw_values(axes, every, place, name)
    return figure


def _draw_weights(axes: Axes, rows: Sequence[BlendRow]) -> None:
    weights = np.nan_to_num([row.weight for row in rows])
    axes.barh(range(len(rows)), weights, height=0.62, color=[row.colour for row in rows])
    for place, row in enumerate(rows):
        if np.isfinite(row.weight):
            axes.annotate(f"{row.weight:.2f}", (row.weight, place), (4, 0), textcoords="offset points", va="center")
    axes.set_title("Weight")
    axes.set_xlabel("share of the prediction")
    axes.set_xlim(0, 1.25 * max(weights.max(), 0.04))
    _finish(axes, rows, named=True)


def _draw_values(axes: Axes, rows: Sequence[BlendRow], place: int, name: str) -> None:
    for height, row in enumerate(rows):
        value = row.values[place]
        if np.isfinite(value):
            axes.plot([value], [height], marker="o", color=row.colour, markersize=6.5, markeredgecolor=PAPER)
            cover = {"facecolor": PAPER, "edgecolor": "none", "pad": 0.5}
            text, place_of_text = value_of(name, value), (value, height)
            axes.annotate(text, place_of_text, (7, 0), textcoords="offset points", va="center", bbox=cover)
    if np.isfinite(rows[-1].values[place]):
        axes.axvline(rows[-1].values[place], color=MODEL, linewidth=1, linestyle="--", zorder=1)
    axes.set_title(title_of(name))
    axes.set_xlabel("higher is better" if metric(name).higher_is_better else "lower is better")
    if metric(name).is_share:
        axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
    defined = [row.values[place] for row in rows if np.isfinite(row.values[place])]
    if defined:
        span = max(defined) - min(defined) or max(abs(defined[0]), 1.0) / 10
        axes.set_xlim(min(defined) - 0.12 * span, max(defined) + 0.5 * span)
    axes.locator_params(axis="x", nbins=4)
    _finish(axes, rows, named=is_stacked())


def _finish(axes: Axes, rows: Sequence[BlendRow], *, named: bool) -> None:
    longest = LONGEST_STACKED if is_stacked() else LONGEST_LABEL
    axes.set_yticks(range(len(rows)), [shorten_middle(row.label, longest) for row in rows] if named else [])
    axes.set_ylim(len(rows) - 0.5, -0.6)
    axes.grid(visible=False, axis="y")
    axes.spines.left.set_visible(False)
    axes.tick_params(axis="y", labelcolor=INK)
