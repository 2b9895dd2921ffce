"""The page of runs side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from aam.evaluation.catalogue import (
    difference_interval_of,
    difference_of,
    interval_of,
    metric,
    number,
    value_of,
)
from aam.evaluation.side_by_side.judge import Difference, Standing, disagreement, headline, p_words
from aam.evaluation.side_by_side.notes import part_words
from aam.evaluation.side_by_side.sources import Source
from aam.report.comparison import figures
from aam.report.html import Cell, Page, Picture, Section, Table, Tile
from aam.text import plural

MOST_DISAGREED = 10


@dataclass(frozen=True, kw_only=True, eq=False)
class Shown:
    """What the page is made of.

    Attributes
    ----------
    sources
        What is compared, the reference first.
    standings
        Their results, target by target.
    verdicts, notes
        Sentences: the results, and what limits them.
    options
        Option -> its value in each source, where they differ.
    comparisons
        For how many comparisons p-values are corrected.
    """

    sources: Sequence[Source]
    standings: Sequence[Standing]
    verdicts: Sequence[str]
    notes: Sequence[str]
    options: Mapping[str, Sequence[str]]
    comparisons: int


def comparison_page(shown: Shown) -> Page:
    """Runs side by side."""
    sections = []
    for place, standing in enumerate(shown.standings):
        ending = "" if len(shown.standings) == 1 else f"-{place}"
        title = "" if not ending else f"{standing.aligned.column}: "
        own = [_metrics(standing), _differences(standing, shown.comparisons), _against(standing)]
        sections += [
            Section(
                anchor=f"{one.anchor}{ending}",
                title=f"{title}{one.title}",
                text=one.text,
                pictures=one.pictures,
                tables=one.tables,
            )
            for one in own
        ]
    columns = ", ".join(standing.aligned.column for standing in shown.standings)
    return Page(
        kicker="AAM comparison",
        title=f"{columns} \u00b7 {', '.join(source.name for source in shown.sources)}",
        headline=headline(shown.standings[0]),
        verdicts=[*shown.verdicts, *shown.notes],
        tiles=list(_tiles(shown)),
        sections=[*sections, _sources(shown), _options(shown)],
    )


def _tiles(shown: Shown) -> Iterator[Tile]:
    standing = shown.standings[0]
    for name, found in standing.metrics.items():
        value = value_of(standing.main, found[standing.main].value)
        yield Tile(value, f"{name}: {metric(standing.main).name}", interval_of(standing.main, found[standing.main]))
    yield Tile(f"{len(standing.aligned.sample_ids):,}", "samples that all predict", units_words(standing))


def units_words(standing: Standing) -> str:
    """Groups of the compared samples."""
    aligned = standing.aligned
    if not aligned.grouped_by:
        return "each stands alone"
    return f"in {plural(aligned.num_units, 'group')}, as {aligned.grouped_by} has them"


def _metrics(standing: Standing) -> Section:
    charted = standing.aligned.first.kind.charted
    drawn = "whole groups" if standing.aligned.grouped_by else "samples"
    caption = (
        f"Dots are results on the {plural(len(standing.aligned.sample_ids), 'sample')} that all predict, bars their "
        f"95 % intervals (bootstrap of {drawn}, {standing.aligned.num_units:,} of them). Of repeats they are means. "
        "Intervals that overlap say nothing of differences, since all predict the same samples: see below."
    )
    picture = Picture(
        "compared-metrics",
        partial(figures.metrics_chart, standing.metrics, charted),
        "Metrics of each run with 95 % intervals",
        caption,
    )
    first = next(iter(standing.metrics.values()))
    rows = [
        [
            Cell(metric(name).label, metric(name).meaning),
            *(Cell(value_of(name, of[name].value), interval_of(name, of[name])) for of in standing.metrics.values()),
        ]
        for name in first
    ]
    header = ("metric", *standing.metrics)
    return Section(
        "metrics", "Metrics", pictures=[picture], tables=[Table(header, rows, "", frozenset(range(1, len(header))))]
    )


def _differences(standing: Standing, comparisons: int) -> Section:
    charted, found = standing.aligned.first.kind.charted, standing.differences
    intervals = {name: {key: one.interval for key, one in of.items()} for name, of in found.items()}
    clear = {name: {key: one.is_clear for key, one in of.items()} for name, of in found.items()}
    caption = (
        f"How much larger each metric is than that of {standing.reference}, with the 95 % interval of the paired "
        "bootstrap: each draw takes the same samples of all. Coloured where the corrected p-value is below 0.05, grey "
        "where the data do not tell the two apart."
    )
    picture = Picture(
        "paired-differences",
        partial(figures.differences_chart, intervals, clear, charted),
        f"Paired differences from {standing.reference} with 95 % intervals",
        caption,
    )
    rows = [
        [Cell(metric(name).label), *(_difference_cell(name, of[name]) for of in found.values())]
        for name in next(iter(found.values()))
    ]
    header = ("metric", *(f"{name} \u2212 {standing.reference}" for name in found))
    text = f"p-values are corrected for {plural(comparisons, 'comparison')} (Benjamini and Hochberg 1995)."
    return Section(
        "differences",
        "Paired differences",
        [text] if comparisons > 1 else [],
        pictures=[picture],
        tables=[Table(header, rows, "", frozenset(range(1, len(header))))],
    )


def _difference_cell(name: str, found: Difference) -> Cell:
    interval = found.interval
    if not np.isfinite(interval.value):
        return Cell(difference_of(name, interval.value))
    small = f"{difference_interval_of(name, interval)}, {p_words(found.corrected, 1)}"
    return Cell(difference_of(name, interval.value), small)


def _against(standing: Standing) -> Section:
    aligned, reference = standing.aligned, standing.reference
    apart = disagreement(aligned)
    worst = np.argsort(-apart, kind="stable")[:MOST_DISAGREED]
    worst = worst[apart[worst] > 0]
    means = {name: aligned.mean(name) for name in aligned.repeats}
    if aligned.first.classes:
        codes = {name: mean.argmax(axis=1) for name, mean in means.items()}
        draw = partial(figures.classes_against, reference, codes, aligned.first.classes)
        caption = "Numbers are samples: rows by what one run predicts of them, columns by what the other does."
    else:
        draw = partial(
            figures.numbers_against, reference, {n: m[:, 0] for n, m in means.items()}, aligned.column, worst
        )
        caption = (
            "Dots are samples; on the dashed line both predict the same. Those of another colour are in the table."
        )
    left_out = len(aligned.repeats) - 1 - figures.MOST_PANELS
    if left_out > 0:
        caption += f" The last {left_out} of the runs are not drawn."
    picture = Picture("predictions-against", draw, f"Predictions against those of {reference}", caption)
    text = "Where models of different kinds agree and the truth is another, a mislabelled sample is likely."
    tables = [_disagreed(standing, worst, apart)] if len(worst) else []
    return Section("against", "Predictions against each other", [text], pictures=[picture], tables=tables)


def _disagreed(standing: Standing, rows: np.ndarray, apart: np.ndarray) -> Table:
    aligned = standing.aligned
    means = {name: aligned.mean(name) for name in aligned.repeats}
    classes = np.array(aligned.first.classes, dtype=object)
    cells = []
    for row in rows:
        truth = aligned.first.observed[row]
        values = []
        for mean in means.values():
            if len(classes):
                best = int(mean[row].argmax())
                values.append(Cell(str(classes[best]), f"probability {mean[row, best]:.2f}"))
            else:
                values.append(Cell(number(float(mean[row, 0]))))
        shown = str(truth) if len(classes) else f"{truth:.6g}"
        cells.append([Cell(str(aligned.sample_ids[row])), Cell(shown), *values, Cell(number(float(apart[row])))])
    header = ("sample", "observed", *means, "apart")
    caption = "Samples that they disagree on most"
    return Table(header, cells, caption, frozenset() if len(classes) else frozenset(range(1, len(header))))


def _sources(shown: Shown) -> Section:
    aligned = shown.standings[0].aligned
    rows = []
    for source in shown.sources:
        size = source.training_size
        rows.append(
            [
                Cell(source.name, str(source.path)),
                Cell(part_words(source)),
                Cell(f"{aligned.num_predicted[source.name]:,}"),
                Cell("" if size is None else f"{size:,.0f}"),
            ]
        )
    header = ("run", "its predictions", "samples predicted", "training samples of a model")
    text = (
        f"Compared are the {plural(len(aligned.sample_ids), 'sample')} that all predict. A run without folds predicts "
        "by one model, a cross-validation by one for each fold, out-of-fold predictions are by members of a blend."
    )
    return Section("sources", "What is compared", [text], tables=[Table(header, rows, "", frozenset({2, 3}))])


def _options(shown: Shown) -> Section:
    if not shown.options:
        return Section("options", "Options that differ", ["No option that matters differs, as far as runs say."])
    rows = [[Cell(name), *map(Cell, values)] for name, values in shown.options.items()]
    header = ("option", *(source.name for source in shown.sources))
    return Section("options", "Options that differ", tables=[Table(header, rows)])
