"""Figures of ordered classes and of counts. Data in, figure out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from aam.data.targets.kinds import Predictions
from aam.evaluation.by_kind.counts import rate_bins
from aam.evaluation.by_kind.ordered import at_most
from aam.evaluation.catalogue import PREDICTORS
from aam.evaluation.per_class import calibration_curve
from aam.report.figures.run import PREDICTOR_COLOURS
from aam.report.style import HALF, MUTED, SMALL, WIDE, grid_of_axes, shorten_middle, styled

MOST_CUTS = 8
DARKEST, LIGHTEST = 0.15, 0.8
"""Of the colour map of cuts, whose ends do not stand out from the page."""


def cumulative_reliability(results: Mapping[str, Predictions]) -> Figure:
    """How often a level or a lower one occurs against its predicted probability, for each cut between levels.

    Parameters
    ----------
    results
        Predictor (``model``, ``forest``) -> its predictions of the same samples.
    """
    with styled():
        figure, panels = grid_of_axes(1, len(results), 3.7, WIDE if len(results) > 1 else HALF)
        for axes, (who, predictions) in zip(panels, results.items(), strict=True):
            axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle="--", zorder=1)
            axes.set_title(PREDICTORS[who])
            _draw_cuts(axes, predictions)
            axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xlabel="predicted probability")
            axes.set_ylabel("observed frequency")
            axes.set_aspect("equal")
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
            axes.legend(fontsize=SMALL, loc="upper left")
    return figure


def _draw_cuts(axes: Axes, predictions: Predictions) -> None:
    """A curve for each cut, or for some that are spread evenly."""
    said_NC, true_NC = at_most(predictions)
    number = said_NC.shape[1]
    shown = np.unique(np.linspace(0, number - 1, min(number, MOST_CUTS)).round().astype(int))
    shades = np.linspace(DARKEST, LIGHTEST, len(shown)) if len(shown) > 1 else [DARKEST]
    for cut, shade in zip(shown, shades, strict=True):
        bins = calibration_curve(said_NC[:, cut], true_NC[:, cut])
        label = f"\u2264 {shorten_middle(predictions.classes[cut], 18)}"
        places, values = [one.predicted for one in bins], [one.observed.value for one in bins]
        axes.plot(places, values, color=colormaps["viridis"](shade), marker="o", markersize=4.5, label=label)


def rate_calibration(results: Mapping[str, Predictions], column: str) -> Figure:
    """Mean counts against mean predicted counts, in groups of like prediction.

    Parameters
    ----------
    results
        Predictor (``model``, ``forest``) -> its predictions of the same samples.
    column
        What is counted.
    """
    with styled():
        figure, (axes,) = grid_of_axes(1, 1, 3.7, HALF)
        largest = 0.0
        for who, predictions in results.items():
            bins, colour = rate_bins(predictions), PREDICTOR_COLOURS[who]
            places = [one.predicted for one in bins]
            axes.vlines(places, [one.low for one in bins], [one.high for one in bins], color=colour, alpha=0.35, lw=3)
            axes.plot(places, [one.observed for one in bins], color=colour, marker="o", ms=4.5, label=PREDICTORS[who])
            largest = max(largest, *(max(one.predicted, one.high) for one in bins))
        axes.plot([0, largest], [0, largest], color=MUTED, linewidth=1, linestyle="--", zorder=1)
        axes.set(xlim=(0, 1.05 * largest), ylim=(0, 1.05 * largest), xlabel="mean predicted")
        axes.set_ylabel(f"mean {shorten_middle(column, 24)} observed")
        axes.legend(fontsize=SMALL, loc="upper left")
    return figure
