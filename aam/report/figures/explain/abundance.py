"""Figure of the share of groups against a target or a prediction. Data in, figure out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from aam.report.figures.explain.effects import swarm
from aam.report.figures.explain.parts import logged, share_ticks
from aam.report.figures.results import running_median
from aam.report.style import (
    INK,
    MODEL,
    MOST_VECTOR_POINTS,
    WIDE,
    class_colours,
    grid_of_axes,
    is_stacked,
    shorten_middle,
    styled,
)

COLUMNS = 3
MOST_CLASSES = 6


def abundance_by_value(shares: Mapping[str, np.ndarray], values: np.ndarray, title: str) -> Figure:
    """Share of each group of ASVs against numbers, with a running median, or in each class, with its median.

    Parameters
    ----------
    shares
        Label of a group -> its share of the reads of each sample, ``N``.
    values
        ``N`` numbers (NaN is missing) or labels ('' is missing).
    title
        What the values are.
    """
    columns = min(COLUMNS, len(shares))
    with styled():
        figure, panels = grid_of_axes(-(-len(shares) // columns), columns, 2.5, WIDE)
        for axes, (label, share_N) in zip(panels, shares.items(), strict=False):
            if values.dtype == object:
                _draw_classes(axes, logged(share_N), values, title)
            else:
                _draw_numbers(axes, logged(share_N), values, title)
            axes.set_title(shorten_middle(label, 30 if is_stacked() else 26))
            share_ticks(axes)
            axes.set_ylim(-4.75, 0.25)
        for place, axes in enumerate(panels):
            axes.set_visible(place < len(shares))
            if place % columns == 0 or is_stacked():
                axes.set_ylabel("share of reads")
            else:
                axes.set_yticklabels([])
    return figure


def _draw_numbers(axes: Axes, heights: np.ndarray, values: np.ndarray, title: str) -> None:
    known = np.isfinite(values)
    values, heights = values[known], heights[known]
    many = len(values) > MOST_VECTOR_POINTS / COLUMNS
    axes.scatter(values, heights, s=12, color=MODEL, alpha=0.45, linewidths=0, rasterized=many)
    if len(values):
        axes.plot(*running_median(values, heights), color=INK, linewidth=1.8, marker="o", markersize=3)
    axes.set_xlabel(shorten_middle(title, 30))


def _draw_classes(axes: Axes, heights: np.ndarray, values: np.ndarray, title: str) -> None:
    """The most frequent classes beside each other."""
    names, counts = np.unique(values[values != ""].astype(str), return_counts=True)
    shown = sorted(names[np.argsort(-counts, kind="stable")][:MOST_CLASSES].tolist())
    colours = class_colours(names.tolist())
    for place, name in enumerate(shown):
        own = heights[values == name]
        axes.scatter(place + swarm(own), own, s=9, color=colours[name], alpha=0.6, linewidths=0, rasterized=True)
        axes.plot([place - 0.3, place + 0.3], [np.median(own)] * 2, color=INK, linewidth=2)
    room = 24 // max(1, len(shown)) + 3
    axes.set_xticks(range(len(shown)), [shorten_middle(name, max(10, room)) for name in shown])
    if sum(map(len, shown)) > 26:
        axes.tick_params(axis="x", labelrotation=30)
    axes.set_xlim(-0.6, len(shown) - 0.4)
    axes.set_xlabel(shorten_middle(title, 30))
    axes.grid(visible=False, axis="x")
