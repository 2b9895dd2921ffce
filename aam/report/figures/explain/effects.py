"""Figures of effects: ranked with intervals, and in each sample. Data in, figure out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from aam.explanation.effects import Effects
from aam.report.figures.explain.parts import (
    LOWERS,
    RAISES,
    UNCLEAR,
    Series,
    colour_of,
    logged,
    name_rows,
    row_label,
    sign_words,
)
from aam.report.style import (
    HALF,
    INK,
    MOST_VECTOR_POINTS,
    PAPER,
    SEQUENTIAL,
    SMALL,
    WIDE,
    grid_of_axes,
    is_stacked,
    shorten_middle,
    styled,
)

ROW, MARGIN = 0.27, 1.15
"""Height of a row, and of all around the rows, in inches."""
MOST_PANELS = 4


def ranked_effects(series: Sequence[Series], names: Sequence[str], stable: frozenset[str] = frozenset()) -> Figure:
    """Effects of things as dots on their 95 % intervals, a panel for each series, each on an axis of its own.

    Parameters
    ----------
    series
        What is compared; the first gives labels and numbers of samples.
    names
        Ids of the things from above.
    stable
        Those that are marked as stable over models.
    """
    first, shown = series[0], series[:MOST_PANELS]
    labels = [_counted(first.effects, first.place_of[name], name in stable) for name in names]
    with styled():
        height = MARGIN + ROW * len(names)
        figure, panels = grid_of_axes(1, len(shown), height, WIDE if len(shown) > 1 or not is_stacked() else HALF)
        for place, (axes, one) in enumerate(zip(panels, shown, strict=True)):
            _draw_effects(axes, one, names)
            axes.set_title(shorten_middle(one.title, 34))
            axes.set_xlabel(f"effect ({one.effects.unit_of(one.output)})")
            axes.locator_params(axis="x", nbins=5)
            name_rows(axes, labels, named=place == 0 or is_stacked())
        _sign_legend(figure, sign_words(*(one.effects for one in series)))
    return figure


def _counted(effects: Effects, place: int, is_stable: bool) -> str:
    mark = "\u25c6 " if is_stable else ""
    return mark + row_label(effects.labels[place], f", n = {int(effects.support_G[place]):,}")


def _draw_effects(axes: Axes, series: Series, names: Sequence[str]) -> None:
    axes.axvline(0, color=INK, linewidth=0.8, zorder=1)
    for row, name in enumerate(names):
        value, low, high = series.value(name)
        if not np.isfinite(value):
            continue
        colour = colour_of(low, high)
        if np.isfinite(low) and np.isfinite(high):
            axes.plot([low, high], [row, row], color=colour, linewidth=5, alpha=0.35, solid_capstyle="round")
        face = PAPER if colour == UNCLEAR else colour
        axes.plot([value], [row], "o", color=colour, markersize=6, markerfacecolor=face, markeredgecolor=colour)


def _sign_legend(figure: Figure, signs: tuple[str, str]) -> None:
    words = ((signs[0], RAISES, RAISES), (signs[1], LOWERS, LOWERS), ("unclear", UNCLEAR, PAPER))
    handles = [
        Line2D([], [], marker="o", linestyle="", color=colour, markerfacecolor=face, label=word)
        for word, colour, face in words
    ]
    figure.legend(handles=handles, loc="outside lower right", ncols=len(handles), fontsize=SMALL)


def sample_effects(effects: Effects, output: int, names: Sequence[str], share_NG: np.ndarray) -> Figure:
    """The effect of things in each sample that has them, as a swarm of dots coloured by share.

    Parameters
    ----------
    effects
        The effects.
    output
        Which output.
    names
        Ids of the things from above.
    share_NG
        Share of each thing of ``names`` among the reads of each sample.
    """
    place_of = {name: place for place, name in enumerate(effects.names)}
    with styled():
        figure, (axes,) = grid_of_axes(1, 1, MARGIN + 0.2 + 0.36 * len(names))
        axes.axvline(0, color=INK, linewidth=0.8, zorder=1)
        dots = None
        for row, name in enumerate(names):
            has = share_NG[:, row] > 0
            values = effects.by_sample_NGO[has, place_of[name], output]
            dots = axes.scatter(
                values,
                row + swarm(values),
                s=9,
                c=logged(share_NG[has, row]),
                cmap=SEQUENTIAL,
                vmin=-4,
                vmax=0,
                linewidths=0,
                rasterized=len(names) * len(share_NG) > MOST_VECTOR_POINTS,
                zorder=2,
            )
        name_rows(axes, [row_label(effects.labels[place_of[name]]) for name in names])
        axes.set_xlabel(f"effect ({effects.unit_of(output)})")
        axes.locator_params(axis="x", nbins=5)
        if dots is not None:
            where = "bottom" if is_stacked() else "right"
            bar = figure.colorbar(dots, ax=axes, location=where, shrink=0.8, pad=0.02, label="share of reads")
            bar.outline.set_visible(False)
            bar.set_ticks([-4, -2, 0], labels=["0.01 %", "1 %", "100 %"])
    return figure


def swarm(values: np.ndarray, bins: int = 60, height: float = 0.38) -> np.ndarray:
    """Places of dots beside each other where values are alike, within ``height`` of 0.

    Each bin of the range of values is filled from its middle outwards; the fullest reaches ``height``.
    """
    if not len(values):
        return np.empty(0)
    low, high = float(values.min()), float(values.max())
    number = np.minimum(bins - 1, ((values - low) / ((high - low) or 1.0) * bins).astype(np.int64))
    place = np.empty(len(values))
    fullest = int(np.bincount(number).max())
    for one in np.unique(number):
        inside = np.flatnonzero(number == one)
        rank = np.arange(len(inside))
        place[inside] = np.where(rank % 2, 1, -1) * ((rank + 1) // 2)
    return place / max(4, (fullest + 1) // 2) * height
