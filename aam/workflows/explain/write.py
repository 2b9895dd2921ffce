"""The folder of an explanation: tables, page, figures, files for iTOL, and the record that says what it is."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from aam.config import to_flat
from aam.config.command_line import command_words
from aam.config.commands.explain import ExplainConfig, ExplainInMemoryConfig
from aam.config.option import input_paths
from aam.evaluation.prediction_table import write_table
from aam.explanation.results.explanation import Explanation
from aam.explanation.results.tables import TOP, samples_tables
from aam.log import say
from aam.report.interactive import check_interactive, write_interactive
from aam.runs.outputs import check_apart
from aam.runs.result_folder import result_folder
from aam.workflows.explain.anndata_file import NAME, write_explained
from aam.workflows.explain.explain import explain
from aam.workflows.explain.result import ExplanationResult
from aam.workflows.explain.show import page_of, write_shown

RECORD = "explanation.json"
EFFECTS, ASVS, GROUPS = "effects.tsv", "asvs.tsv", "groups.tsv"
REFITTED = "refitted_parts.tsv"
MEMBERS, SAMPLES = "members.tsv.gz", "samples.tsv.gz"


def explain_and_write(config: ExplainConfig) -> ExplanationResult:
    """Explain predictions, and write tables, a page, figures and files for iTOL of what was found.

    Parameters
    ----------
    config
        What is explained, how, and the folder to write.

    Raises
    ------
    CheckpointError, ConfigError, InputError
        As :func:`~aam.workflows.explain.explain.explain`; or if the folder cannot be used.
    """
    output = config.output
    if output.interactive:
        check_interactive()
    check_apart([output.output_dir], input_paths(config))
    with result_folder(output.output_dir, RECORD, overwrite=output.overwrite) as folder:
        explanation = explain(ExplainInMemoryConfig(table=config.table, explain=config.explain))
        write_tables(folder.path, explanation, top=None if output.samples_table else TOP)
        options = [(name, str(value)) for name, value in to_flat(config).items() if value is not None]
        command = shlex.join(command_words("explain", config))
        page = page_of(explanation, config.explain.model.resolve().name, command, options)
        write_shown(folder.path, page, explanation)
        if output.interactive:
            write_interactive(folder.path, page)
        if output.h5ad:
            write_explained(folder.path / NAME, explanation)
        folder.record.update(record_of(config, explanation))
    say(f"wrote {output.output_dir}")
    return explanation


def write_tables(folder: Path, explanation: Explanation, *, top: int | None = TOP) -> None:
    """Write all tables of an explanation.

    Parameters
    ----------
    folder
        Where to.
    explanation
        What was found.
    top
        Things of each level whose effects in single samples are written; None for all.
    """
    explanation.effects_table().write(folder / EFFECTS)
    explanation.asvs_table().write(folder / ASVS)
    explanation.groups_table().write(folder / GROUPS)
    if explanation.refitted is not None:
        explanation.refitted.table().write(folder / REFITTED)
    explanation.members_table().write(folder / MEMBERS)
    tables = samples_tables(explanation.effects, explanation.sample_ids, top)
    blocks = ({name: [_cell(value) for value in values] for name, values in one.items()} for one in tables)
    write_table(folder / SAMPLES, blocks)


def record_of(config: ExplainConfig, explanation: Explanation) -> dict[str, Any]:
    """What ``explanation.json`` says."""
    return {
        "options": to_flat(config),
        "targets": [spec.column for spec in explanation.specs],
        "outputs": list(explanation.outputs),
        "models": list(explanation.models),
        "samples": len(explanation.samples),
        "methods": list(explanation.methods),
        "levels": {one.level: len(one) for one in explanation.groups},
        "group_column": explanation.group_column,
        "seen": explanation.seen,
        "notes": list(explanation.notes),
    }


def _cell(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
