"""Report section on the studies that were left out, one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from aam.evaluation.baseline_comparison import Judgement
from aam.evaluation.catalogue import (
    NONE,
    PREDICTORS,
    Interval,
    difference_interval_of,
    difference_of,
    metric,
    percent,
    value_of,
)
from aam.evaluation.studies.judge import StudyResult, study_words
from aam.report.figures.evaluation import MOST_LEVELS, level_chart
from aam.report.html import Cell, Picture, Section, Table
from aam.text import plural

MOST_PANELS = 2


def left_out_section(found: Sequence[StudyResult], judgement: Judgement, config: Mapping[str, Any]) -> Section | None:
    """A row for each study that was left out; nothing where none was."""
    if not found:
        return None
    names = list(found[0].results["model"])[:MOST_PANELS]
    levels = [f"{one.study} ({one.samples:,})" for one in found]
    panels = {name: [one.results["model"][name] for one in found] for name in names}
    whole = {name: judgement.results["model"][name].value for name in names}
    more = f" Only the first {MOST_LEVELS} are drawn." if len(found) > MOST_LEVELS else ""
    caption = (
        "Dots are results on each study (samples in brackets) by a model that saw no sample of it, bars their 95 % "
        f"intervals. The dashed line is the result of all samples.{more}"
    )
    picture = Picture("left-out", partial(level_chart, levels, panels, whole), "Results by study", caption)
    text = [*study_words(found), _how(config, judgement)]
    return Section("by-study", "By study", text, pictures=[picture], tables=[_table(found, judgement)])


def _how(config: Mapping[str, Any], judgement: Judgement) -> str:
    column = config.get("study_column") or "study"
    drawn = "groups" if config.get("group_column") else "samples"
    whole = "those of all samples draw whole studies, so that they are for a further study"
    if judgement.has_few_studies:
        whole = "there are none of all samples: so few studies say too little of a further one"
    return (
        f"Each study (column '{column}') was predicted by a model of the others. Intervals of a study draw its {drawn} "
        f"anew; {whole}. Familiar reads are those of ASVs that the other studies have; samples unlike the training "
        "samples have a novelty above 1."
    )


def _table(found: Sequence[StudyResult], judgement: Judgement) -> Table:
    main = judgement.main
    predictors = list(found[0].results)
    further = [name for name in found[0].results["model"] if name != main][:1]
    rows = [_row(one, main, predictors, further) for one in found]
    whole = [_cell(main, judgement.results[who][main]) for who in predictors]
    lead = [_difference(main, judgement.lead.get("forest"))] if "forest" in predictors else []
    beside = [_cell(name, judgement.results["model"][name]) for name in further]
    samples = sum(one.samples for one in found)
    rows.append(
        [Cell("all"), Cell(f"{samples:,}", f"{len(found)} studies"), *whole, *lead, *beside, Cell(""), Cell("")]
    )
    header = ["study", "samples", *(PREDICTORS[who] for who in predictors)]
    header += ["AAM \u2212 random forest"] if "forest" in predictors else []
    header += [*(f"{metric(name).label} of AAM" for name in further), "familiar reads", "unlike training samples"]
    caption = f"{metric(main).label}, with 95 % intervals below each value"
    return Table(header, rows, caption, frozenset(range(1, len(header))))


def _row(one: StudyResult, main: str, predictors: Sequence[str], further: Sequence[str]) -> list[Cell]:
    cells = [Cell(one.study), Cell(f"{one.samples:,}", "" if one.groups is None else plural(one.groups, "group"))]
    cells += [_cell(main, one.results[who][main]) for who in predictors]
    if "forest" in predictors:
        cells.append(_difference(main, None if one.differences is None else one.differences[main]))
    cells += [_cell(name, one.results["model"][name]) for name in further]
    return [*cells, *(Cell(NONE if np.isnan(share) else percent(share)) for share in (one.familiar, one.unlike))]


def _cell(name: str, found: Interval) -> Cell:
    if not (np.isfinite(found.low) and np.isfinite(found.high)):
        return Cell(value_of(name, found.value))
    return Cell(value_of(name, found.value), f"{value_of(name, found.low)} to {value_of(name, found.high)}")


def _difference(name: str, found: Interval | None) -> Cell:
    if found is None:
        return Cell(NONE)
    return Cell(difference_of(name, found.value), difference_interval_of(name, found) if np.isfinite(found.low) else "")
