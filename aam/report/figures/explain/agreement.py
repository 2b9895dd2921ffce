"""Figure of how far methods and learners rank things alike. Data in, figure out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from scipy.stats import spearmanr

from aam.report.figures.explain.parts import Series
from aam.report.style import INK, MODEL, grid_of_axes, is_stacked, shorten_middle, styled

LEAST_COMMON = 3
"""Things that two series must share for a correlation."""
MOST_PRECISE = 6
"""Series whose correlations have two digits on a narrow screen, too."""


def rank_correlations(series: Sequence[Series]) -> np.ndarray:
    """Spearman correlations of the importance of the things that two series share, ``S x S``; NaN for too few."""
    found = np.full((len(series), len(series)), np.nan)
    tables = [dict(zip(one.effects.names, one.effects.importance_GO[:, one.output], strict=True)) for one in series]
    for row, first in enumerate(tables):
        for column, second in enumerate(tables):
            common = [name for name in first if name in second]
            pairs = np.array([(first[name], second[name]) for name in common]).reshape(-1, 2)
            pairs = pairs[np.isfinite(pairs).all(axis=1)]
            if len(pairs) >= LEAST_COMMON and (np.ptp(pairs, axis=0) > 0).all():
                found[row, column] = spearmanr(pairs[:, 0], pairs[:, 1]).statistic
    return found


def agreement_matrix(series: Sequence[Series]) -> Figure:
    """Rank correlations of all pairs of series as a table of shades with numbers."""
    found = rank_correlations(series)
    number, longest = len(series), 18 if is_stacked() else 40
    digits = 1 if is_stacked() and number > MOST_PRECISE else 2
    with styled():
        figure, (axes,) = grid_of_axes(1, 1, 1.5 + 0.36 * number)
        shades = np.empty((number, number, 4))
        shades[...] = to_rgba(MODEL)
        shades[..., 3] = 0.04 + 0.5 * np.clip(np.nan_to_num(found), 0, 1)
        axes.pcolormesh(shades, edgecolors="none")
        for (row, column), value in np.ndenumerate(found):
            text = "\u2013" if np.isnan(value) else f"{value:.{digits}f}".replace("-", "\u2212")
            axes.text(column + 0.5, row + 0.5, text, ha="center", va="center", color=INK)
        places = np.arange(number) + 0.5
        labels = [f"{place}  {shorten_middle(one.title, longest)}" for place, one in enumerate(series, start=1)]
        axes.set_yticks(places, labels)
        axes.set_xticks(places, [str(place) for place in range(1, number + 1)])
        axes.tick_params(labelcolor=INK)
        axes.invert_yaxis()
        axes.xaxis.tick_top()
        axes.grid(visible=False)
        for spine in axes.spines.values():
            spine.set_visible(False)
    return figure
