"""Report section on the members of an ensemble."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from aam.data.targets.kinds import TargetSpec
from aam.evaluation.baseline_comparison import HELD_OUT, Judgement
from aam.evaluation.catalogue import NONE, metric, value_of
from aam.evaluation.run_results import RunRecord
from aam.report.html import Cell, Section, Table
from aam.text import format_duration, plural


def best_epoch_words(epoch: int) -> str:
    """An epoch, counted from 1."""
    return str(epoch + 1) if epoch >= 0 else "start"


def ensemble_words(record: RunRecord) -> list[str]:
    """Whether the model is an ensemble."""
    members = record.data.get("members")
    return (
        [f"The model is an ensemble: the predictions of {plural(len(members), 'model')} are averaged."]
        if members
        else []
    )


def members_section(record: RunRecord, target: TargetSpec, judgement: Judgement) -> Section | None:
    """Results of the members and of the ensemble, for one target."""
    members = record.data.get("members")
    if members is None:
        return None
    main = judgement.main
    scores = [member["metrics"].get(target.column, {}) for member in members]
    values = np.array([found[main] for found in scores if main in found])
    said = value_of(main, judgement.results["model"][main].value)
    name = metric(main).name.lower()
    text = [
        f"The model averages the predictions of {len(members)} models, trained on the same samples with different "
        "seeds (initial weights, order of samples, rarefied reads).",
        f"The {name} of the ensemble is {said}; that of its members {value_of(main, values.mean())} on average, "
        f"from {value_of(main, values.min())} to {value_of(main, values.max())}. Their differences show the "
        "variation between training runs.",
    ]
    return Section("members", "Ensemble members", text, tables=[_table(members, scores, judgement)])


def _table(members: Sequence[dict[str, Any]], scores: Sequence[dict[str, float]], judgement: Judgement) -> Table:
    shown = judgement.results["model"]
    together = [Cell(value_of(name, interval.value)) for name, interval in shown.items()]
    rows = [[Cell("ensemble"), *(Cell(NONE) for _ in range(3)), *together]]
    for number, (member, found) in enumerate(zip(members, scores, strict=True), start=1):
        facts = (str(member["seed"]), best_epoch_words(member["best_epoch"]), format_duration(member["seconds"]))
        own = (Cell(value_of(name, found.get(name, np.nan))) for name in shown)
        rows.append([Cell(str(number)), *map(Cell, facts), *own])
    header = ("member", "seed", "best epoch", "time", *(metric(name).label for name in shown))
    caption = f"On {len(judgement.predictions['model']):,} {HELD_OUT[judgement.part]}"
    return Table(header, rows, caption, frozenset(range(1, len(header))))
