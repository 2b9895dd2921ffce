"""A learning curve: metrics by the number of training groups, the law that they follow, and what it foretells.

All sizes are judged on the same held-out samples, and each bootstrap draw takes the same groups of these at all sizes;
where subsets of a size were drawn several times, it also draws among them. So the interval of what the law foretells
holds both, and only both: not that the law may be another one.

Legend: ``S`` sizes, ``R`` draws.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from aam.data.targets.kinds import Predictions
from aam.evaluation.catalogue import (
    CI,
    POINTS,
    Interval,
    difference_interval_of,
    difference_of,
    interval_of,
    metric,
    value_of,
)
from aam.evaluation.metrics import LEVEL, compare_repeats, draw_repeats, evaluate_repeats, interval_of_draws
from aam.evaluation.power_law import FEWEST_SIZES, PowerLaws, fit_power_law, fit_power_laws

FACTORS = (1, 2, 4)
"""Multiples of the study's groups that the law is asked for."""
LEAST_GAIN = 0.01
"""Share of the error from which a gain is one."""


@dataclass(frozen=True, kw_only=True, eq=False)
class SizeResult:
    """What was predicted with training sets of one size."""

    units: float
    samples: float
    repeats: tuple[Predictions, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Point:
    """What was measured with training sets of one size.

    Attributes
    ----------
    units, samples
        Groups (samples, where each stands alone) and samples of a training set, means over folds and repeats.
    repeats
        Predictions of all held-out samples, once for each choice of the subsets.
    metrics
        Each metric with its interval.
    """

    units: float
    samples: float
    repeats: tuple[Predictions, ...]
    metrics: Mapping[str, Interval]


@dataclass(frozen=True, kw_only=True, eq=False)
class Forecast:
    """What a law says of so many groups: the metric with its interval, and how much is gained over all groups now."""

    factor: int
    units: float
    value: Interval
    gain: Interval


@dataclass(frozen=True, kw_only=True, eq=False)
class Law:
    """The law of a curve.

    Attributes
    ----------
    best
        Of the measured errors.
    drawn
        Of each bootstrap draw.
    forecasts
        What it says of all groups of the study, of twice and of four times as many.
    """

    best: PowerLaws
    drawn: PowerLaws
    forecasts: tuple[Forecast, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Curve:
    """The learning curve of one learner for one target.

    Attributes
    ----------
    column, learner
        The target, and what learns it: ``blend`` or ``forest``.
    unit
        What is counted: the column of the groups, or ``sample``.
    total
        Groups of the study.
    points
        By size, ascending.
    last_step, whole
        How much larger the main metric is with the largest training sets than with about half as many groups, and than
        with the smallest (paired).
    half
        The place of the size that the last step starts from.
    law
        None where there are too few sizes for one.
    """

    column: str
    learner: str
    unit: str
    total: int
    points: tuple[Point, ...]
    half: int
    last_step: Interval
    whole: Interval
    law: Law | None

    @property
    def main(self) -> str:
        """The metric that the law is about."""
        return self.points[0].repeats[0].kind.main_metric

    @property
    def falls(self) -> bool:
        """Whether the error is clearly smaller with the largest training sets than with the smallest."""
        return is_better(self.main, self.whole)


def is_better(name: str, difference: Interval) -> bool:
    """Whether the whole interval of a difference of a metric is on its better side."""
    return difference.low > 0 if metric(name).higher_is_better else difference.high < 0


def make_curve(column: str, learner: str, unit: str, total: int, sizes: Sequence[SizeResult]) -> Curve:
    """Judge what was measured, and fit the law.

    Parameters
    ----------
    column, learner, unit, total
        As in :class:`Curve`.
    sizes
        What was measured, by size, ascending; two or more.
    """
    points = tuple(
        Point(units=one.units, samples=one.samples, repeats=one.repeats, metrics=evaluate_repeats(one.repeats))
        for one in sizes
    )
    main, largest = points[0].repeats[0].kind.main_metric, points[-1]
    half = min(range(len(points) - 1), key=lambda place: abs(np.log(2 * points[place].units / largest.units)))
    return Curve(
        column=column,
        learner=learner,
        unit=unit,
        total=total,
        points=points,
        half=half,
        last_step=compare_repeats(largest.repeats, points[half].repeats)[main],
        whole=compare_repeats(largest.repeats, points[0].repeats)[main],
        law=_law(points, main, total) if len(points) >= FEWEST_SIZES else None,
    )


def error_of(name: str, values: np.ndarray) -> np.ndarray:
    """A metric as an error: what is lacking to 1 where higher is better. It is its own inverse."""
    return 1 - values if metric(name).higher_is_better else values


def drawn_errors(points: Sequence[Point], name: str, seed: int = 0) -> np.ndarray:
    """The error at each size in every bootstrap draw, ``R x S``: of held-out groups, and of the subsets of a size.

    Parameters
    ----------
    points
        The sizes.
    name
        The metric.
    seed
        Of the draws.
    """
    rng = np.random.default_rng(seed)
    found = []
    for point in points:
        of_repeats = np.stack([draw_repeats([one], seed=seed)[name] for one in point.repeats])
        chosen = rng.integers(len(of_repeats), size=of_repeats.shape)
        found.append(np.take_along_axis(of_repeats, chosen, axis=0).mean(axis=0))
    drawn_RS = error_of(name, np.stack(found, axis=1))
    return np.asarray(drawn_RS[np.isfinite(drawn_RS).all(axis=1)])


def _law(points: Sequence[Point], name: str, total: int) -> Law | None:
    size_S = np.array([point.units for point in points])
    error_S = error_of(name, np.array([point.metrics[name].value for point in points]))
    drawn_RS = drawn_errors(points, name)
    if not np.isfinite(error_S).all() or not len(drawn_RS):
        return None
    best, drawn = fit_power_law(size_S, error_S), fit_power_laws(size_S, drawn_RS)
    forecasts = tuple(_forecast(best, drawn, name, total, factor) for factor in FACTORS)
    return Law(best=best, drawn=drawn, forecasts=forecasts)


def _forecast(best: PowerLaws, drawn: PowerLaws, name: str, total: int, factor: int) -> Forecast:
    value, drawn_R = float(best.at(factor * total)[0, 0]), drawn.at(factor * total)[:, 0]
    now, now_R = float(best.at(total)[0, 0]), drawn.at(total)[:, 0]
    said = interval_of_draws(float(error_of(name, np.array(value))), error_of(name, drawn_R))
    return Forecast(
        factor=factor, units=factor * total, value=said, gain=interval_of_draws(now - value, now_R - drawn_R)
    )


def band(curve: Curve, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The law at some sizes in the units of the metric, and the ends of its 95 % interval."""
    assert curve.law is not None
    drawn = error_of(curve.main, curve.law.drawn.at(sizes))
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return error_of(curve.main, curve.law.best.at(sizes)[0]), low, high


def measured_words(curve: Curve, who: str) -> str:
    """What was measured, in a sentence."""
    name, first, last = curve.main, curve.points[0], curve.points[-1]
    half = curve.points[curve.half]
    unit = counted(curve.unit)
    is_clear = is_better(name, curve.last_step)
    found = f"{difference_of(name, curve.last_step.value)}, {difference_interval_of(name, curve.last_step)}"
    verdict = "it still got clearly better" if is_clear else "it did not get clearly better"
    return (
        f"{who}: {metric(name).in_text} {value_of(name, first.metrics[name].value)} learned from "
        f"{first.units:.0f} {unit}, {value_of(name, last.metrics[name].value)} from {last.units:.0f} "
        f"({interval_of(name, last.metrics[name])}); from {half.units:.0f} to {last.units:.0f}, {verdict} ({found})."
    )


def forecast_words(curve: Curve, who: str) -> str:
    """Whether more samples would help, and by how much, in a sentence."""
    name, unit = curve.main, counted(curve.unit)
    if curve.law is None:
        return (
            f"{who}: {len(curve.points)} sizes are too few for a law ({FEWEST_SIZES} are needed): nothing is foretold."
        )
    if not curve.falls:
        shown = f"{difference_of(name, curve.whole.value)}, {difference_interval_of(name, curve.whole)}"
        return (
            f"{who}: the curve does not clearly improve from {curve.points[0].units:.0f} to "
            f"{curve.points[-1].units:.0f} {unit} ({shown}), so it does not say whether more would help."
        )
    now, twice, four = curve.law.forecasts
    verb = "raise" if metric(name).higher_is_better else "lower"
    lead = f"{who}: twice as many {unit} ({twice.units:,.0f}) would {verb} the {metric(name).in_text} from"
    said = (
        f"{lead} {value_of(name, now.value.value)} (all {now.units:,.0f}) to about {value_of(name, twice.value.value)} "
        f"({_gained(name, twice.gain)}), four times as many to {value_of(name, four.value.value)} "
        f"({_gained(name, four.gain)})"
    )
    error = float(error_of(name, np.array(now.value.value)))
    if twice.gain.low >= LEAST_GAIN * error:
        return f"{said}."
    if twice.gain.high < LEAST_GAIN * error:
        return f"{said}: next to nothing."
    return f"{said}; that it gains nothing cannot be ruled out."


def _gained(name: str, gain: Interval) -> str:
    value, interval = gain_words(name, gain)
    return f"by {value}, {interval}"


def gain_words(name: str, gain: Interval) -> tuple[str, str]:
    """A gain, which by the law is never negative, and its paired interval."""
    value, low, high = (difference_of(name, one).lstrip("+") for one in (gain.value, gain.low, gain.high))
    return value, f"{CI} {low.removesuffix(POINTS)} to {high}"


def counted(unit: str) -> str:
    """What is counted, in the plural."""
    return "samples" if unit == "sample" else f"groups of {unit}"
