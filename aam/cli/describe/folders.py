"""What `aam info` says of a folder that is neither a run nor a model: what AAM puts together, and simulated studies."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aam.runs.directory import RunDirectory
from aam.runs.layout import CHECKPOINTS, FORESTS, REPORT, SAMPLE_LISTS, TENSORBOARD, WANDB
from aam.runs.result_folder import FILES, RECORDS, read_record
from aam.simulation.output import METADATA, TABLE
from aam.text import listed, plural

TOLD = ("targets", "models", "samples", "methods", "ordinated")
Facts = list[tuple[str, str]]
Described = tuple[str, Facts]


def describe_folder(path: Path) -> Described | None:
    """Title and facts of a folder; None where it is of no kind that AAM knows."""
    for found in (_results, _runs, _lists, _tables, _study, _by_name):
        if described := found(path):
            return described
    return None


def _results(path: Path) -> Described | None:
    for name, command in RECORDS.items():
        if (path / name).is_file():
            content = read_record(path, name)
            page = [("report", str(path / REPORT))] if REPORT in content[FILES] else []
            return f"results of {command}", [*result_facts(content), *page]
    return None


def result_facts(content: Mapping[str, Any]) -> Facts:
    """What the record of a result says of it in a word or a list."""
    facts = [(name, content[name]) for name in (*TOLD, FILES) if name in content]
    return [(name, listed(map(str, one), 12) if isinstance(one, list | dict) else str(one)) for name, one in facts]


def _runs(path: Path) -> Described | None:
    runs = [RunDirectory(folder) for folder in sorted(path.iterdir()) if RunDirectory(folder).config.is_file()]
    if not runs:
        return None
    done = sum(run.is_finished for run in runs)
    facts = [("finished", f"{done:,} of {len(runs):,}"), ("runs", listed((run.path.name for run in runs), 12))]
    return f"a folder of {plural(len(runs), 'run')}", [*facts, ("one of them", f"aam info {_quoted(runs[0].path)}")]


def _lists(path: Path) -> Described | None:
    names = set(SAMPLE_LISTS.values())
    if own := _names(path) & names:
        return "lists of samples", [("files", listed(sorted(own)))]
    lists = [folder for folder in sorted(path.iterdir()) if folder.is_dir() and _names(folder) & names]
    return ("samples of folds", [("folds", listed((one.name for one in lists), 12))]) if lists else None


def _tables(path: Path) -> Described | None:
    tables = sorted(path.glob("*.tsv")) if path.name == FORESTS else []
    return (
        ("predictions of the random forests of folds", [("tables", listed(one.name for one in tables))])
        if tables
        else None
    )


def _study(path: Path) -> Described | None:
    if not {TABLE, METADATA} <= _names(path):
        return None
    words = f"aam check --table {_quoted(path / TABLE)} --metadata {_quoted(path / METADATA)}"
    return "a study", [("files", listed(sorted(_names(path)), 8)), ("used with", words)]


def _by_name(path: Path) -> Described | None:
    titles = {CHECKPOINTS: "checkpoints of an unfinished run", TENSORBOARD: "curves for TensorBoard"}
    titles[WANDB] = "what Weights & Biases keeps of a run until it is sent"
    if path.name not in titles:
        return None
    number = sum(1 for file in path.rglob("*") if file.is_file())
    return titles[path.name], [("files", f"{number:,}"), ("instead", f"aam info {_quoted(path.parent)}")]


def _names(path: Path) -> set[str]:
    return {file.name for file in path.iterdir()}


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))
