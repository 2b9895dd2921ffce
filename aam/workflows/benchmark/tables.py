"""The results of a benchmark as a table of numbers, a page to read, a figure and a summary."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from aam.evaluation.catalogue import NONE, Interval, metric, number, percent
from aam.files.atomic import atomic_write, write_text
from aam.learners.catalogue import FOREST, LABELS
from aam.text import format_bytes, plural
from aam.workflows.benchmark.assess import CHANCE, Standing, TaskResult, is_better
from aam.workflows.benchmark.compute import METADATA, WITHOUT
from aam.workflows.benchmark.fold_record import BLEND, LEVEL

RESULTS, PAGE, FIGURE = RESULT_FILES = "results.tsv", "results.md", "results.png"
DIFFERENCE = ("difference", "difference_low", "difference_high")
COLUMNS = ("task", "competitor", "metric", "value", "low", "high", *DIFFERENCE, "seconds")
SECOND = {"r2": "mae", "auroc": "balanced_accuracy", "d2": "mae", "qwk": "rank_mae"}
"""Main metric -> the one that stands beside it on the page."""
VERDICTS = {1: "better", 0: "no clear difference", -1: "worse"}
NOWHERE = Interval(np.nan, np.nan, np.nan)


def write_results(folder: Path, results: Sequence[TaskResult], about: Sequence[str]) -> None:
    """Write table, page and figure.

    Parameters
    ----------
    folder
        Where to.
    results
        One for each task.
    about
        Lines on how they were made.
    """
    with atomic_write(folder / RESULTS) as file:
        file.write("\t".join(COLUMNS) + "\n")
        file.writelines("\t".join(row) + "\n" for result in results for row in _rows(result))
    write_text(folder / PAGE, "\n".join(_page(results, about)) + "\n")
    _draw(folder / FIGURE, results)


def summary(results: Sequence[TaskResult]) -> Iterator[str]:
    """How the blend compares with the forest, in lines for the log."""
    for one in results:
        scores = [f"{who} {_value(one.main, one.standings[who].metrics[one.main].value)}" for who in (FOREST, BLEND)]
        yield f"{one.name}: {metric(one.main).name} {', '.join(scores)}; difference {_signed(one.main, one.lead)}"
    judged = [one for one in results if not one.options.is_control]
    controls = [one for one in results if one.options.is_control]
    if judged:
        ahead = sum(one.lead.value > 0 for one in judged)
        clear = {sign: sum(is_better(one) == sign for one in judged) for sign in (1, -1)}
        yield (
            f"The blend is ahead of the forest on {ahead} of {plural(len(judged), 'task')}; the 95 % interval of the "
            f"difference lies above 0 on {clear[1]} and below 0 on {clear[-1]}."
        )
    if controls:
        wrong = [one.name for one in controls if one.finds_something]
        found = f"the blend finds something in {', '.join(wrong)}" if wrong else "nothing was found, as it should be"
        yield f"Controls ({len(controls)}): {found}."


def label_of(competitor: str) -> str:
    """A competitor in words."""
    if competitor.startswith(WITHOUT):
        return f"{WITHOUT}{LABELS.get(competitor.removeprefix(WITHOUT), competitor.removeprefix(WITHOUT))}"
    own = {METADATA: "random forest on covariates alone", BLEND: "**blend**", "guess": "mean of the training samples"}
    return LABELS.get(competitor) or own.get(competitor, "most frequent class")


def _rows(result: TaskResult) -> Iterator[list[str]]:
    for who, found in result.standings.items():
        seconds = _cell(found.seconds)
        for name, interval in found.metrics.items():
            cells = [*_cells(interval), *_cells(found.difference.get(name, NOWHERE))]
            yield [result.name, who, name, *cells, seconds]
        if found.weight is not None:
            yield [result.name, who, "weight", _cell(found.weight), *[""] * 6]
    if result.coverage is not None:
        level = f"{100 * LEVEL:g}"
        yield [result.name, BLEND, f"coverage_{level}", *_cells(result.coverage.share), *[""] * 4]
        yield [result.name, BLEND, f"width_{level}", _cell(_width(result)), *[""] * 6]
    yield [result.name, BLEND, "new_reads", _cell(result.new_reads), *[""] * 6]
    yield [result.name, BLEND, "peak_bytes", str(result.peak_bytes), *[""] * 6]


def _cells(interval: Interval) -> list[str]:
    return [_cell(value) for value in (interval.value, interval.low, interval.high)]


def _cell(value: float | None) -> str:
    return "" if value is None or not np.isfinite(value) else f"{value:.6g}"


def _page(results: Sequence[TaskResult], about: Sequence[str]) -> Iterator[str]:
    yield from ("# Benchmark", "", *about, "")
    held = f"{percent(LEVEL)} intervals hold"
    header = ["task", "metric", "random forest", "blend", "difference", held, "seconds: forest, blend", "verdict"]
    yield from _table(header, [_overview(one) for one in results])
    yield from ("", *(f"- {line}" for line in summary(results)), "", f"![Blend and random forest]({FIGURE})")
    for one in results:
        yield from ("", f"## {one.name}", "", *_words(one), "")
        header = ["competitor", "weight", *(metric(name).name for name in (one.main, SECOND[one.main]))]
        rows = [_standing_row(one, who, found) for who, found in one.standings.items()]
        yield from _table([*header, f"{metric(one.main).name} minus the forest's", "seconds"], rows)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    for row in (header, ["---"] * len(header), *rows):
        yield f"| {' | '.join(row)} |"


def _overview(one: TaskResult) -> list[str]:
    found = {who: one.standings[who] for who in (FOREST, BLEND)}
    values = [_with_interval(one.main, standing.metrics[one.main]) for standing in found.values()]
    seconds = ", ".join(_seconds(standing.seconds) for standing in found.values())
    held = NONE if one.coverage is None else f"{one.coverage.share.value:.2f}"
    verdict = VERDICTS[is_better(one)]
    if one.options.is_control:
        verdict = "control: FOUND SOMETHING" if one.finds_something else "control: nothing found"
    return [one.name, metric(one.main).name, *values, _signed(one.main, one.lead), held, seconds, verdict]


def _words(one: TaskResult) -> Iterator[str]:
    options = one.options
    groups = "" if one.num_groups is None else f" in {one.num_groups:,} groups (`{options.group_column}`)"
    where = f", where `{options.where}`" if options.where else ""
    yield (
        f"`{options.metadata_column}` of {plural(one.num_samples, 'sample')}{groups}{where}; "
        f"{plural(one.repeats, 'repeat')} of {one.folds} folds."
    )
    if options.is_control:
        shuffled = "the target is shuffled" if options.shuffle is not None else "by design"
        yield f"A control ({shuffled}): {metric(one.main).name} may not be clearly above {CHANCE[one.main]:g}."
    if one.coverage is not None:
        size = "width" if one.kind.shown_as == "numbers" else "number of classes"
        held = _with_interval("auroc", one.coverage.share)
        what = "intervals" if one.kind.shown_as == "numbers" else "prediction sets"
        yield f"{percent(LEVEL)} {what} hold {held} of the truths; mean {size} {number(_width(one))}."
    yield f"ASVs that the training samples lack have {one.new_reads:.1%} of a test sample's reads on average."
    if one.left_out:
        yield f"No members: {', '.join(f'{who} ({why})' if why else who for who, why in one.left_out.items())}."
    yield f"Most memory: {format_bytes(one.peak_bytes)}."


def _standing_row(one: TaskResult, who: str, found: Standing) -> list[str]:
    values = [_with_interval(name, found.metrics[name]) for name in (one.main, SECOND[one.main])]
    difference = _signed(one.main, found.difference[one.main]) if found.difference else ""
    weight = "" if found.weight is None else f"{found.weight:.2f}"
    return [label_of(who), weight, *values, difference, "" if found.seconds is None else _seconds(found.seconds)]


def _seconds(seconds: float | None) -> str:
    return NONE if seconds is None else f"{seconds:,.1f}"


def _width(one: TaskResult) -> float:
    assert one.coverage is not None
    return float(one.coverage.size_N.mean())


def _value(name: str, value: float, sign: str = "") -> str:
    """Three decimals where a metric has a scale of its own."""
    if not np.isfinite(value):
        return NONE
    has_scale = metric(name).has_scale or metric(name).is_share
    return f"{value:{sign}.3f}" if has_scale else number(value)


def _with_interval(name: str, found: Interval) -> str:
    return f"{_value(name, found.value)} ({_value(name, found.low)} to {_value(name, found.high)})"


def _signed(name: str, found: Interval) -> str:
    value, low, high = (_value(name, x, "+") for x in (found.value, found.low, found.high))
    return f"{value} ({low} to {high})"


def _draw(path: Path, results: Sequence[TaskResult]) -> None:
    from aam.report.figures.benchmark import Comparison, comparisons
    from aam.report.style import PAPER, styled

    found = [
        Comparison(
            label=f"{one.name}, {metric(one.main).name}",
            model=one.standings[BLEND].metrics[one.main],
            forest=one.standings[FOREST].metrics[one.main],
            lead=one.lead,
            is_control=one.options.is_control,
        )
        for one in results
    ]
    with styled(), atomic_write(path, "wb") as file:
        comparisons(found).savefig(file, format="png", facecolor=PAPER)
