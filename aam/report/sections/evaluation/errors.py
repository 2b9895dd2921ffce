"""Report sections on errors: what they go along with, and the worst samples."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from aam.data.targets.kinds.classes import probability_of
from aam.evaluation.catalogue import MINUS, NONE, difference_of, number, percent
from aam.evaluation.errors.association import SPEARMAN, STRONG
from aam.evaluation.errors.facts import FACTS
from aam.evaluation.errors.measure import signed_error
from aam.evaluation.evaluated import TargetEvaluation
from aam.report.figures.evaluation import errors_against_facts
from aam.report.html import Cell, Picture, Section, Table

MOST_ROWS, MOST_WORST = 15, 10
NOTHING = "nothing is unusual"


def columns_section(one: TargetEvaluation) -> Section | None:
    """Which columns errors go along with, the most certain first."""
    table = one.tables["errors_by_column"]
    if not table.size:
        return None
    rows = table.records()
    cells = [
        [
            Cell(_name(row), _of(row)),
            Cell(_effect(row), str(row["test"])),
            Cell(_p(row["p"]), _units(row)),
            Cell(_p(row["q"])),
        ]
        for row in rows[:MOST_ROWS]
    ]
    more = (
        f"The first {MOST_ROWS} of {len(rows):,} tests; all are in errors_by_column.tsv. "
        if len(rows) > MOST_ROWS
        else ""
    )
    what = "whether a sample is predicted wrongly" if one.spec.classes else "the absolute error of a sample"
    what = "how many levels a prediction is off" if one.spec.kind.is_ordered else what
    direction = "confidence minus being right" if one.spec.classes else f"predicted {MINUS} observed"
    text = [
        f"Size of the error is {what}, direction is {direction}. The effect is Spearman's correlation for numbers, and "
        "for levels the share of the variance of ranks between them (epsilon\u00b2).",
        f"{more}q is the false discovery rate over all of them (Benjamini and Hochberg): of the columns with q below "
        "0.05, about one in twenty is there by chance. What goes along with errors need not cause them; and errors "
        "differ along the target, so that a column which goes along with the target itself says little.",
    ]
    header = ("column", "effect", "p", "q")
    shown = Table(header, cells, "", frozenset({1, 2, 3}))
    return Section("columns", "What errors go along with", text, tables=[shown])


def facts_section(one: TargetEvaluation) -> Section:
    """Errors against reads, richness, diversity and novelty."""
    predictions = one.predictions
    if one.spec.classes:
        values, label, zero = probability_of(predictions, predictions.observed), "probability of the true class", 0.5
    else:
        values, label, zero = signed_error(predictions), f"predicted {MINUS} observed", 0.0
    picture = Picture(
        "errors-facts",
        partial(errors_against_facts, one.facts, values, label, zero),
        "Errors against reads, observed ASVs, Shannon diversity and novelty",
        "Dots are samples, the line their running median. Samples right of the dotted line at a novelty of 1 are "
        "unlike the training samples.",
    )
    return Section("facts", "Errors by depth, richness and novelty", pictures=[picture])


def worst_section(one: TargetEvaluation) -> Section | None:
    """The samples with the largest errors, and what is unusual about each."""
    table = one.tables["worst_samples"]
    if not table.size:
        return None
    rows = [_worst(row) for row in table.records()[:MOST_WORST]]
    last = "probability of the true class" if one.spec.classes else "error"
    header = ("sample, and what is unusual", "observed", "predicted", last, "reads", "ASVs")
    text = (
        "Mislabelled or swapped samples, contamination and failed sequencing often show up here. A sample about which "
        "nothing is unusual is worth a look at its record. More are in worst_samples.tsv."
    )
    numeric = frozenset({3, 4, 5} if one.spec.classes else {1, 2, 3, 4, 5})
    return Section("worst", "Largest errors", [text], tables=[Table(header, rows, "", numeric)])


def _worst(row: dict[str, Any]) -> list[Cell]:
    wrong = difference_of("mae", row["error"]) if "error" in row else f"{row['probability_of_true']:.2f}"
    reads = Cell(f"{row['reads']:,.0f}", f"percentile {row['reads_percentile']:.0f}")
    asvs = Cell(f"{row['asvs']:,.0f}", f"percentile {row['asvs_percentile']:.0f}")
    texts = [_value(row["observed"]), _value(row["predicted"]), wrong]
    group = f"group {row['group']}; " if row["group"] else ""
    unusual = NOTHING if row["unusual"] == "nothing" else row["unusual"]
    return [Cell(row["sample-id"], f"{group}{unusual}"), *map(Cell, texts), reads, asvs]


def _value(value: Any) -> str:
    return number(float(value)) if isinstance(value, float | np.floating) else str(value)


def _name(row: dict[str, Any]) -> str:
    return FACTS.get(row["column"], row["column"]) if row["source"] == "sample" else str(row["column"])


def _of(row: dict[str, Any]) -> str:
    follows = f"; goes along with the target itself ({row['with_target']:.2f})" if row["with_target"] > STRONG else ""
    return f"{row['of']}{follows}"


def _units(row: dict[str, Any]) -> str:
    if row["unit"] == "samples in groups":
        return f"{row['samples']:,} samples in {row['units']:,} groups"
    return f"{row['units']:,} {row['unit']}"


def _effect(row: dict[str, Any]) -> str:
    if not np.isfinite(row["effect"]):
        return NONE
    return difference_of("r2", row["effect"]) if row["test"] == SPEARMAN else percent(row["effect"])


def _p(value: float) -> str:
    if not np.isfinite(value):
        return NONE
    return f"{value:.2g}" if value >= 1e-4 else "< 0.0001"
