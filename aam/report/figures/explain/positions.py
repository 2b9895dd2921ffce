"""Figure of the importance of nucleotide positions as a track. Data in, figure out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from aam.report.figures.explain.parts import LOWERS, RAISES, Series
from aam.report.style import GUESS, INK, WIDE, grid_of_axes, shorten_middle, styled


def position_track(series: Sequence[Series]) -> Figure:
    """Importance of each position of the ASVs as a profile, and its signed effect as bars; a panel for each series.

    Parameters
    ----------
    series
        Effects whose things are positions in their order, the first base first.
    """
    with styled():
        figure, panels = grid_of_axes(len(series), 1, 2.2, WIDE)
        for axes, one in zip(panels, series, strict=True):
            effect = np.nan_to_num(one.effects.effect_GO[:, one.output])
            importance = np.nan_to_num(one.effects.importance_GO[:, one.output])
            places = np.arange(1, len(effect) + 1)
            axes.fill_between(places, 0, importance, step="mid", color=GUESS, alpha=0.3, linewidth=0)
            axes.bar(places, effect, width=1.0, color=np.where(effect > 0, RAISES, LOWERS).tolist())
            axes.axhline(0, color=INK, linewidth=0.8)
            axes.set_title(shorten_middle(one.title, 40))
            axes.set_ylabel("effect")
            axes.set_xlabel("position (base)")
            axes.set_xlim(0.5, len(effect) + 0.5)
            axes.grid(visible=False, axis="x")
    return figure
