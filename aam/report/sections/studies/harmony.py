"""Report section on how the studies of a run differ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aam.data.study.several.harmony import MEASURES, Harmony, range_words
from aam.evaluation.catalogue import percent, value_of
from aam.report.html import Cell, Section, Table

HOW = (
    "Shared reads are those of ASVs that another study has. What the study alone tells of a target: of numbers, R2 is "
    "the share of the variance that the means of the studies explain (adjusted for their number); of classes, "
    "Cram\u00e9r's V is 0 where all studies have the same shares, and 1 where the study gives the class."
)


def studies_section(data: Mapping[str, Any]) -> Section | None:
    """The studies and what they share; nothing where there is one.

    Parameters
    ----------
    data
        The record of the run.
    """
    found = Harmony.of_record(data)
    if found is None:
        return None
    header = ["study", "samples", "ASVs", "reads (median)", "bases", "shared reads", *found.targets]
    rows = []
    for one in found.facts:
        bases = range_words(one.bases) if one.bases else ""
        numbers = [f"{one.samples:,}", f"{one.asvs:,}", f"{one.reads:,}", bases, percent(one.shared)]
        rows.append([Cell(one.study), *map(Cell, numbers), *map(_values, one.targets)])
    tables = [Table(header, rows, f"Column '{found.column}'", frozenset(range(1, len(header))))]
    if found.told:
        told = [
            [Cell(name), Cell(MEASURES[one.measure]), Cell(value_of("r2", one.value))]
            for name, one in found.told.items()
        ]
        tables.append(Table(("target", "measure", "value"), told, "What the study alone tells", frozenset({2})))
    notes = [note.removeprefix("warning: ") for note in data["studies"].get("notes", [])]
    text = [*(f"{note[0].upper()}{note[1:]}." for note in notes), HOW]
    return Section("studies", "Studies", text, tables=tables)


def _values(words: str) -> Cell:
    """What a target's values are; the median in small print."""
    spread, _, middle = words.partition(" (")
    return Cell(spread, middle.removesuffix(")"))
