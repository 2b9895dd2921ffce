"""`aam benchmark` from the suite to the results; what an output folder already holds is not computed again."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aam.config import BenchmarkConfig
from aam.config.commands.benchmark import BenchmarkOptions, TaskOptions
from aam.data.study.folds import Fold, FoldOptions
from aam.errors import Attempts, ConfigError, InputError
from aam.files.atomic import check_output, remove_leftovers, sha256_file
from aam.learners.catalogue import FOREST, NETWORK, expand
from aam.log import logging_to_file, say
from aam.report import check_drawing
from aam.runs.layout import LOG
from aam.runs.outputs import check_apart
from aam.text import format_duration, plural
from aam.version import __version__
from aam.workflows.benchmark.assess import TaskResult, assess
from aam.workflows.benchmark.compute import compute_fold
from aam.workflows.benchmark.fold_record import FoldRecord, read_record
from aam.workflows.benchmark.study import OpenTask, open_task
from aam.workflows.benchmark.suite import Suite, read_suite
from aam.workflows.benchmark.tables import RESULT_FILES, summary, write_results

FOLDS = "folds"
FILES = ("table", "metadata", "tree")


@dataclass(frozen=True, kw_only=True)
class TaskRun:
    """A task, and the files of its folds.

    Attributes
    ----------
    name, options
        The task.
    wanted
        How many folds.
    members
        Learners of the blend.
    folder
        Where the files lie.
    settings
        With which each of them is made, as JSON types.
    """

    name: str
    options: TaskOptions
    wanted: FoldOptions
    members: Sequence[str]
    folder: Path
    settings: Mapping[str, Any]

    def path(self, repeat: int, number: int) -> Path:
        """The file of a fold."""
        return self.folder / f"repeat{repeat}-fold{number}.json"

    def missing(self) -> int:
        """How many folds are to be computed; reads the files of the others, and refuses those of other settings."""
        remove_leftovers(self.folder)
        paths = [self.path(repeat, number) for repeat, number in self._folds()]
        there = [path for path in paths if path.exists()]
        for path in there:
            read_record(path, self.settings)
        return len(paths) - len(there)

    def open(self) -> OpenTask:
        """Read its study."""
        return open_task(self.name, self.options, self.wanted)

    def compute(self) -> None:
        """Compute the folds whose files are not there."""
        task = self.open()
        for fold in task.folds:
            path = self.path(fold.repeat, fold.number)
            if not path.exists():
                self._compute(task, fold, path)

    def records(self) -> list[FoldRecord]:
        """All folds, repeat by repeat."""
        return [read_record(self.path(repeat, number), self.settings) for repeat, number in self._folds()]

    def _folds(self) -> list[tuple[int, int]]:
        repeats, numbers = range(1, self.wanted.repeats + 1), range(1, self.wanted.number + 1)
        return [(repeat, number) for repeat in repeats for number in numbers]

    def _compute(self, task: OpenTask, fold: Fold, path: Path) -> None:
        start = time.perf_counter()
        record = compute_fold(task, fold, self.members, self.wanted.seed + fold.repeat - 1)
        record.write(path, self.settings)
        members, duration = plural(len(record.weights), "member"), format_duration(time.perf_counter() - start)
        say(f"{self.name}: fold {fold.number} of repeat {fold.repeat}, {members}, {duration}")


def run_benchmark(config: BenchmarkConfig) -> list[TaskResult]:
    """Compute what is missing of a benchmark, judge all competitors, and write the results.

    Parameters
    ----------
    config
        What was asked for.

    Returns
    -------
    list
        The result of each task, in the order of the suite.

    Raises
    ------
    ConfigError, InputError
        If the options, the suite or a study cannot be used, or the output folder holds folds of other settings.
    """
    check_drawing()
    options = config.benchmark
    members = expand(options.learners)
    if FOREST not in members:
        raise ConfigError(f"--learners: all competitors are compared with the forest: add {FOREST}")
    if NETWORK in members:
        raise ConfigError(f"--learners: {NETWORK} has options of its own and is not part of a benchmark: leave it out")
    suite = read_suite(options)
    _make_folder(options.output_dir, [suite.source, *_files(suite)])
    with logging_to_file(options.output_dir / LOG):
        runs = [_task_run(name, task, suite, options, members) for name, task in suite.tasks.items()]
        _compute(runs)
        results = [assess(run.name, run.options, run.records()) for run in runs]
        write_results(options.output_dir, results, _about(suite, options))
        say("", *summary(results), f"results: {options.output_dir}")
    return results


def _compute(runs: Sequence[TaskRun]) -> None:
    """Compute what is missing, after a look at all studies that are needed for it."""
    missing = {run.name: run.missing() for run in runs}
    unfinished = [run for run in runs if missing[run.name]]
    total = sum(run.wanted.number * run.wanted.repeats for run in runs)
    say(f"{plural(len(runs), 'task')}, {total:,} folds, of which {sum(missing.values()):,} are to be computed")
    attempt = Attempts()
    for run in unfinished if len(unfinished) > 1 else ():
        attempt(run.open)
    attempt.raise_if_any()
    for run in unfinished:
        run.compute()


def _task_run(name: str, task: TaskOptions, suite: Suite, options: BenchmarkOptions, members: Sequence[str]) -> TaskRun:
    wanted = FoldOptions(number=suite.folds, repeats=suite.repeats, seed=options.seed)
    paths = {key: getattr(task, key) for key in FILES}
    plain = {
        field.name: _plain(getattr(task, field.name)) for field in dataclasses.fields(task) if field.name not in FILES
    }
    settings = {
        "version": __version__,
        **{key: value for key, value in plain.items() if key != "control"},
        **{key: None if path is None else sha256_file(path) for key, path in paths.items()},
        "folds": suite.folds,
        "seed": options.seed,
        "learners": list(members),
    }
    folder = options.output_dir / FOLDS / name
    return TaskRun(name=name, options=task, wanted=wanted, members=members, folder=folder, settings=settings)


def _plain(value: Any) -> Any:
    return list(map(str, value)) if isinstance(value, tuple) else value


def _files(suite: Suite) -> Iterator[Path]:
    """All files that the tasks read."""
    for task in suite.tasks.values():
        yield from (path for path in (getattr(task, key) for key in FILES) if path is not None)


def _make_folder(folder: Path, inputs: Sequence[Path]) -> None:
    """Make the output folder, or refuse one whose files are not of a benchmark; results are replaced without asking."""
    if folder.exists() and not folder.is_dir():
        raise InputError(folder, "is no folder", "another --output-dir")
    written = [folder / name for name in (*RESULT_FILES, LOG)]
    check_apart(written, inputs)
    others = [name for name in RESULT_FILES if (folder / name).exists()]
    if others and not (folder / FOLDS).is_dir():
        raise InputError(folder, f"holds {others[0]}, which is not of a benchmark", "another --output-dir")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        problem = f"the output directory cannot be written ({error.strerror})"
        raise InputError(folder, problem, "another --output-dir") from None
    for path in written:
        check_output(path, overwrite=True)
    remove_leftovers(folder)


def _about(suite: Suite, options: BenchmarkOptions) -> list[str]:
    """How the results were made, in words."""
    return [
        f"Suite `{suite.source.name}`, {plural(suite.repeats, 'repeat')} of {suite.folds} folds, seed {options.seed}, "
        f"AAM {__version__}. Samples of one group are never on two sides. Predictions of a repeat's folds are pooled, "
        "metrics are means over the repeats, intervals are of 95 % (bootstrap of whole groups, the same in all repeats "
        "and competitors), differences are paired. Seconds are means over the folds.",
    ]
