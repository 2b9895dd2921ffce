"""Figures of an evaluation: levels of a column, errors against facts, disturbed samples. Data in, figure out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from aam.evaluation.catalogue import Interval, metric, value_of
from aam.report.figures.results import running_median
from aam.report.style import (
    GUESS,
    INK,
    MODEL,
    MOST_VECTOR_POINTS,
    MUTED,
    PAPER,
    SMALL,
    grid_of_axes,
    is_stacked,
    shorten_middle,
    styled,
    tidy_log_axis,
    title_of,
)

MOST_LEVELS = 24
BIAS = "bias"
FACT_LABELS = {
    "reads": "reads",
    "asvs": "observed ASVs",
    "shannon": "Shannon diversity (bits)",
    "novelty": "novelty",
}
"""Facts that errors are drawn against -> label of the axis."""
LOG = ("reads", "asvs")
DISTURBED = {
    "depth": "Fewer reads",
    "contamination": "Reads of other samples",
    "lost ASVs": "ASVs lost",
}
"""Kind of disturbance -> title of its panel."""


def level_chart(levels: Sequence[str], panels: Mapping[str, Sequence[Interval]], whole: Mapping[str, float]) -> Figure:
    """Metrics of each level as points with 95% intervals, beside a line at those of all samples.

    Parameters
    ----------
    levels
        Their names, with numbers of samples.
    panels
        Metric, or ``bias`` -> its value in each level.
    whole
        Metric, or ``bias`` -> its value in all samples; 0 is perfect for the bias.
    """
    shown = list(range(min(len(levels), MOST_LEVELS)))
    with styled():
        figure, axes = grid_of_axes(1, len(panels), 0.9 + 0.27 * len(shown))
        for place, (axis, (name, found)) in enumerate(zip(axes, panels.items(), strict=True)):
            axis.axvline(whole[name], color=MUTED, linewidth=1, linestyle="--", zorder=1)
            for row in shown:
                _draw_level(axis, row, found[row])
            axis.set_title("Bias" if name == BIAS else title_of(name))
            axis.set_xlabel(_direction(name))
            if name != BIAS and metric(name).is_share:
                axis.xaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
            is_named = place == 0 or is_stacked()
            names = [shorten_middle(levels[row], 26) for row in shown]
            axis.set_yticks(shown, names if is_named else [""] * len(shown))
            axis.set_ylim(len(shown) - 0.4, -0.6)
            axis.grid(visible=False, axis="y")
            axis.spines.left.set_visible(False)
            axis.tick_params(axis="y", labelcolor=INK)
            axis.locator_params(axis="x", nbins=5)
    return figure


def _draw_level(axes: Axes, row: int, found: Interval) -> None:
    if np.isfinite(found.low) and np.isfinite(found.high):
        axes.plot([found.low, found.high], [row, row], color=MODEL, linewidth=4, alpha=0.35, solid_capstyle="round")
    if np.isfinite(found.value):
        axes.plot([found.value], [row], marker="o", color=MODEL, markersize=6, markeredgecolor=PAPER)


def _direction(name: str) -> str:
    if name == BIAS:
        return "0 is perfect"
    return "higher is better" if metric(name).higher_is_better else "lower is better"


def errors_against_facts(facts: Mapping[str, np.ndarray], values_N: np.ndarray, label: str, zero: float) -> Figure:
    """Errors against reads, richness, diversity and novelty, with their running median.

    Parameters
    ----------
    facts
        Name of a fact -> its value in each sample.
    values_N
        Error of each sample, or the probability of its true class.
    label
        What that is.
    zero
        Where a line is drawn: no error, or an even chance.
    """
    shown = [name for name in FACT_LABELS if name in facts and np.isfinite(facts[name]).any()]
    columns = 2
    with styled():
        figure, axes = grid_of_axes((len(shown) + 1) // columns, columns, 2.5)
        for axis, name in zip(axes, shown, strict=False):
            _draw_fact(axis, name, facts[name], values_N)
            axis.axhline(zero, color=MUTED, linewidth=1, linestyle="--", zorder=1)
            axis.set_xlabel(FACT_LABELS[name])
            if is_stacked() or axis in axes[::columns]:
                axis.set_ylabel(label)
        for axis in axes[len(shown) :]:
            axis.remove()
    return figure


def _draw_fact(axes: Axes, name: str, fact_N: np.ndarray, values_N: np.ndarray) -> None:
    known = np.isfinite(fact_N)
    x, y = fact_N[known], values_N[known]
    rasterized = len(x) > MOST_VECTOR_POINTS
    axes.scatter(x, y, s=14 if len(x) < 300 else 7, color=MODEL, alpha=0.5, linewidths=0, rasterized=rasterized)
    centres, medians = running_median(x, y)
    if len(centres) > 1:
        axes.plot(centres, medians, color=INK, linewidth=1.6, label="running median")
    if name in LOG:
        tidy_log_axis(axes)
    if name == "novelty":
        axes.axvline(1, color=MUTED, linewidth=0.8, linestyle=":")


def robustness_chart(
    steps: Mapping[str, Sequence[tuple[float, Interval]]], name: str, before: Interval, guess: float
) -> Figure:
    """A metric of disturbed samples against the size of the disturbance, a panel for each kind.

    Parameters
    ----------
    steps
        Kind -> size (reads, or shares) and the metric.
    name
        The metric.
    before
        It, of the samples as they are.
    guess
        It, of the constant prediction.
    """
    with styled():
        figure, axes = grid_of_axes(1, len(steps), 2.8, share=False)
        for place, (axis, (kind, found)) in enumerate(zip(axes, steps.items(), strict=True)):
            sizes = np.array([size for size, _ in found])
            low, value, high = (np.array([getattr(one, end) for _, one in found]) for end in ("low", "value", "high"))
            axis.fill_between(sizes, low, high, color=MODEL, alpha=0.18, linewidth=0)
            axis.plot(sizes, value, color=MODEL, marker="o", markersize=4.5, label="disturbed")
            axis.axhline(before.value, color=INK, linewidth=1, linestyle="--", label="as they are")
            if np.isfinite(guess):
                axis.axhline(guess, color=GUESS, linewidth=1.2, linestyle=":", label="constant prediction")
            _tidy_sizes(axis, kind)
            axis.set_title(DISTURBED[kind])
            if metric(name).is_share:
                axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
            if place == 0 or is_stacked():
                axis.set_ylabel(metric(name).in_text)
                axis.legend(fontsize=SMALL)
        _same_height([before, *(one for found in steps.values() for _, one in found)], guess, axes)
    return figure


def _tidy_sizes(axes: Axes, kind: str) -> None:
    if kind == "depth":
        tidy_log_axis(axes)
        axes.invert_xaxis()
        axes.set_xlabel("reads a sample")
        return
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
    axes.set_xlabel("of its reads" if kind == "contamination" else "of its ASVs")


def _same_height(found: Sequence[Interval], guess: float, axes: Sequence[Axes]) -> None:
    """The same limits in every panel."""
    ends = [end for one in found for end in (one.low, one.value, one.high) if np.isfinite(end)]
    ends += [guess] if np.isfinite(guess) else []
    low, high = min(ends), max(ends)
    room = 0.06 * (high - low or 1.0)
    for axis in axes:
        axis.set_ylim(low - room, high + room)


def size_words(kind: str, size: float) -> str:
    """The size of a disturbance."""
    return f"{size:,.0f} reads" if kind == "depth" else value_of("accuracy", size)
