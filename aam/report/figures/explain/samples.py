"""Figure of samples by groups: shares and effects as heat maps. Data in, figure out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from aam.report.figures.explain.parts import FLOOR, by_sign, logged, name_rows, row_label
from aam.report.style import MODEL, SEQUENTIAL, WIDE, grid_of_axes, is_stacked, shorten_middle, styled

MOST_COLUMNS = 300
"""Columns of a heat map; of more samples neighbours are averaged."""


def sample_heat_maps(
    labels: Sequence[str], share_NG: np.ndarray, effect_NG: np.ndarray | None, order_N: np.ndarray, title: str
) -> Figure:
    """Samples from left to right in the order of a value, groups from above: log share and, beside it, effect.

    Parameters
    ----------
    labels
        Of the groups.
    share_NG
        Their share of the reads of each sample.
    effect_NG
        Their effect in each sample; None where the method has none.
    order_N
        The value that samples are ordered by, such as the prediction.
    title
        What it is.
    """
    order = np.argsort(order_N, kind="stable")
    maps = [("Share of reads", pooled(logged(share_NG)[order]))]
    if effect_NG is not None:
        maps.append(("Effect on the prediction", pooled(effect_NG[order])))
    with styled():
        figure, panels = grid_of_axes(1, len(maps), 1.3 + 0.25 * len(labels), WIDE)
        for place, (axes, (name, values)) in enumerate(zip(panels, maps, strict=True)):
            axes.set_title(name)
            _draw_map(axes, values, is_effect=place == 1)
            _draw_order(axes, order_N[order], len(values))
            axes.set_xlabel(f"samples by {shorten_middle(title, 18 if is_stacked() else 26)}")
            name_rows(axes, [row_label(label) for label in labels], named=place == 0 or is_stacked())
            axes.set_ylim(len(labels) - 0.5, -1.9)
    return figure


def pooled(values_NG: np.ndarray, most: int = MOST_COLUMNS) -> np.ndarray:
    """Means of neighbouring samples, so that at most ``most`` rows are left."""
    if len(values_NG) <= most:
        return values_NG
    return np.stack([part.mean(axis=0) for part in np.array_split(values_NG, most)])


def _draw_map(axes: Axes, values_NG: np.ndarray, *, is_effect: bool) -> None:
    if is_effect:
        colours = by_sign(values_NG.T, float(np.quantile(np.abs(values_NG), 0.98)))
    else:
        colours = colormaps[SEQUENTIAL](Normalize(np.log10(FLOOR), 0, clip=True)(values_NG.T))
        colours[np.log10(FLOOR) > values_NG.T] = (0, 0, 0, 0)
    number = len(values_NG)
    axes.imshow(colours, aspect="auto", interpolation="nearest", extent=(0, number, values_NG.shape[1] - 0.5, -0.5))
    axes.grid(visible=False)
    axes.set_xticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def _draw_order(axes: Axes, ordered_N: np.ndarray, width: int) -> None:
    """The value itself as a line above the map, with its ends in words."""
    low, high = float(ordered_N[0]), float(ordered_N[-1])
    heights = -0.75 - (ordered_N - low) / ((high - low) or 1.0)
    axes.plot(np.linspace(0, width, len(ordered_N)), heights, color=MODEL, linewidth=1.6)
    axes.annotate(f"{low:.3g}", (0, -0.8), (2, 4), textcoords="offset points", ha="left", va="bottom")
    axes.annotate(f"{high:.3g}", (width, -1.75), (-2, -3), textcoords="offset points", ha="right", va="top")
