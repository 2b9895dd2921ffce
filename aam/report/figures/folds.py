"""The figure of a cross-validation: each metric fold by fold. Data in, figure out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from aam.evaluation.catalogue import PREDICTORS, metric
from aam.report.figures.run import PREDICTOR_COLOURS
from aam.report.style import GUESS, MUTED, PAPER, grid_of_axes, styled

MOST_NUMBERED = 30


def folds_chart(
    scores: Mapping[str, Sequence[Mapping[str, float]]], repeats: Sequence[int], names: Sequence[str]
) -> Figure:
    """Each predictor's metric in every fold as dots, those of one fold joined, with lines at their means.

    Parameters
    ----------
    scores
        Predictor -> its metrics in each fold.
    repeats
        Repeat of each fold; ascending.
    names
        The metrics to show, a panel each.
    """
    starts = np.flatnonzero(np.diff(repeats)) + 1
    with styled():
        figure, panels = grid_of_axes(1, len(names), 2.8)
        for axes, name in zip(panels, names, strict=True):
            _draw_folds(axes, {who: np.array([found[name] for found in of]) for who, of in scores.items()})
            for start in starts:
                axes.axvline(start + 0.5, color=MUTED, linewidth=0.7, linestyle=":", zorder=1)
            if metric(name).is_share:
                axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
            better = "higher is better" if metric(name).higher_is_better else "lower is better"
            axes.set(title=metric(name).label, ylabel=better)
            axes.set_xlabel("fold" if not len(starts) else "fold (dotted lines separate repeats)")
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper right", ncols=len(labels), fontsize=8)
    return figure


def _draw_folds(axes: Axes, values: Mapping[str, np.ndarray]) -> None:
    number = len(next(iter(values.values())))
    places = np.arange(1, number + 1)
    ends = np.array(list(values.values()))
    if len(ends) > 1:
        axes.vlines(places, ends.min(axis=0), ends.max(axis=0), color=GUESS, linewidth=3, alpha=0.4, zorder=1)
    size = 55 if number <= MOST_NUMBERED else 18
    for who, of_folds in values.items():
        colour = PREDICTOR_COLOURS[who]
        axes.scatter(places, of_folds, s=size, color=colour, edgecolors=PAPER, label=PREDICTORS[who], zorder=3)
        if np.isfinite(of_folds).any():
            axes.axhline(np.nanmean(of_folds), color=colour, linewidth=1, linestyle="--", alpha=0.7, zorder=2)
    axes.xaxis.set_major_locator(MaxNLocator(min(number, 15), integer=True))
    axes.set_xlim(0.4, number + 0.6)
    axes.grid(visible=False, axis="x")
