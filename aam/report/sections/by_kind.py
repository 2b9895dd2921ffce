"""Report parts that only ordered classes, or counts, have."""

from __future__ import annotations

from functools import partial

import numpy as np

from aam.data.targets.kinds import Predictions, TargetSpec
from aam.evaluation.baseline_comparison import HELD_OUT, Judgement
from aam.evaluation.by_kind.counts import rate_bins
from aam.evaluation.by_kind.ordered import errors_by_level, ranked_probability_score
from aam.evaluation.catalogue import NONE, difference_of, number, percent, value_of
from aam.report.figures.by_kind import cumulative_reliability, rate_calibration
from aam.report.html import Cell, Picture, Section, Table

LEAST_SAMPLES = 20
"""With fewer, a curve says nothing."""


def kind_section(judgement: Judgement, target: TargetSpec) -> Section | None:
    """What is shown of ordered classes, or of counts, beside what all classes and numbers have."""
    shown = {who: judgement.predictions[who] for who in ("model", "forest") if who in judgement.predictions}
    if target.kind.is_ordered:
        return _ordered_section(judgement, shown)
    if target.kind.is_count and len(shown["model"]) >= LEAST_SAMPLES:
        return _counts_section(shown, target)
    return None


def _ordered_section(judgement: Judgement, shown: dict[str, Predictions]) -> Section:
    rows = [
        [
            Cell(one.level),
            Cell(f"{one.number:,}"),
            Cell(_levels(one.error)),
            Cell(_signed(one.bias)),
            Cell(percent(one.near) if np.isfinite(one.near) else NONE),
        ]
        for one in errors_by_level(shown["model"])
    ]
    header = ("level", "samples", "rank error", "too high by", "at most one level off")
    caption = f"Levels that predictions are off, by true level, {HELD_OUT[judgement.part]}"
    table = Table(header, rows, caption, frozenset(range(1, len(header))))
    scores = {who: ranked_probability_score(predictions) for who, predictions in shown.items()}
    forest = f"; {value_of('f1', scores['forest'])} for the random forest" if "forest" in scores else ""
    text = (
        "The ranked probability score (squared error of the cumulative probabilities, summed over levels; 0 is "
        f"perfect) is {value_of('f1', scores['model'])}{forest}."
    )
    pictures = []
    if len(shown["model"]) >= LEAST_SAMPLES:
        caption = (
            "Dots are groups of samples of like predicted probability of a level or a lower one. On the dashed line, "
            "that is so as often as predicted; below it, probabilities are too high."
        )
        draw = partial(cumulative_reliability, shown)
        pictures = [Picture("cumulative-reliability", draw, "Cumulative frequencies against predicted ones", caption)]
    return Section("levels", "Errors and probabilities by level", [text], pictures=pictures, tables=[table])


def _levels(value: float) -> str:
    return f"{value:.2f}" if np.isfinite(value) else NONE


def _signed(value: float) -> str:
    return difference_of("qwk", value)


def _counts_section(shown: dict[str, Predictions], target: TargetSpec) -> Section:
    model = shown["model"]
    bins = rate_bins(model)
    held = sum(one.low <= one.predicted <= one.high for one in bins)
    text = (
        f"On average {number(float(model.predicted.mean()))} are predicted and {number(float(model.observed.mean()))} "
        f"observed. In {held} of {len(bins)} groups of like prediction the mean prediction lies in the 95 % interval "
        "of the mean observed."
    )
    caption = (
        "Dots are groups of samples of like prediction, bars the 95 % intervals of their mean (samples taken as "
        "independent). On the dashed line, as many occur as are predicted."
    )
    picture = Picture(
        "rates", partial(rate_calibration, shown, target.column), "Mean observed against mean predicted counts", caption
    )
    return Section("rates", "Calibration of the expected counts", [text], pictures=[picture])
