"""`aam learning-curve` from the options to the curves, a page and tables."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from aam.config.commands.learning_curve import CurveConfig
from aam.data.study.summary import describe
from aam.evaluation.learning_curve import Curve, SizeResult, make_curve
from aam.evaluation.metrics import score
from aam.files.columns import Columns, write_tables
from aam.log import say, warn
from aam.report import check_drawing
from aam.runs.result_folder import result_folder
from aam.text import format_duration, plural
from aam.workflows.learning_curve.compute import GUESS, Found, compute
from aam.workflows.learning_curve.plan import CurvePlan, plan_curve, size_words

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from aam.report.html import Page

RECORD = "learning_curve.json"
LABELS = ("target", "learner")


@dataclass(frozen=True, kw_only=True, eq=False)
class LearningCurve:
    """Learning curves of a study.

    Attributes
    ----------
    curves
        Target -> learner (``blend``, ``forest``) -> its curve.
    guesses
        Target -> main metric of the constant prediction.
    how
        How they were made, a sentence each.
    seconds
        What that took.
    """

    curves: Mapping[str, Mapping[str, Curve]]
    guesses: Mapping[str, float]
    how: tuple[str, ...]
    seconds: float

    @cached_property
    def summary(self) -> tuple[str, ...]:
        """What was found, in words."""
        from aam.report.curve.page import curve_lines

        return tuple(curve_lines(self.curves))

    @cached_property
    def points(self) -> Columns:
        """Columns ``target, learner, groups, samples, repeats, metric, value, low, high``: what was measured."""
        rows = [
            (*labels, point.units, point.samples, len(point.repeats), name, found.value, found.low, found.high)
            for labels, curve in self._each()
            for point in curve.points
            for name, found in point.metrics.items()
        ]
        return Columns.of_rows((*LABELS, "groups", "samples", "repeats", "metric", "value", "low", "high"), rows)

    @cached_property
    def forecasts(self) -> Columns:
        """What laws foretell: the metric by groups, what is gained over all groups now, and the law's parameters."""
        rows = []
        for labels, curve in self._each():
            if curve.law is None:
                continue
            law = [float(one[0]) for one in (curve.law.best.floor, curve.law.best.scale, curve.law.best.exponent)]
            for one in curve.law.forecasts:
                said = (one.value.value, one.value.low, one.value.high, one.gain.value, one.gain.low, one.gain.high)
                rows.append((*labels, curve.main, one.factor, one.units, *said, *law))
        names: tuple[str, ...] = ("metric", "factor", "groups", "value", "low", "high")
        names += ("gain", "gain_low", "gain_high", "floor", "scale", "exponent")
        return Columns.of_rows((*LABELS, *names), rows)

    @cached_property
    def page(self) -> Page:
        """The page, before it is rendered."""
        from aam.report.curve.page import ShownCurves, curve_page

        return curve_page(ShownCurves(curves=self.curves, guesses=self.guesses, how=self.how))

    @property
    def figures(self) -> dict[str, Figure]:
        """Name -> figure, drawn anew."""
        from aam.report.figure_files import figures_on_white

        return figures_on_white(self.page)

    def _each(self) -> list[tuple[tuple[str, str], Curve]]:
        return [
            ((column, learner), curve)
            for column, of_learner in self.curves.items()
            for learner, curve in of_learner.items()
        ]


def learning_curve(config: CurveConfig) -> LearningCurve:
    """Train on nested subsets, judge them on the same held-out samples, and write the results where a folder is given.

    Parameters
    ----------
    config
        The data, what is learned, and the sizes.

    Raises
    ------
    ConfigError, InputError
        If an option, a file or the folder cannot be used.
    """
    options = config.curve
    if options.output_dir is None:
        return _curves(config)
    check_drawing()
    with result_folder(options.output_dir, RECORD, overwrite=options.overwrite) as results:
        found = _curves(config)
        _write(found, results.path)
        results.record.update(results=list(found.summary), how=list(found.how), seconds=round(found.seconds, 1))
    return found


def _curves(config: CurveConfig) -> LearningCurve:
    started = time.monotonic()
    plan = plan_curve(config)
    say(*describe(plan.study))
    if plan.groups is not None:
        say(f"groups: {plan.total:,} of '{plan.unit}', each kept whole")
    options = config.curve
    say(f"{size_words(plan)}; {plural(options.folds, 'fold')}, {plural(options.repeats, 'repeat')} of all but the last")
    say(f"{plural(len(plan.jobs), 'blend')} to fit")
    if options.output_dir is None:
        warn("nothing is written without --output-dir")
    found = compute(plan, progress=options.progress)
    seconds = time.monotonic() - started
    say(f"fitted in {format_duration(seconds)}")
    return LearningCurve(
        curves=_judged(plan, found),
        guesses={column: _guess(sizes) for (column, learner), sizes in found.items() if learner == GUESS},
        how=tuple(_how(plan, config)),
        seconds=seconds,
    )


def _judged(plan: CurvePlan, found: Found) -> dict[str, dict[str, Curve]]:
    curves: dict[str, dict[str, Curve]] = {}
    for (column, learner), sizes in found.items():
        if learner != GUESS:
            curves.setdefault(column, {})[learner] = make_curve(column, learner, plan.unit, plan.total, sizes)
    return curves


def _guess(sizes: Sequence[SizeResult]) -> float:
    last = sizes[-1]
    return score(last.repeats[0])[last.repeats[0].kind.main_metric]


def _how(plan: CurvePlan, config: CurveConfig) -> list[str]:
    options, number = config.curve, len(plan.jobs)
    whole = "samples" if plan.groups is None else f"whole groups ({plan.unit})"
    samples = [len(job.split.train) for job in plan.jobs if job.size == len(plan.sizes) - 1]
    return [
        f"The {plural(len(plan.study), 'sample')} were dealt into {options.folds} folds of {whole}, the same for all "
        f"sizes. For each fold, {size_words(plan)} were taken from the others in a random order, so that smaller sets "
        f"lie within larger ones ({plural(options.repeats, 'order')}); the largest are all that a fold has "
        f"({np.mean(samples):,.0f} samples on average).",
        f"Each of the {number} sets was learned from as aam train does it, with folds, weights and ASVs of its own, "
        "and predicted the fold's samples. Predictions of all folds are pooled; metrics are means over orders, "
        "intervals are bootstrapped over groups, in all sizes the same.",
        "The law is fitted by weighted least squares, in which larger sizes weigh more (Figueroa et al. 2012, "
        "doi:10.1186/1472-6947-12-8), anew in each bootstrap draw. It foretells what a model trained on all groups of "
        "so large a study would do.",
    ]


def _write(found: LearningCurve, folder: Path) -> None:
    from aam.report.figure_files import write_page

    write_tables(folder, {"curve": found.points, "forecasts": found.forecasts})
    write_page(found.page, folder)
