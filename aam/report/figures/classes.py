"""Figure of the reliability of probabilities of classes. Data in, figure out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from aam.data.targets.kinds import Predictions
from aam.evaluation.catalogue import PREDICTORS
from aam.evaluation.per_class import calibration_curve
from aam.report.figures.run import PREDICTOR_COLOURS
from aam.report.style import (
    CATEGORIES,
    HALF,
    MUTED,
    SMALL,
    WIDE,
    class_colours,
    grid_of_axes,
    shorten_middle,
    styled,
)


def reliability_curves(results: Mapping[str, Predictions]) -> Figure:
    """Observed frequencies against predicted probabilities: of both predictors for two classes, else of each class.

    Parameters
    ----------
    results
        Predictor (``model``, ``forest``) -> its predictions of the same samples.
    """
    classes = next(iter(results.values())).classes
    number = 1 if len(classes) == 2 else len(results)
    with styled():
        figure, panels = grid_of_axes(1, number, 3.7, WIDE if number > 1 else HALF)
        for axes in panels:
            axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle="--", zorder=1)
        if len(classes) == 2:
            panels[0].set_title(f"Probability of {shorten_middle(classes[1])}")
            for who, predictions in results.items():
                _draw_curve(panels[0], predictions, 1, PREDICTOR_COLOURS[who], PREDICTORS[who], with_intervals=True)
        else:
            for axes, (who, predictions) in zip(panels, results.items(), strict=True):
                axes.set_title(PREDICTORS[who])
                _draw_classes(axes, predictions)
        for axes in panels:
            axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xlabel="predicted probability")
            axes.set_ylabel("observed frequency")
            axes.set_aspect("equal")
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
            axes.legend(fontsize=SMALL, loc="upper left")
    return figure


def _draw_classes(axes: Axes, predictions: Predictions) -> None:
    """A curve for each of the most frequent classes, as many as there are colours."""
    counts = np.array([(predictions.observed == name).sum() for name in predictions.classes])
    colours = class_colours(predictions.classes)
    for code in sorted(np.argsort(-counts, kind="stable")[: len(CATEGORIES)].tolist()):
        name = predictions.classes[code]
        _draw_curve(axes, predictions, code, colours[name], shorten_middle(name, 18), with_intervals=False)


def _draw_curve(
    axes: Axes, predictions: Predictions, code: int, colour: str, label: str, *, with_intervals: bool
) -> None:
    assert predictions.probabilities is not None
    bins = calibration_curve(predictions.probabilities[:, code], predictions.observed == predictions.classes[code])
    places = [one.predicted for one in bins]
    if with_intervals:
        low, high = [one.observed.low for one in bins], [one.observed.high for one in bins]
        axes.vlines(places, low, high, color=colour, alpha=0.35, linewidth=4)
    values = [one.observed.value for one in bins]
    axes.plot(places, values, color=colour, marker="o", markersize=4.5, linewidth=1.5, label=label)
