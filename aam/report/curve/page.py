"""The page of a learning curve."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from aam.evaluation.catalogue import CI, interval_of, metric, number, value_of
from aam.evaluation.learning_curve import Curve, counted, forecast_words, gain_words, measured_words
from aam.report.curve.figures import LABELS, learning_curves
from aam.report.html import Cell, Page, Picture, Section, Table, Tile

TIMES = {1: "all of the study", 2: "twice as many", 4: "four times as many"}


@dataclass(frozen=True, kw_only=True, eq=False)
class ShownCurves:
    """What the page is made of.

    Attributes
    ----------
    curves
        Target -> learner -> its curve.
    guesses
        Target -> main metric of the constant prediction.
    how
        How the curves were made, a sentence each.
    """

    curves: Mapping[str, Mapping[str, Curve]]
    guesses: Mapping[str, float]
    how: Sequence[str]


def curve_lines(curves: Mapping[str, Mapping[str, Curve]]) -> Iterator[str]:
    """What was found, a sentence each; what is foretold of the first learner comes first."""
    several = len(curves) > 1
    for column, of_learner in curves.items():
        for learner, curve in of_learner.items():
            who = f"{column}, {LABELS[learner].lower()}" if several else LABELS[learner]
            yield forecast_words(curve, who)
            yield measured_words(curve, who)


def curve_page(shown: ShownCurves) -> Page:
    """A learning curve."""
    lines = list(curve_lines(shown.curves))
    sections = []
    for place, (column, of_learner) in enumerate(shown.curves.items()):
        ending, before = ("", "") if len(shown.curves) == 1 else (f"-{place}", f"{column}: ")
        sections += [
            _curve_section(of_learner, shown.guesses[column], f"curve{ending}", f"{before}Would more samples help?"),
            _measured_section(of_learner, f"measured{ending}", f"{before}Measured"),
        ]
    return Page(
        kicker="AAM learning curve",
        title=", ".join(shown.curves),
        headline=lines[0],
        verdicts=lines[1:],
        tiles=list(_tiles(next(iter(shown.curves.values())))),
        sections=[*sections, Section("how", "How it was measured", shown.how)],
    )


def _tiles(of_learner: Mapping[str, Curve]) -> Iterator[Tile]:
    curve = next(iter(of_learner.values()))
    last, name = curve.points[-1], curve.main
    unit = counted(curve.unit)
    yield Tile(
        value_of(name, last.metrics[name].value),
        f"{metric(name).name}, measured with {last.units:.0f} {unit}",
        interval_of(name, last.metrics[name]),
    )
    if curve.law is None or not curve.falls:
        return
    for one in curve.law.forecasts:
        yield Tile(
            value_of(name, one.value.value),
            f"foretold with {one.units:,.0f} ({TIMES[one.factor]})",
            interval_of(name, one.value),
        )


def _curve_section(of_learner: Mapping[str, Curve], guess: float, anchor: str, title: str) -> Section:
    caption = (
        "Full dots are results on the same held-out samples after learning from so many groups, bars their 95 % "
        "intervals; the line is the law a + b n^\u2212c with its 95 % band, open dots what it foretells of all groups "
        "of the study (dotted line), twice and four times as many."
    )
    picture = Picture(
        "learning-curve",
        partial(learning_curves, of_learner, guess),
        "Result by number of training groups, with the fitted law",
        caption,
    )
    tables = [_forecasts(of_learner)] if any(curve.law is not None for curve in of_learner.values()) else []
    text = [
        "The band holds what other held-out groups and other choices of training groups would change. That errors "
        "go on by this law is an assumption: the further out, the weaker."
    ]
    return Section(anchor, title, text if tables else [], pictures=[picture], tables=tables)


def _forecasts(of_learner: Mapping[str, Curve]) -> Table:
    rows = []
    for learner, curve in of_learner.items():
        if curve.law is None:
            continue
        name, law = curve.main, curve.law
        cells = [Cell(value_of(name, one.value.value), interval_of(name, one.value)) for one in law.forecasts]
        gains = [Cell(*gain_words(name, one.gain)) for one in law.forecasts[1:]]
        floor, scale, exponent = (float(one[0]) for one in (law.best.floor, law.best.scale, law.best.exponent))
        told = f"{number(floor)} + {number(scale)} n^\u2212{exponent:.2f}"
        small = "of 1 less the metric" if metric(name).higher_is_better else ""
        rows.append([Cell(LABELS[learner]), *cells, *gains, Cell(told, small)])
    first = next(curve for curve in of_learner.values() if curve.law is not None)
    assert first.law is not None
    names = [f"{one.units:,.0f} ({TIMES[one.factor]})" for one in first.law.forecasts]
    caption = f"{metric(first.main).name} by the law, with {CI}"
    header = ("learner", *names, *(f"gain with {TIMES[one.factor]}" for one in first.law.forecasts[1:]), "law")
    return Table(header, rows, caption, frozenset(range(1, len(header))))


def _measured_section(of_learner: Mapping[str, Curve], anchor: str, title: str) -> Section:
    return Section(anchor, title, tables=[_measured(LABELS[name], curve) for name, curve in of_learner.items()])


def _measured(label: str, curve: Curve) -> Table:
    names = list(curve.points[0].metrics)
    rows = [
        [
            Cell(f"{point.units:.0f}"),
            Cell(f"{point.samples:,.0f}"),
            Cell(str(len(point.repeats))),
            *(
                Cell(value_of(name, point.metrics[name].value), interval_of(name, point.metrics[name]))
                for name in names
            ),
        ]
        for point in curve.points
    ]
    header = (counted(curve.unit), "training samples", "repeats", *(metric(name).name for name in names))
    return Table(header, rows, label, frozenset(range(len(header))))
