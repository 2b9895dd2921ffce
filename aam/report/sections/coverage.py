"""The section of the report on interval coverage: sentences, a curve and a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import partial

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from aam.data.targets.intervals import Calibration, groups_needed
from aam.evaluation.baseline_comparison import HELD_OUT
from aam.evaluation.catalogue import interval_of, number, percent
from aam.evaluation.coverage import Coverage, levels_off
from aam.report.html import Cell, Picture, Section, Table
from aam.report.style import HALF, MODEL, MUTED, grid_of_axes, styled
from aam.text import many, plural

SMALL_DENOMINATOR = 20
# with fewer, drawing groups anew says too little of how much groups differ
LEAST_GROUPS = 6
CALIBRATED = ("validation", "out_of_fold")
SOURCES = {
    "validation": "the errors of {} validation samples",
    "out_of_fold": "the out-of-fold errors of {} training samples",
}
WIDTHS = ("mean width", "median width")


def coverage_curve(found: Sequence[Coverage]) -> Figure:
    """Observed against nominal coverage with its uncertainty; on the diagonal they agree."""
    levels = [one.level for one in found]
    low, high = (np.array([getattr(one.share, end) for one in found]) for end in ("low", "high"))
    with styled():
        figure, (axes,) = grid_of_axes(1, 1, 3.4, HALF)
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle="--", label="nominal", zorder=1)
        axes.vlines(levels, low, high, color=MODEL, alpha=0.35, linewidth=5)
        axes.plot(levels, [one.share.value for one in found], color=MODEL, marker="o", markersize=5, label="observed")
        least = min(*levels, *(one.share.value for one in found), *low[np.isfinite(low)])
        axes.set(xlim=(max(0, min(levels) - 0.05), 1), ylim=(max(0, least - 0.05), 1.02))
        axes.set(xlabel="nominal coverage", ylabel="observed coverage", title="Coverage")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
        axes.legend(fontsize=8, loc="lower right")
    return figure


def coverage_section(
    found: Sequence[Coverage],
    calibration: Calibration,
    level: float,
    *,
    part: str,
    group_column: str | None = None,
    source: str = "",
    is_ordered: bool = False,
    calibrated_by: str | None = None,
) -> Section:
    """Coverage of the intervals or sets in sentences, a curve and a table.

    Parameters
    ----------
    found
        The judged levels; ``level`` is among them.
    calibration
        What the intervals or sets came from.
    level
        The level that the user chose.
    part
        The samples that were judged: ``test`` or ``folds``, or those that also calibrated (``CALIBRATED``).
    group_column
        What a group is called; None where each sample stands for itself.
    source
        Which samples calibrated: a part of ``SOURCES``. Left out where something else says so.
    is_ordered
        Whether sets hold levels in an order.
    calibrated_by
        What a group of the calibration is called, if not the same.
    """
    chosen = next(one for one in found if one.level == level)
    sets, held = calibration.has_sets, ("level", "levels") if is_ordered else ("class", "classes")
    text = [_held_words(chosen, sets, part, group_column), _size_words(chosen, sets, held)]
    if source:
        text.append(_source_words(calibration, source, calibrated_by or group_column))
    if not calibration.is_guaranteed(level):
        text.append(_few_words(calibration, level, calibrated_by or group_column))
    text.append(_no_test_words(sets) if part in CALIBRATED else _verdict(found, chosen, sets, group_column))
    bars = ", bars its 95 % intervals" if any(np.isfinite(one.share.low) for one in found) else ""
    caption = (
        f"Dots are the observed coverage at several nominal levels{bars}. "
        "Below the dashed line, intervals are too narrow; above it, too wide."
    )
    picture = Picture("coverage", partial(coverage_curve, found), "Observed against nominal coverage", caption)
    title = "Prediction set coverage" if sets else "Interval coverage"
    table = _coverage_table(found, (f"mean number of {held[1]}", f"sets with one {held[0]}") if sets else WIDTHS, part)
    return Section("coverage", title, text, pictures=[picture], tables=[table])


def _held_words(chosen: Coverage, sets: bool, part: str, group_column: str | None) -> str:
    new = "new samples" if group_column is None else f"samples of a new {group_column}"
    what = "Prediction sets" if sets else "Intervals"
    said = f"{chosen.held_N.sum():,} ({percent(chosen.held_N.mean())}) are"
    uncertainty = interval_of("accuracy", chosen.share)
    detail = ""
    if chosen.num_groups is not None:
        name = group_column or "group"
        detail = (
            f"; with equal weight for each {name} ({plural(chosen.num_groups, name)}) {percent(chosen.share.value)}"
        )
    detail += f", {uncertainty}" if uncertainty else ""
    return (
        f"{what} should cover {_share_words(chosen.level)} {new}; of {len(chosen.held_N):,} {HELD_OUT[part]} "
        f"{said} covered{detail}."
    )


def _size_words(chosen: Coverage, sets: bool, held: tuple[str, str]) -> str:
    mean = number(chosen.size_N.mean())
    if sets:
        return f"A set has {mean} {held[1]} on average; {percent(chosen.single)} of the sets have one {held[0]}."
    return (
        f"The mean width of an interval is {mean}, the median {number(np.median(chosen.size_N))} (in the units of the "
        "target)."
    )


def _source_words(calibration: Calibration, source: str, group_column: str | None) -> str:
    """What calibrated, and how much that is worth."""
    said = f"Calibrated on {SOURCES[source].format(f'{calibration.num_samples:,}')}"
    if calibration.num_groups == calibration.num_samples:
        return f"{said}."
    worth = f", worth {calibration.num_effective:,.0f} independent samples" if calibration.num_effective else ""
    return f"{said} from {plural(calibration.num_groups, group_column or 'group')}{worth}."


def _few_words(calibration: Calibration, level: float, group_column: str | None) -> str:
    """Why the coverage is not guaranteed."""
    name = group_column or "sample"
    if calibration.has_groups_for(level):
        beyond = percent(calibration.beyond)
        return f"Coverage is not guaranteed: {beyond} of the calibration values lie outside all possible predictions."
    return (
        f"Coverage is not guaranteed: there are too few calibration {many(name)} ({calibration.num_groups:,}; "
        f"{groups_needed(level):,} needed for {_exact_percent(level)})."
    )


def _no_test_words(sets: bool) -> str:
    what = "sets" if sets else "intervals"
    return f"This is not a test: the same samples calibrated the {what}. A test set (--test-size) would be one."


def _verdict(found: Sequence[Coverage], chosen: Coverage, sets: bool, group_column: str | None) -> str:
    """Whether the drawn levels agree with the nominal ones, and what follows for the level that the user chose."""
    if chosen.num_groups is not None and chosen.num_groups < LEAST_GROUPS:
        few = plural(chosen.num_groups, group_column or "group")
        return f"Held-out samples of only {few} cannot tell whether the coverage is right."
    below, above = levels_off(found)
    held = len(found) - len(below) - len(above)
    lines = [
        f"At {held} of {plural(len(found), 'nominal coverage')}, the 95 % interval of the observed coverage contains "
        "the nominal coverage."
    ]
    lines += [f"Coverage is clearly too low at {_observed_words(below)}."] if below else []
    lines += [f"Coverage is clearly too high at {_observed_words(above)}."] if above else []
    return " ".join([*lines, *_advice(chosen, below, above, "sets" if sets else "intervals")])


def _observed_words(levels: Sequence[Coverage]) -> str:
    return ", ".join(f"{_exact_percent(one.level)} (observed {percent(one.share.value)})" for one in levels)


def _advice(chosen: Coverage, below: Sequence[Coverage], above: Sequence[Coverage], what: str) -> Iterator[str]:
    """What levels that are off mean for who uses the chosen level; nothing where none is."""
    at = _exact_percent(chosen.level)
    if chosen in below:
        yield f"Do not rely on the {what} at {at}, the chosen level."
    elif chosen in above:
        yield f"At {at}, the chosen level, the {what} are conservative."
    elif below:
        yield f"Rely on the {what} at {at}, the chosen level, but not at levels where coverage is too low."


def _coverage_table(found: Sequence[Coverage], size: tuple[str, str], part: str) -> Table:
    rows = [
        [
            Cell(_exact_percent(one.level)),
            Cell(percent(one.share.value), interval_of("accuracy", one.share)),
            Cell(number(one.size_N.mean())),
            Cell(percent(one.single) if size is not WIDTHS else number(np.median(one.size_N))),
        ]
        for one in found
    ]
    caption = f"{len(found[0].held_N):,} {HELD_OUT[part]}"
    return Table(("nominal", "observed", *size), rows, caption, frozenset(range(4)))


def _share_words(level: float) -> str:
    """A share as a simple fraction, 9 of 10, or else as a percentage."""
    near = Fraction(level).limit_denominator(SMALL_DENOMINATOR)
    if abs(float(near) - level) < 1e-9:
        return f"{near.numerator} of {near.denominator}"
    return f"{_exact_percent(level)} of"


def _exact_percent(level: float) -> str:
    return f"{100 * level:.6g} %"
