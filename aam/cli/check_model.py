"""`aam check --model`: whether a model fits a table, and how unlike its training samples the samples are."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from rich.table import Table as Grid

from aam.cli.terminal import Terminal
from aam.config.commands.predict import PredictInMemoryConfig
from aam.data.study.study import Study
from aam.learners.novelty.judgement import Novelty
from aam.text import plural, shorten
from aam.workflows.model_input import CheckedTable, check_against_model

MOST_SHOWN = 20


def check_table(config: PredictInMemoryConfig) -> None:
    """Print what a prediction of a table would say of it.

    Raises
    ------
    CheckpointError, ConfigError, InputError
        If the model cannot predict the table, or should not.
    """
    checked = check_against_model(config)
    console = Terminal()
    console.print(flow_grid(checked.study))
    console.print("")
    if (checked.novelty.warning_N != "").any():
        console.print(_worst(checked.study, checked.novelty))
        console.print("")
    console.print("\n".join(_summary(checked)))
    checked.raise_if_refused(config.predict)


def flow_grid(study: Study) -> Grid:
    """Each step of bringing the inputs together: how many samples went on, how many did not, and why."""
    grid = Grid("step", "kept", "dropped", "reason", box=None, pad_edge=True, header_style="")
    for step in study.flow:
        more = ", ..." if step.dropped > len(step.examples) else ""
        why = f"{step.reason} ({', '.join(step.examples)}{more})" if step.dropped else ""
        grid.add_row(step.step, f"{step.kept:,}", f"{step.dropped:,}", why)
    return grid


def _worst(study: Study, novelty: Novelty) -> Grid:
    """The samples with a warning, the most novel first."""
    rows = np.flatnonzero(novelty.warning_N != "")
    rows = rows[np.argsort(-np.nan_to_num(novelty.novelty_N[rows]), kind="stable")]
    grid = Grid("sample", "familiar_reads", "novelty", "warning", box=None, pad_edge=True, header_style="")
    for row in rows[:MOST_SHOWN]:
        columns = novelty.columns(np.array([row]))
        grid.add_row(shorten(str(study.sample_ids[row])), *(cells[0] for cells in columns.values()))
    if len(rows) > MOST_SHOWN:
        grid.add_row(f"and {len(rows) - MOST_SHOWN:,} more", "", "", "")
    return grid


def _summary(checked: CheckedTable) -> Iterator[str]:
    study, found = checked.study, checked.verdict
    bases = f" of {_lengths(study)} bases" if study.has_dna else ""
    yield f"{plural(len(study), 'sample')}, {plural(len(study.lengths), 'ASV')}{bases}"
    yield from study.notes
    yield from found.lines
    yield from (f"note: {note}" for note in found.notes)
    if not found.problem and not found.notes:
        yield ""
        yield "No problem found."


def _lengths(study: Study) -> str:
    first, last = int(study.lengths.min()), int(study.lengths.max())
    return f"{first:,}" if first == last else f"{first:,} to {last:,}"
