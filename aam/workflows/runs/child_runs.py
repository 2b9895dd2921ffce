"""Runs within a run: the folds of a cross-validation and the members of an ensemble.

Each is an ordinary and complete run of ``aam train`` on given lists of samples, in a folder of its own. They are
trained one after the other or, by :mod:`aam.workflows.runs.at_once`, several at once; a run that was stopped continues
with those that are not finished.
"""

from __future__ import annotations

import shlex
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from aam.config import TrainConfig, replace, to_flat
from aam.config.resume import free_values
from aam.errors import AamError, InputError, PreemptedError
from aam.files.atomic import write_text
from aam.log import say
from aam.runs.directory import RunDirectory, resume_command
from aam.runs.layout import SAMPLE_LISTS
from aam.runs.saved_options import training_config_to_resume
from aam.text import format_duration, read_ids
from aam.workflows.runs.results import TrainResult
from aam.workflows.runs.run_manifest import check_inputs_still_same
from aam.workflows.runs.signals import stopped_in_order

ALONE = {"jobs": 1, "join": False, "dask_scheduler": None}
"""Options of a run that is one of several, which alone are computed at once."""

Train = Callable[[TrainConfig, str], TrainResult]
"""Trains what a configuration asks for; the text is the command line that repeats it."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ChildRun:
    """A run within a run.

    Attributes
    ----------
    name
        For messages.
    directory
        Where it lies.
    lists
        The folder of its lists of samples.
    ids
        Part -> ids of its samples.
    seed
        Its own.
    """

    name: str
    directory: RunDirectory
    lists: Path
    ids: Mapping[str, list[str]]
    seed: int

    def config(self, whole: TrainConfig, **changes: Any) -> TrainConfig:
        """The options of an ordinary run; ``changes`` (named flat) are those that differ from the whole run's."""
        lists = {part: self.lists / name for part, name in SAMPLE_LISTS.items() if part in self.ids}
        own: dict[str, Any] = {
            "train_samples": lists["train"],
            "val_samples": lists["validation"],
            "test_samples": lists.get("test"),
            "test_size": 0.0,
            "split_column": None,
            "forest_baseline": False,
            "report": False,
            "output_dir": self.directory.path,
            "overwrite": False,
            "resume_from": None,
            "seed": self.seed,
            **ALONE,
        }
        return replace(whole, **{**own, **changes})


def write_lists(runs: Sequence[ChildRun]) -> None:
    """Write the lists of samples of all runs."""
    for child in runs:
        child.lists.mkdir(parents=True, exist_ok=True)
        for part, ids in child.ids.items():
            write_text(child.lists / SAMPLE_LISTS[part], "".join(f"{sample_id}\n" for sample_id in ids))


def check_lists(runs: Sequence[ChildRun]) -> None:
    """Refuse to continue with sample lists that are not those of the runs.

    Raises
    ------
    InputError
        Naming the first list that differs.
    """
    for child in runs:
        for part, ids in child.ids.items():
            path = child.lists / SAMPLE_LISTS[part]
            if read_ids(path) != ids:
                raise InputError(path, f"does not hold the samples of {child.name}", "start a new run")


def train_child_run(asked: TrainConfig, child: ChildRun, train: Train) -> bool:
    """Train a run, or continue it (a blend starts anew); returns whether there was anything to do.

    Parameters
    ----------
    asked
        Its options, if it is new.
    child
        The run.
    train
        Trains it.

    Raises
    ------
    PreemptedError
        If a signal stopped it, or came too late for it and stops what would follow.
    """
    if child.directory.is_finished:
        return False
    own = _resumed(asked, child) if child.directory.config.exists() else asked
    command_line = shlex.join(["aam", "train", "--config", str(child.directory.config), "--output-dir", "RUN"])
    late_signal = train(own, command_line).late_signal
    if late_signal is not None:
        raise PreemptedError("stopped", interrupted=late_signal == signal.SIGINT)
    return True


def _resumed(asked: TrainConfig, child: ChildRun) -> TrainConfig:
    """The options of a run that continues: its own, and of the new ones those that change no result."""
    if asked.is_blend:
        return replace(asked, overwrite=True)
    own = training_config_to_resume(child.directory.path)
    return replace(own, **free_values({**to_flat(asked), "forest_baseline": None, "report": None}))


def in_turn(run: RunDirectory, runs: Sequence[ChildRun], what: str, work: Callable[[int], bool]) -> None:
    """Do one run after the other; log its number and the time remaining.

    Parameters
    ----------
    run
        The whole.
    runs
        Its runs.
    what
        What each is called.
    work
        Does the n-th (from 0); returns whether there was anything to do.

    Raises
    ------
    InputError
        If an input of the whole is no longer what it was when it began: the models would learn from two studies.
    """
    took: list[float] = []
    for number, child in enumerate(runs):
        label = f"{what} {number + 1} of {len(runs)}"
        left = f"; about {format_duration(float(np.mean(took)) * (len(runs) - number))} left" if took else ""
        say("", f"{label} ({child.name}){': already finished' if child.directory.is_finished else left}")
        started = time.monotonic()
        with stopped_within(run, f"in {label}"):
            if not child.directory.is_finished:
                is_begun = any(other.directory.config.exists() for other in runs)
                check_inputs_still_same(run, "resume the run" if is_begun else "start it again")
            is_new = work(number)
        if is_new:
            took.append(time.monotonic() - started)


@contextmanager
def stopped_within(run: RunDirectory, where: str) -> Iterator[None]:
    """Say of a run that was stopped where it stands in the whole, and how to continue the whole."""
    remedy = f"resume with: {resume_command('train', run.path)}"
    try:
        with stopped_in_order(lambda: remedy):
            yield
    except PreemptedError as error:
        raise PreemptedError(f"stopped {where}; {remedy}", interrupted=error.exit_code == 130) from error


@contextmanager
def rollback_if_first_run_fails(run: RunDirectory, runs: Sequence[ChildRun], names: Sequence[str]) -> Iterator[None]:
    """Remove the plan if the first run finds the options wrong, so that the folder is free for the next try.

    Parameters
    ----------
    run, runs
        The whole and its runs.
    names
        Files and folders that the plan wrote.
    """
    try:
        yield
    except PreemptedError:
        raise
    except AamError:
        if not any(child.directory.config.exists() for child in runs):
            for path in (run.path / name for name in names):
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        raise
