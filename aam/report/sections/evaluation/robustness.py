"""Report section on samples that were disturbed on purpose."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from aam.evaluation.catalogue import (
    NONE,
    Interval,
    difference_interval_of,
    difference_of,
    interval_of,
    metric,
    percent,
    value_of,
)
from aam.evaluation.evaluated import TargetEvaluation
from aam.report.figures.evaluation import DISTURBED, robustness_chart, size_words
from aam.report.html import Cell, Picture, Section, Table
from aam.text import plural


def robustness_section(one: TargetEvaluation) -> Section | None:
    """Curves of the main metric against the size of each disturbance; nothing where none was made."""
    table, main = one.tables["robustness"], one.judgement.main
    if not table.size:
        return None
    rows = table.records()
    before, number = _interval(rows[0], main), int(rows[0]["samples"])
    steps = {
        kind: [(row["size"], _interval(row, main)) for row in rows if row["disturbance"] == kind] for kind in DISTURBED
    }
    steps = {kind: found for kind, found in steps.items() if found}
    guess = one.judgement.results[one.spec.kind.guess][main].value
    text = [
        f"{plural(number, 'sample')} were predicted again with fewer reads, with a share of the reads replaced by "
        "reads of another sample (of another group, where there are groups), and without a share of the ASVs, chosen "
        "at random. Changes are paired: of the same samples before and after.",
    ]
    picture = Picture(
        "robustness",
        partial(robustness_chart, steps, main, before, guess),
        f"{metric(main).name} of disturbed samples",
        "Bands are 95 % intervals. The dashed line is the result of the same samples as they are, the dotted line that "
        "of the constant prediction on all samples.",
    )
    cells = [_cells(row, main) for row in rows]
    header = ("disturbance", metric(main).name, "change", "covered", "unlike training")
    numeric = frozenset(range(1, len(header)))
    return Section("robustness", "Robustness", text, pictures=[picture], tables=[Table(header, cells, "", numeric)])


def _cells(row: dict[str, Any], main: str) -> list[Cell]:
    kind = row["disturbance"]
    name = f"{DISTURBED[kind]}: {size_words(kind, row['size'])}" if kind in DISTURBED else "as they are"
    change = _interval(row, "change")
    told = (
        Cell(difference_of(main, change.value), difference_interval_of(main, change))
        if kind in DISTURBED
        else Cell(NONE)
    )
    found = _interval(row, main)
    return [
        Cell(name),
        Cell(value_of(main, found.value), interval_of(main, found)),
        told,
        _share(row["covered"]),
        _share(row["unlike_training"]),
    ]


def _share(value: float) -> Cell:
    return Cell(percent(value) if np.isfinite(value) else NONE)


def _interval(row: dict[str, Any], name: str) -> Interval:
    return Interval(row[name], row[f"{name}_low"], row[f"{name}_high"])
