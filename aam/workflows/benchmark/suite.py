"""The suite of a benchmark: its YAML file, checked and typed."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from aam.config.commands.benchmark import OF_TRAINING, BenchmarkOptions, SuiteFile, SuiteOptions, TaskFile, TaskOptions
from aam.config.option import Section, read_values, suggest
from aam.config.yaml_file import read_nested_file
from aam.errors import Attempts, ConfigError, InputError
from aam.text import listed, shorten

SHAPE = "a suite holds `tasks:` and, indented below it, `NAME:` with `name: value` lines"
DEPTH = 4  # suite, tasks, task, list
TASKS = "tasks"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
SectionT = TypeVar("SectionT", bound=Section)


@dataclass(frozen=True, kw_only=True)
class Suite:
    """The tasks of a benchmark, and how they are repeated.

    Attributes
    ----------
    source
        The file.
    tasks
        Name -> task, whose paths lead from where the program was started.
    folds, repeats
        Folds of each repeat, and repeats.
    """

    source: Path
    tasks: Mapping[str, TaskOptions]
    folds: int
    repeats: int


def read_suite(options: BenchmarkOptions) -> Suite:
    """Read the suite that options name, and what they change of it.

    Raises
    ------
    InputError
        With all that is wrong with the file, by task and key, and all files that are not there.
    ConfigError
        If a task that is asked for is not in the suite.
    """
    path = options.suite
    content = read_nested_file(path, DEPTH, SHAPE)
    tasks = content.pop(TASKS, None)
    if not isinstance(tasks, dict) or not tasks:
        raise InputError(path, "has no tasks", SHAPE)
    data, attempt = options.data or path.parent, Attempts()
    repeated = attempt(partial(_section, path, "", SuiteOptions, SuiteFile, content))
    found = {name: attempt(partial(_task, path, data, name, values)) for name, values in tasks.items()}
    attempt.raise_if_any()
    assert repeated is not None
    return Suite(
        source=path,
        tasks=_chosen(options.tasks, {name: task for name, task in found.items() if task is not None}),
        folds=options.folds or repeated.folds,
        repeats=options.repeats or repeated.repeats,
    )


def _chosen(wanted: tuple[str, ...], tasks: Mapping[str, TaskOptions]) -> Mapping[str, TaskOptions]:
    """The tasks that are asked for, in the order of the suite; all where none is named."""
    if unknown := [name for name in wanted if name not in tasks]:
        near = suggest(unknown[0], list(tasks)) or f"; it has {listed(tasks, 6)}"
        raise ConfigError(f"--tasks: the suite has no task '{shorten(unknown[0])}'{near}")
    return {name: task for name, task in tasks.items() if not wanted or name in wanted}


def _task(path: Path, data: Path, name: str, values: Any) -> TaskOptions:
    where = f"task '{shorten(name)}': "
    if not NAME.fullmatch(name):
        problem = f"{where}a name has letters, digits and . _ - alone"
        raise InputError(path, problem, "it becomes the name of a folder")
    if not isinstance(values, dict):
        raise InputError(path, f"{where}expected `name: value` lines", SHAPE)
    if wrong := [key for key in values if key.replace("-", "_") in OF_TRAINING]:
        problem = f"{where}{wrong[0]} is an option of aam train, not of a benchmark"
        raise InputError(path, problem, "train with and without it (aam train --cv), and aam compare the runs")
    task = _section(path, where, TaskOptions, TaskFile, values)
    files = {key: getattr(task, key) for key in ("table", "metadata", "tree")}
    task = dataclasses.replace(task, **{key: data / file for key, file in files.items() if file is not None})
    for key in files:
        file = getattr(task, key)
        if file is not None and not file.is_file():
            raise InputError(path, f"{where}{key}: no such file ({file})", "is --data the folder of the studies?")
    return task


def _section(path: Path, where: str, kind: type[SectionT], config: type, values: Mapping[str, Any]) -> SectionT:
    """A section from what the file says; an :class:`InputError` says where what is wrong."""
    try:
        found = read_values(config, values)
        fields = {field.name: field for field in dataclasses.fields(kind)}
        required = [name for name, field in fields.items() if field.default is dataclasses.MISSING]
        if missing := [name for name in required if not found.get(name)]:
            raise ConfigError(f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} required")
        return kind(**found)
    except ConfigError as error:
        lines = [line for problem in error.problems for line in InputError(path, f"{where}{problem}").problems]
        raise InputError.of(tuple(lines)) from None
