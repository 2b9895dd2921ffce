"""Figures of predictions: predicted and observed, residuals, confusion, ROC, folds. Data in, figure out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from sklearn.metrics import auc, confusion_matrix, roc_curve

from aam.data.targets.kinds import Predictions
from aam.evaluation.catalogue import MINUS, PREDICTORS, metric
from aam.report.figures.run import PREDICTOR_COLOURS
from aam.report.style import (
    CATEGORIES,
    FOREST,
    GUESS,
    HALF,
    INK,
    MODEL,
    MOST_VECTOR_POINTS,
    MUTED,
    PAPER,
    SMALL,
    WIDE,
    class_colours,
    grid_of_axes,
    is_stacked,
    shorten_middle,
    styled,
    title_of,
)

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
            axes.set(title=title_of(name), ylabel=better)
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


COLOURS = {"model": MODEL, "forest": FOREST}
MOST_NUMBERED_CLASSES = 12
MOST_NAMED_CLASSES = 30
FRAME = 0.5


def predicted_vs_observed(results: Mapping[str, Predictions], column: str) -> Figure:
    """Predicted against observed numbers with the line of perfect prediction, a panel for each predictor.

    Parameters
    ----------
    results
        Predictor (``model``, ``forest``) -> its predictions of the same samples.
    column
        What is predicted.
    """
    low, high = frame(results)
    with styled():
        figure, panels = _panels(len(results), 4.3)
        for axes, (who, predictions) in zip(panels, results.items(), strict=True):
            axes.plot([low, high], [low, high], color=MUTED, linewidth=1, linestyle="--", zorder=1)
            _cloud(axes, predictions.observed, np.clip(predictions.predicted, low, high), COLOURS[who])
            axes.set(xlim=(low, high), ylim=(low, high), title=PREDICTORS[who])
            axes.set_aspect("equal")
            axes.set_xlabel(f"observed {shorten_middle(column, 30)}")
            if axes is panels[0] or is_stacked():
                axes.set_ylabel(f"predicted {shorten_middle(column, 30)}")
    return figure


def frame(results: Mapping[str, Predictions]) -> tuple[float, float]:
    """Limits that hold all observed numbers, and all predictions but the wildest, which are drawn on the edge."""
    observed = next(iter(results.values())).observed
    predicted = np.concatenate([predictions.predicted for predictions in results.values()])
    span = np.ptp(observed) or max(1.0, abs(observed[0]))
    low = max(min(observed.min(), predicted.min()), observed.min() - FRAME * span)
    high = min(max(observed.max(), predicted.max()), observed.max() + FRAME * span)
    return float(low - 0.04 * span), float(high + 0.04 * span)


def residuals(results: Mapping[str, Predictions], column: str) -> Figure:
    """Errors against the observed numbers, with their running median, and how often errors of each size occur."""
    model = results["model"]
    error = model.predicted - model.observed
    with styled():
        figure, (scatter, counts) = grid_of_axes(1, 2, 2.9)
        scatter.axhline(0, color=MUTED, linewidth=1, linestyle="--", zorder=1)
        _cloud(scatter, model.observed, error, MODEL)
        centres, medians = running_median(model.observed, error)
        if len(centres) > 1:
            scatter.plot(centres, medians, color=INK, linewidth=1.6, label="running median")
            scatter.legend(fontsize=SMALL)
        scatter.set(
            xlabel=f"observed {shorten_middle(column, 30)}",
            ylabel=f"predicted {MINUS} observed",
            title="Residuals of AAM",
        )
        sizes = {who: np.abs(found.predicted - found.observed) for who, found in results.items()}
        bins = np.linspace(0, max(np.quantile(values, 0.99) for values in sizes.values()) or 1.0, 25)
        for who, values in sizes.items():
            filled: Literal["stepfilled", "step"] = "stepfilled" if who == "model" else "step"
            shown = np.minimum(values, bins[-1])
            counts.hist(shown, bins.tolist(), histtype=filled, color=COLOURS[who], label=PREDICTORS[who], linewidth=1.5)
            if who == "model":
                counts.patches[-1].set_alpha(0.6)
        counts.set(xlabel="absolute error", ylabel="samples", title="Absolute errors")
        counts.grid(visible=False, axis="x")
        counts.legend(fontsize=8)
    return figure


def running_median(positions: np.ndarray, values: np.ndarray, windows: int = 10) -> tuple[np.ndarray, np.ndarray]:
    """Medians of the positions and of the values in groups of neighbours, at least eight samples each."""
    order = np.argsort(positions, kind="stable")
    groups = np.array_split(order, max(1, min(windows, len(order) // 8)))
    return np.array([np.median(positions[g]) for g in groups]), np.array([np.median(values[g]) for g in groups])


def confusion_matrices(results: Mapping[str, Predictions]) -> Figure:
    """Samples by true and predicted class, a panel for each predictor; strong cells hold much of their row."""
    classes = next(iter(results.values())).classes
    many = len(classes) > MOST_NUMBERED_CLASSES
    if many:
        results = {"model": results["model"]}
    with styled():
        figure, panels = grid_of_axes(1, 1, 7.5) if many else _panels(len(results), 3.9)
        for axes, (who, predictions) in zip(panels, results.items(), strict=True):
            observed, predicted = predictions.observed.astype(str), predictions.predicted.astype(str)
            _draw_confusion(axes, confusion_matrix(observed, predicted, labels=list(classes)), COLOURS[who])
            axes.set_title(PREDICTORS[who])
            axes.set_xlabel("predicted class")
            _name_classes(axes, classes)
            if axes is panels[0] or is_stacked():
                axes.set_ylabel("true class")
            else:
                axes.set_yticklabels([])
    return figure


def _draw_confusion(axes: Axes, counts: np.ndarray, colour: str) -> None:
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.pcolormesh(np.where(shares[..., None] >= 0, _shades(shares, colour), 0), edgecolors="none")
    axes.set_aspect("equal")
    axes.invert_yaxis()
    axes.grid(visible=False)
    if len(counts) > MOST_NUMBERED_CLASSES:
        return
    for (row, column), count in np.ndenumerate(counts):
        ink = INK if count else MUTED
        axes.text(column + 0.5, row + 0.5, f"{count:,}", ha="center", va="center", color=ink, fontsize=9)


def _shades(shares: np.ndarray, colour: str) -> np.ndarray:
    """The colour, the more opaque the larger the share, but never so strong that the page's ink is hard to read."""
    shades = np.empty((*shares.shape, 4))
    shades[...] = to_rgba(colour)
    shades[..., 3] = 0.04 + 0.56 * shares
    return shades


def _name_classes(axes: Axes, classes: tuple[str, ...]) -> None:
    names = [shorten_middle(name, 18) for name in classes] if len(classes) <= MOST_NAMED_CLASSES else []
    places = [code + 0.5 for code in range(len(names))]
    slanted = max(map(len, names), default=0) * len(names) > 28
    if len(classes) > MOST_NUMBERED_CLASSES:
        axes.set_xticks(places, names, rotation=90)
    else:
        axes.set_xticks(places, names, rotation=40 if slanted else 0, ha="right" if slanted else "center")
    axes.set_yticks(places, names)
    axes.tick_params(labelcolor=INK, pad=6)
    for code, colour in enumerate(class_colours(classes).values()):
        ends, beside = [code + 0.06, code + 0.94], [-0.012, -0.012]
        style: dict[str, Any] = {"color": colour, "linewidth": 3.5, "solid_capstyle": "butt", "clip_on": False}
        axes.plot(beside, ends, transform=axes.get_yaxis_transform(), **style)
        axes.plot(ends, beside, transform=axes.get_xaxis_transform(), **style)
    for spine in axes.spines.values():
        spine.set_visible(False)


def roc_curves(results: Mapping[str, Predictions]) -> Figure:
    """ROC curves: of both predictors in one panel for two classes, else one panel each with a curve for every class."""
    classes = next(iter(results.values())).classes
    with styled():
        if len(classes) == 2:
            figure, panels = _panels(1, 3.7)
            panels[0].set_title(f"{shorten_middle(classes[1])} against {shorten_middle(classes[0])}")
            for who, predictions in results.items():
                _draw_roc(panels[0], predictions, 1, COLOURS[who], PREDICTORS[who])
        else:
            figure, panels = _panels(len(results), 4.3)
            for axes, (who, predictions) in zip(panels, results.items(), strict=True):
                axes.set_title(PREDICTORS[who])
                _draw_class_rocs(axes, predictions)
        for axes in panels:
            axes.plot([0, 1], [0, 1], color=GUESS, linewidth=1, linestyle="--", zorder=1)
            axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), xlabel="false positive rate")
            axes.set_ylabel("true positive rate")
            axes.set_aspect("equal")
            axes.legend(fontsize=SMALL, loc="lower right")
    return figure


def _draw_class_rocs(axes: Axes, predictions: Predictions) -> None:
    """A curve for each of the most frequent classes, as many as there are colours."""
    counts = np.array([(predictions.observed == name).sum() for name in predictions.classes])
    for code in sorted(np.argsort(-counts, kind="stable")[: len(CATEGORIES)].tolist()):
        name = predictions.classes[code]
        _draw_roc(axes, predictions, code, class_colours(predictions.classes)[name], shorten_middle(name, 18))


def _draw_roc(axes: Axes, predictions: Predictions, code: int, colour: str, name: str) -> None:
    assert predictions.probabilities is not None
    positive = predictions.observed == predictions.classes[code]
    if 0 < positive.sum() < len(positive):
        false_alarms, found, _ = roc_curve(positive, predictions.probabilities[:, code])
        label = f"{name} (area {auc(false_alarms, found):.2f})"
        axes.plot(false_alarms, found, color=colour, linewidth=1.7, label=label)


def _panels(number: int, height: float) -> tuple[Figure, list[Axes]]:
    return grid_of_axes(1, number, height, WIDE if number > 1 else HALF)


def _cloud(axes: Axes, x: np.ndarray, y: np.ndarray, colour: str) -> None:
    size = 20 if len(x) < 300 else 10
    axes.scatter(x, y, s=size, color=colour, alpha=0.6, linewidths=0, rasterized=len(x) > MOST_VECTOR_POINTS, zorder=2)
