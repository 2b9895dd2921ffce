"""Figures of a run: comparison of predictors, learning curves, reads and ASVs, ordination. Data in, figure out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize, to_rgba
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from aam.evaluation.catalogue import LOSSES, PREDICTORS, Interval, metric, percent, value_of
from aam.models.objectives import each_part
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
    SEQUENTIAL,
    SMALL,
    WIDE,
    class_colours,
    grid_of_axes,
    is_stacked,
    shorten_middle,
    styled,
    tidy_log_axis,
    title_of,
)

MOST_BARS = 30
WIDE_RATIO = 20
CONSTANT = ("guess", "majority", "median_level")
FAR = 2.0
"""How far from the other intervals, in widths of all of them, a constant prediction is still on the axis."""
PREDICTOR_COLOURS = {"model": MODEL, "forest": FOREST, "guess": GUESS, "majority": GUESS, "median_level": GUESS}


def interval_chart(results: Mapping[str, Mapping[str, Interval]], names: Sequence[str]) -> Figure:
    """Each predictor's metrics as points with their 95% intervals.

    Parameters
    ----------
    results
        Predictor (``model``, ``forest``, ``guess`` or ``majority``) -> its metrics.
    names
        The metrics to show, a panel each.
    """
    with styled():
        figure, panels = grid_of_axes(1, len(names), 0.85 + 0.34 * len(results))
        for axes, name in zip(panels, names, strict=True):
            _draw_intervals(axes, {who: found[name] for who, found in results.items()}, name)
            axes.locator_params(axis="x", nbins=5)
            better = "higher is better" if metric(name).higher_is_better else "lower is better"
            axes.set_title(title_of(name))
            axes.set_xlabel(better)
            if metric(name).is_share:
                axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
            named = axes is panels[0] or is_stacked()
            axes.set_yticks(range(len(results)), [PREDICTORS[who] for who in results] if named else [])
            axes.set_ylim(len(results) - 0.5, -0.6)
            axes.grid(visible=False, axis="y")
            axes.spines.left.set_visible(False)
            axes.tick_params(axis="y", labelcolor=INK, labelsize=9)
    return figure


def _draw_interval(axes: Axes, row: int, interval: Interval, colour: str, name: str) -> None:
    axes.plot([interval.low, interval.high], [row, row], color=colour, linewidth=5, alpha=0.35, solid_capstyle="round")
    axes.plot([interval.value], [row], marker="o", color=colour, markersize=7, markeredgecolor=PAPER)
    text = value_of(name, interval.value)
    axes.annotate(
        text, (interval.value, row), (0, 7), textcoords="offset points", ha="center", weight="bold", color=INK
    )


def _draw_intervals(axes: Axes, found: Mapping[str, Interval], name: str) -> None:
    """A row for each predictor that has the metric; an arrow for a constant prediction that lies far off."""
    shown = {who: interval for who, interval in found.items() if np.isfinite(interval.value)}
    limits = near_limits(shown)
    for who, interval in shown.items():
        row, colour = list(found).index(who), PREDICTOR_COLOURS[who]
        if limits is None or limits[0] <= interval.value <= limits[1]:
            _draw_interval(axes, row, interval, colour, name)
        else:
            _draw_far(axes, row, interval.value, limits, (colour, value_of(name, interval.value)))
    if limits is not None:
        axes.set_xlim(*limits)


def near_limits(found: Mapping[str, Interval]) -> tuple[float, float] | None:
    """Limits of an axis that holds all intervals, but not that of a constant prediction far from the others.

    Parameters
    ----------
    found
        Predictor -> a metric that is defined.
    """
    ends = {who: [x for x in (i.low, i.value, i.high) if np.isfinite(x)] for who, i in found.items()}
    fitted = [x for who, values in ends.items() if who not in CONSTANT for x in values]
    if not fitted:
        return None
    low, high = min(fitted), max(fitted)
    span = high - low or max(abs(high), 1.0) / 10
    others = [x for who, values in ends.items() if who in CONSTANT for x in values]
    if others and low - FAR * span <= min(others) and max(others) <= high + FAR * span:
        low, high = min(low, *others), max(high, *others)
        span = high - low or span
    return low - 0.12 * span, high + 0.12 * span


def _draw_far(axes: Axes, row: int, value: float, limits: tuple[float, float], drawn: tuple[str, str]) -> None:
    """An arrow on the edge, with the value that lies beyond it."""
    is_low, (colour, text) = value < limits[0], drawn
    inside = 0.03 * (limits[1] - limits[0])
    edge = limits[0] + inside if is_low else limits[1] - inside
    axes.plot([edge], [row], marker="<" if is_low else ">", color=colour, markersize=6)
    side: dict[str, Any] = {"xytext": (9 if is_low else -9, 0), "ha": "left" if is_low else "right"}
    axes.annotate(text, (edge, row), textcoords="offset points", va="center", weight="bold", color=INK, **side)


def learning_curves(history: Mapping[str, np.ndarray], best_metric: str, best_epoch: int | None) -> Figure:
    """The best metric and every named loss over the epochs, training beside validation.

    Parameters
    ----------
    history
        Columns of ``metrics.csv``, whose first epoch is 0; people count from 1, and so does the figure.
    best_metric
        The metric that chose the best model.
    best_epoch
        The epoch that it chose; marked.
    """
    curves = _curves(history, best_metric)
    columns = 1 if is_stacked() else min(3, len(curves))
    rows = -(-len(curves) // columns)
    with styled():
        figure, panels = grid_of_axes(rows, columns, 2.3, WIDE if columns > 1 else HALF)
        for axes, (title, lines) in zip(panels, curves.items(), strict=False):
            _draw_curves(axes, history["epoch"] + 1, lines, best_epoch)
            axes.set_title(title)
        for axes in panels[len(curves) :]:
            axes.set_visible(False)
        for axes in panels[: len(curves)][-columns:]:
            axes.set_xlabel("epoch")
    return figure


def has_curves(history: Mapping[str, np.ndarray], best_metric: str) -> bool:
    """Whether there is anything to draw as learning curves."""
    return bool(_curves(history, best_metric))


def _curves(history: Mapping[str, np.ndarray], best_metric: str) -> dict[str, dict[str, np.ndarray]]:
    """Title of each panel -> its lines by part, without totals that are one loss under another name."""
    drawn = {name: values for name, values in history.items() if np.isfinite(values).any()}
    curves: dict[str, dict[str, np.ndarray]] = {}
    if f"val_{best_metric}" in drawn and not best_metric.endswith("loss"):
        curves[metric(best_metric).label] = {"validation": drawn[f"val_{best_metric}"]}
    names = [
        found.group(1) or "" for column in drawn if (found := re.fullmatch(r"(?:train|val)_(?:(\w+)_)?loss", column))
    ]
    losses = list(dict.fromkeys(name for name in sorted(names, key=bool) if name))
    if len(losses) != 1:
        losses = ["", *losses] if "" in names else losses
    titles = LOSSES | {part.head_name: part.loss_label for part in each_part()}
    for loss in losses:
        column = f"{loss}_loss" if loss else "loss"
        parts = {"training": f"train_{column}", "validation": f"val_{column}"}
        title = titles.get(loss, f"Loss of {loss.replace('_', ' ')}")
        curves[title] = {part: drawn[name] for part, name in parts.items() if name in drawn}
    if np.array_equal(drawn.get("val_loss", []), drawn.get("val_target_loss", ())):
        curves.get(LOSSES[""], {}).pop("validation", None)
    return curves


def _draw_curves(axes: Axes, epochs: np.ndarray, lines: Mapping[str, np.ndarray], best_epoch: int | None) -> None:
    colours = {"training": GUESS, "validation": MODEL}
    for part, values in lines.items():
        marker = "o" if np.isfinite(values).sum() < 12 else ""
        known = np.isfinite(values)
        axes.plot(
            epochs[known], values[known], color=colours[part], label=part, linewidth=1.6, marker=marker, markersize=3
        )
    if best_epoch is not None:
        axes.axvline(best_epoch + 1, color=MUTED, linewidth=0.9, linestyle=":", label="best epoch")
    axes.legend(fontsize=SMALL)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    low, typical, high = np.nanquantile(np.concatenate(list(lines.values())), [0, 0.9, 1])
    if low >= 0 and high > 5 * typical:
        axes.set_ylim(0, 1.4 * typical)


def histograms(reads: Sequence[float], asvs: Sequence[float], num_samples: int, depth: int | None) -> Figure:
    """Reads and ASVs of the samples.

    Parameters
    ----------
    reads, asvs
        Of each sample, or evenly spaced quantiles of them.
    num_samples
        Number of samples that they stand for.
    depth
        Reads that are drawn from each sample; marked.
    """
    with styled():
        figure, panels = grid_of_axes(1, 2, 2.3)
        for axes, values, title in zip(panels, (reads, asvs), ("Reads per sample", "ASVs per sample"), strict=True):
            counts = np.asarray(values, dtype=np.float64)
            weights = np.full(len(counts), num_samples / len(counts))
            bins = _bins(counts)
            axes.hist(counts, bins=bins.tolist(), weights=weights, color=MODEL, alpha=0.75, rwidth=0.92)
            if _is_wide(counts):
                tidy_log_axis(axes)
            else:
                axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
            axes.set_title(title)
            axes.set_ylabel("samples")
            axes.grid(visible=False, axis="x")
            axes.margins(y=0.2)
        if depth is not None:
            panels[0].axvline(depth, color=FOREST, linewidth=1.4)
            panels[0].annotate(
                f"rarefied to {depth:,}",
                (depth, 1),
                (4, -4),
                xycoords=panels[0].get_xaxis_transform(),
                textcoords="offset points",
                va="top",
                color=FOREST,
            )
    return figure


def _is_wide(counts: np.ndarray) -> bool:
    """Whether counts are so different that only a logarithmic axis shows them all."""
    return bool(counts.max() > WIDE_RATIO * max(1.0, counts.min()))


def _bins(counts: np.ndarray) -> np.ndarray:
    """Edges of about 30 bars, each of which holds as many whole numbers as the others unless they grow."""
    low, high = max(1.0, counts.min()), max(2.0, counts.max())
    if _is_wide(counts):
        return np.geomspace(low, high, MOST_BARS + 1)
    step = np.ceil((high - low + 1) / MOST_BARS)
    return low - 0.5 + step * np.arange(np.ceil((high - low + 1) / step) + 1)


def ordination(
    vectors: np.ndarray, values: np.ndarray, parts: np.ndarray, title: str, classes: Sequence[str] = ()
) -> Figure:
    """The first two principal components of the samples' vectors, coloured by the target.

    Parameters
    ----------
    vectors
        ``N x D``.
    values
        ``N`` numbers (NaN is missing) or labels ('' is missing).
    parts
        Part of each sample; those that did not train have a ring.
    title
        What the colours are.
    classes
        All classes, in the order that gives them their colours; those of the labels if omitted.
    """
    points, shares = principal_components(vectors)
    with styled():
        figure, (axes,) = grid_of_axes(1, 1, 4.4)
        if values.dtype == object:
            colours = _colour_labels(axes, values, title, class_colours(classes or sorted({*values} - {""})))
        else:
            colours = _colour_numbers(axes, values, title)
        _dots(axes, points, parts, colours)
        axes.set_xlabel(f"first component ({percent(shares[0])} of variance)")
        axes.set_ylabel(f"second component ({percent(shares[1])})")
        axes.set_xticklabels([])
        axes.set_yticklabels([])
        axes.set_aspect("equal", "datalim")
    return figure


def principal_components(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates ``N x 2`` on the two directions of most variation, and the share of variation of each."""
    centred = vectors - vectors.mean(axis=0)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    variances = np.append(sizes**2, [0.0, 0.0])
    points = np.zeros((len(vectors), 2))
    points[:, : left.shape[1]] = (left * sizes)[:, :2]
    return points, variances[:2] / max(float(variances.sum()), np.finfo(float).tiny)


def _colour_numbers(axes: Axes, values: np.ndarray, title: str) -> np.ndarray:
    """A colour for each number (``N x 4``), grey where it is missing, with a bar that explains them."""
    known = np.isfinite(values)
    colours = np.tile(to_rgba(GUESS), (len(values), 1))
    if known.any():
        low, high = np.quantile(values[known], [0.02, 0.98])
        scale = ScalarMappable(Normalize(low, high if high > low else low + 1, clip=True), SEQUENTIAL)
        colours[known] = scale.to_rgba(values[known])
        bar = axes.figure.colorbar(scale, ax=axes, shrink=0.8, pad=0.01, label=shorten_middle(title, 40))
        bar.outline.set_visible(False)
    return colours


def _colour_labels(axes: Axes, values: np.ndarray, title: str, colour_of: Mapping[str, str]) -> np.ndarray:
    """A colour for each of the most frequent labels (``N x 4``), grey for others, with a legend."""
    labels, counts = np.unique([label for label in values if label], return_counts=True)
    named = [str(label) for label in labels[np.argsort(-counts, kind="stable")][: len(CATEGORIES)]]
    legend = {label: (shorten_middle(label), colour_of[label]) for label in sorted(named, key=list(colour_of).index)}
    colours = np.array([to_rgba(legend[label][1] if label in legend else GUESS) for label in values])
    rest = [("other or unknown", GUESS)] if any(label not in legend for label in values) else []
    for label, colour in [*legend.values(), *rest]:
        axes.plot([], [], "o", color=colour, markersize=5, label=label)
    place: dict[str, Any] = {"loc": "center left", "bbox_to_anchor": (1.0, 0.5)}
    if is_stacked():
        place = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.1), "ncols": 2}
    key = axes.legend(title=shorten_middle(title, 30), alignment="left", **place)
    key.get_title().set_fontweight("bold")
    return colours


def _dots(axes: Axes, points: np.ndarray, parts: np.ndarray, colours: np.ndarray) -> None:
    """Small dots for samples that trained, and ringed ones for those that did not; smaller where they are many."""
    trained = np.isin(parts, ["train", ""])
    scale = float(np.clip(np.sqrt(800 / len(points)), 0.35, 1))
    for rows, size, ring, order in ((trained, 16, 0.0, 2), (~trained, 26, 0.9, 3)):
        axes.scatter(
            points[rows, 0],
            points[rows, 1],
            s=size * scale,
            c=colours[rows],
            linewidths=ring * scale,
            edgecolors=INK,
            alpha=0.85,
            rasterized=len(points) > MOST_VECTOR_POINTS,
            zorder=order,
        )
