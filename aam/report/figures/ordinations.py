"""Ordinations of the same samples side by side, coloured by what is known of them. Data in, figure out.

Legend: ``N`` samples, ``K`` axes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize, to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from aam.evaluation.catalogue import percent
from aam.report.style import (
    CATEGORIES,
    GUESS,
    MODEL,
    MOST_VECTOR_POINTS,
    SEQUENTIAL,
    class_colours,
    grid_of_axes,
    is_stacked,
    shorten_middle,
    styled,
)

HEIGHT = 3.7
ENDS = (0.02, 0.98)
"""Quantiles between which colours differ, so that a few extreme values do not take them all."""


@dataclass(frozen=True, eq=False)
class Layout:
    """Places of samples.

    Attributes
    ----------
    name, title
        As a file and as a panel name it.
    points
        ``N x K``; the first two axes are drawn.
    shares
        Shares of the variation along the axes; empty where these have none.
    """

    name: str
    title: str
    points: np.ndarray
    shares: np.ndarray


def layouts_figure(layouts: Sequence[Layout], values: np.ndarray, title: str) -> Figure:
    """A panel for each layout, coloured alike.

    Parameters
    ----------
    layouts
        The layouts of ``N`` samples.
    values
        ``N`` numbers (NaN is missing) or labels ('' is missing).
    title
        What the colours are; empty where all dots are of one colour.
    """
    with styled():
        figure, panels = grid_of_axes(1, len(layouts), HEIGHT)
        colours, legend = _colours(values) if title else (np.tile(to_rgba(MODEL), (len(values), 1)), None)
        for axes, layout in zip(panels, layouts, strict=True):
            _draw(axes, layout, colours)
        if isinstance(legend, ScalarMappable):
            where = panels if is_stacked() else panels[-1]
            place: dict[str, Any] = {"location": "bottom", "aspect": 30} if is_stacked() else {"shrink": 0.8}
            bar = figure.colorbar(legend, ax=where, pad=0.02, label=shorten_middle(title, 40), **place)
            bar.outline.set_visible(False)
        elif legend:
            _name_levels(figure, legend, title)
    return figure


def _draw(axes: Axes, layout: Layout, colours: np.ndarray) -> None:
    points, number = np.zeros((len(layout.points), 2)), layout.points.shape[1]
    points[:, : min(2, number)] = layout.points[:, :2]
    scale = float(np.clip(np.sqrt(800 / max(1, len(points))), 0.35, 1))
    order = np.random.default_rng(0).permutation(len(points))  # so that no level covers the others
    axes.scatter(
        points[order, 0],
        points[order, 1],
        s=16 * scale,
        c=colours[order],
        linewidths=0,
        alpha=0.8,
        rasterized=len(points) > MOST_VECTOR_POINTS,
        zorder=2,
    )
    shares = [*(f" ({percent(share)})" for share in layout.shares[:2]), "", ""]
    axes.set_xlabel(f"first axis{shares[0]}")
    axes.set_ylabel(f"second axis{shares[1]}")
    axes.set_title(layout.title)
    axes.set_xticklabels([])
    axes.set_yticklabels([])
    axes.set_aspect("equal", "datalim")


def _colours(values: np.ndarray) -> tuple[np.ndarray, Any]:
    """A colour for each sample (``N x 4``), grey where unknown, and what explains them."""
    colours = np.tile(to_rgba(GUESS), (len(values), 1))
    if values.dtype != object:
        known = np.isfinite(values)
        if not known.any():
            return colours, None
        low, high = np.quantile(values[known], ENDS)
        scale = ScalarMappable(Normalize(low, high if high > low else low + 1, clip=True), SEQUENTIAL)
        colours[known] = scale.to_rgba(values[known])
        return colours, scale
    labels, counts = np.unique([label for label in values if label], return_counts=True)
    frequent = {str(label) for label in labels[np.argsort(-counts, kind="stable")][: len(CATEGORIES)]}
    colour_of = class_colours(sorted(frequent))
    for row, label in enumerate(values):
        colours[row] = to_rgba(colour_of.get(label, GUESS))
    rest = any(label not in colour_of for label in values)
    return colours, {**colour_of, **({"other or unknown": GUESS} if rest else {})}


def _name_levels(figure: Figure, legend: dict[str, str], title: str) -> None:
    dots = [Line2D([], [], marker="o", linestyle="", markersize=5, color=colour) for colour in legend.values()]
    place: dict[str, Any] = {"loc": "outside right center"}
    if is_stacked():
        place = {"loc": "outside lower center", "ncols": 2}
    names = [shorten_middle(label) for label in legend]
    key = figure.legend(dots, names, title=shorten_middle(title, 30), alignment="left", **place)
    key.get_title().set_fontweight("bold")
