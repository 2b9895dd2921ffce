"""The folder of an evaluation: tables, record and report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from aam.config import to_flat
from aam.config.commands.evaluate import EvaluateConfig
from aam.config.option import input_paths
from aam.data.targets.kinds import Predictions
from aam.data.targets.kinds.cells import cells
from aam.evaluation.evaluated import Evaluation
from aam.evaluation.evaluation_words import evaluation_lines
from aam.evaluation.prediction_table import result_columns, write_table
from aam.evaluation.result_table import ResultTable
from aam.files.atomic import write_json
from aam.report.figure_files import write_page
from aam.report.sections.evaluation.page import evaluation_page
from aam.runs.layout import COVERAGE
from aam.runs.outputs import check_apart
from aam.runs.result_folder import ResultFolder
from aam.workflows.evaluate.labelled import LabelledSamples

RECORD = "evaluation.json"
PREDICTIONS = "predictions.tsv"
TARGET = "target"
SKIPPED = "columns_left_out"


def check_place(config: EvaluateConfig) -> None:
    """Refuse a folder that is an input, or lies in a model that is read."""
    if config.output.output_dir is not None:
        check_apart([config.output.output_dir], input_paths(config))


def stacked_tables(found: Evaluation) -> dict[str, ResultTable]:
    """Name -> the rows of all targets, each with its name where there are several; without those that have no rows."""
    names = dict.fromkeys(name for one in found.targets.values() for name in one.tables)
    stacked = {name: _stacked(found, name) for name in names}
    left_out = ResultTable.stacked(
        [
            _labelled(
                found, column, ResultTable.of_records({"column": s.name, "reason": s.reason} for s in one.skipped)
            )
            for column, one in found.targets.items()
        ]
    )
    return {name: table for name, table in {**stacked, SKIPPED: left_out}.items() if table.size}


def _stacked(found: Evaluation, name: str) -> ResultTable:
    return ResultTable.stacked([_labelled(found, column, one.tables[name]) for column, one in found.targets.items()])


def _labelled(found: Evaluation, column: str, table: ResultTable) -> ResultTable:
    if len(found.targets) == 1 or not table.size:
        return table
    return ResultTable({TARGET: np.full(table.size, column, dtype=object), **table})


def write_evaluation(
    folder: ResultFolder,
    config: EvaluateConfig,
    samples: LabelledSamples,
    found: Evaluation,
    predictions: Mapping[str, Predictions],
) -> None:
    """Write everything into the folder of a result.

    Parameters
    ----------
    folder
        Where to.
    config
        The options.
    samples
        What was judged.
    found
        What was found.
    predictions
        Of every sample, by target.
    """
    path = folder.path
    columns = result_columns(list(predictions.values()), list(predictions))
    facts = {name: cells(values) for name, values in samples.facts.items()}
    write_table(path / PREDICTIONS, [{**columns, **facts, "warning": list(map(str, samples.warning_N))}])
    for name, table in stacked_tables(found).items():
        table.write(path / f"{name}.tsv")
    covered = {column: one.coverage.to_dict() for column, one in found.targets.items() if one.coverage is not None}
    write_json(path / COVERAGE, covered)
    if config.output.report:
        write_page(evaluation_page(found), path)
    folder.record.update(_record(config, found))


def _record(config: EvaluateConfig, found: Evaluation) -> dict[str, Any]:
    """The options and the results in plain JSON types."""
    return {
        "options": to_flat(config),
        "group_column": found.group_column,
        "study_column": found.study_column,
        "samples": found.num_samples,
        "samples_learned_from": found.num_trained,
        "summary": evaluation_lines(found),
        "notes": list(found.notes),
        "targets": {column: one.spec.to_dict() for column, one in found.targets.items()},
        "metrics": {
            column: {
                name: {"value": _plain(i.value), "low": _plain(i.low), "high": _plain(i.high)}
                for name, i in one.judgement.results["model"].items()
            }
            for column, one in found.targets.items()
        },
        "held_out": {
            column: None
            if one.held_out is None
            else {
                "part": one.held_out.part,
                "samples": one.held_out.num_samples,
                "metrics": {name: _plain(i.value) for name, i in one.held_out.metrics.items()},
            }
            for column, one in found.targets.items()
        },
    }


def _plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
