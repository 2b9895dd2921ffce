"""Report sections on how good a model is in each study, and within the levels of a column."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from aam.evaluation.catalogue import NONE, Interval, difference_interval_of, difference_of, metric, number, value_of
from aam.evaluation.evaluated import TargetEvaluation
from aam.evaluation.result_table import ResultTable
from aam.report.figures.evaluation import BIAS, MOST_LEVELS, level_chart
from aam.report.html import Cell, Picture, Section, Table
from aam.text import plural


def studies_section(one: TargetEvaluation, study_column: str | None) -> Section | None:
    """A row for each study; nothing without studies."""
    table = one.tables["by_study"]
    if not table.size:
        return None
    text = [
        "Each study is judged alone. If the model learned from none of them, this is what to expect of a further one: "
        "the spread over studies, not the interval of all samples.",
        _line_words(one),
    ]
    pictures = [_picture(one, table, "by-study", f"the {study_column} of a sample")]
    return Section("by-study", "By study", text, pictures=pictures, tables=[_table(one, table, "study")])


def levels_section(one: TargetEvaluation) -> Section | None:
    """The levels of each column that was asked for."""
    table = one.tables["by_level"]
    if not table.size:
        return None
    columns = [name for name in dict.fromkeys(map(str, table["column"])) if name != "all"]
    of = {name: table.where(table["column"] == name) for name in columns}
    pictures = [_picture(one, rows, f"by-{name}", f"'{name}'") for name, rows in of.items()]
    tables = [_table(one, rows, name) for name, rows in of.items()]
    return Section("by-level", "Within levels", [_line_words(one)], pictures=pictures, tables=tables)


def gaps_section(one: TargetEvaluation) -> Section | None:
    """How much levels differ."""
    table = one.tables["gaps"]
    if not table.size:
        return None
    main = one.judgement.main
    rows = []
    for row in table.records():
        size = Interval(row["gap"], row["gap_low"], row["gap_high"])
        between = f"best {row['best']}, worst {row['worst']}" if row["best"] else "not two levels that can be compared"
        few = f"; too few samples or groups: {row['too_few']}" if row["too_few"] else ""
        p = Cell(_p(row["p"]), f"q {_p(row['q'])}, {row['test']} over {row['unit']}")
        difference = Cell(difference_of(main, size.value), difference_interval_of(main, size))
        rows.append([Cell(str(row["column"]), between + few), difference, p])
    header = ("column", f"difference in {metric(main).in_text}", "p")
    text = (
        "The difference is that of the best and the worst level with at least ten samples (and five groups, where "
        "there are groups): of many levels, some differ much by chance. The test compares the sizes of the errors in "
        "all levels; q corrects for the number of columns."
    )
    return Section("gaps", "Differences between levels", [text], tables=[Table(header, rows, "", frozenset({1, 2}))])


def _line_words(one: TargetEvaluation) -> str:
    if one.spec.classes:
        return (
            "Bias is the mean probability of the predicted class minus the share that is right. Slope and offset (two "
            "classes only) are those of the log odds that occur on the predicted ones; 1 and 0 are perfect."
        )
    return (
        "Bias is the mean of predicted minus observed. Slope and offset are those of the line of observed on predicted "
        "values: 1 and 0 are perfect, a slope below 1 says that predictions are too far apart."
    )


def _picture(one: TargetEvaluation, table: ResultTable, name: str, what: str) -> Picture:
    main = one.judgement.main
    levels = [f"{level} ({count:,})" for level, count in zip(table["level"], table["samples"], strict=True)]
    panels = {key: [_interval(row, key) for row in table.records()] for key in (main, BIAS)}
    whole = {main: one.judgement.results["model"][main].value, BIAS: 0.0}
    more = f" Only the first {MOST_LEVELS} are drawn." if len(levels) > MOST_LEVELS else ""
    caption = (
        f"Dots are results within each level of {what} (samples in brackets), bars their 95 % intervals. The dashed "
        f"lines are the result of all samples, and no bias.{more}"
    )
    return Picture(name, partial(level_chart, levels, panels, whole), f"Results by {what} with intervals", caption)


def _table(one: TargetEvaluation, table: ResultTable, name: str) -> Table:
    main = one.judgement.main
    rows = [_cells(row, main) for row in table.records()]
    shown = [metric(main).name, "constant prediction", "bias", "slope", "offset", "covered"]
    header = (name, "samples", *shown)
    return Table(header, rows, "95 % intervals below each value", frozenset(range(1, len(header))))


def _cells(row: dict[str, Any], main: str) -> list[Cell]:
    groups = plural(int(row["groups"]), "group") if np.isfinite(row["groups"]) else ""
    found = [Cell(str(row["level"])), Cell(f"{row['samples']:,}", groups)]
    found.append(_cell(main, _interval(row, main)))
    found.append(Cell(value_of(main, row[f"{main}_constant"])))
    bias = _interval(row, BIAS)
    found.append(Cell(difference_of("mae", bias.value), _ends("mae", bias)))
    found += [_cell("r2", _interval(row, f"calibration_{what}")) for what in ("slope",)]
    offset = _interval(row, "calibration_offset")
    found.append(Cell(number(offset.value), _ends("mae", offset)))
    return [*found, _cell("accuracy", _interval(row, "covered"))]


def _cell(name: str, found: Interval) -> Cell:
    return Cell(value_of(name, found.value), _ends(name, found))


def _ends(name: str, found: Interval) -> str:
    if not np.isfinite(found.low) or not np.isfinite(found.high):
        return ""
    return f"{value_of(name, found.low)} to {value_of(name, found.high)}"


def _interval(row: dict[str, Any], name: str) -> Interval:
    return Interval(row[name], row[f"{name}_low"], row[f"{name}_high"])


def _p(value: float) -> str:
    if not np.isfinite(value):
        return NONE
    return f"{value:.2g}" if value >= 1e-4 else "< 0.0001"
