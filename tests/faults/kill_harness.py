"""Runs of the program that are killed at a chosen place: one run is one forked child.

The children come from a server process that has loaded everything and computed nothing, so that a run starts in
milliseconds, whatever the tests before it left behind in the process of the tests. A child is the leader of a process
group of its own: what prepares its batches is hit as well, as by a terminal or a scheduler. For several ranks, start
several children with an environment of their own, and wait for all of them.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing import forkserver
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch

import aam.runs.tracking.tensorboard
import aam.training.memory.measure
import aam.training.run.fit
import aam.training.run.unfreezing
import aam.workflows.runs.finalize
from aam.cli.main import main

LOADED = (
    aam.workflows.runs.finalize,
    aam.training.run.fit,
    aam.training.memory.measure,
    aam.training.run.unfreezing,
    pytest,
    aam.runs.tracking.tensorboard,
)
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
PATIENCE = 120.0
START_METHOD = multiprocessing.get_start_method()  # of an ordinary run's workers
TRAINING_STEP = "aam.training.step.module:TrainingModule.training_step"
VALIDATION_STEP = "aam.training.step.module:TrainingModule.validation_step"
RENAME = "rename"


@dataclass(frozen=True)
class Fault:
    """What happens to a process, and where.

    Attributes
    ----------
    place
        ``module:name`` of a function or ``module:Class.method``; or ``rename:TEXT`` for the moment just before a file
        is given a name with that text in it.
    number
        At which of its calls, from 1.
    signals
        Names of the signals, one after the other.
    after
        Once the call has returned, and not before it.
    everyone
        Send them to the whole process group, and not to the process alone.
    """

    place: str
    number: int = 1
    signals: tuple[str, ...] = ("SIGKILL",)
    after: bool = False
    everyone: bool = True

    def arm(self) -> None:
        """Lay the fault into this process."""
        module, _, path = self.place.partition(":")
        calls = _Calls(self)
        if module == RENAME:
            sys.addaudithook(lambda event, words: calls.next() if _names(event, words, path) else None)
            return
        owner: Any = importlib.import_module(module)
        *parents, name = path.split(".")
        for parent in parents:
            owner = getattr(owner, parent)
        original = getattr(owner, name)

        def watched(*words: Any, **named: Any) -> Any:
            if not self.after:
                calls.next()
            result = original(*words, **named)
            if self.after:
                calls.next()
            return result

        setattr(owner, name, watched)

    def strike(self) -> None:
        """Send the signals."""
        for name in self.signals:
            number = signal.Signals[name]
            os.killpg(os.getpgrp(), number) if self.everyone else os.kill(os.getpid(), number)
            time.sleep(0.2 if len(self.signals) > 1 else 0)


class _Calls:
    """Counts the calls of a place, and strikes at the one that is meant."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.count = 0

    def next(self) -> None:
        self.count += 1
        if self.count == self.fault.number:
            self.fault.strike()


def _names(event: str, words: Sequence[Any], text: str) -> bool:
    """Whether an event of the interpreter is the renaming (or replacing) of a file to a name with some text in it."""
    return event == "os.rename" and text in os.fsdecode(words[1])


class Outcome(NamedTuple):
    """How a child ended: its exit code (the negative of the signal that killed it), and what it said."""

    code: int
    said: str


@dataclass
class Child:
    """A child that was started, and the file of what it says."""

    process: ForkServerProcess
    output: Path

    def wait(self, patience: float = PATIENCE) -> Outcome:
        """Wait for its end.

        Raises
        ------
        AssertionError
            If it hangs; it is killed then.
        """
        self.process.join(patience)
        if self.process.exitcode is None:
            self.process.kill()
            raise AssertionError(f"the child hangs:\n{self.output.read_text()}")
        return Outcome(self.process.exitcode, self.output.read_text())


@dataclass
class Children:
    """Starts children.

    Attributes
    ----------
    folder
        Takes the files of what they say.
    """

    folder: Path
    started: int = field(default=0)

    def start(
        self,
        work: Callable[..., Any],
        *words: Any,
        faults: Sequence[Fault] = (),
        environment: Mapping[str, str] | None = None,
        values: Mapping[str, Any] | None = None,
    ) -> Child:
        """Start a child.

        Parameters
        ----------
        work
            A function of a module; what it returns is the exit code.
        words
            Its arguments.
        faults
            What shall happen to the child.
        environment
            Variables beside those of this process.
        values
            ``module:NAME`` -> another value of that constant.
        """
        self.started += 1
        output = self.folder / f"child-{self.started}.txt"
        variables = {**os.environ, **ONE_THREAD, **(environment or {})}
        process = _server().Process(target=_live, args=(work, words, faults, variables, values or {}, output))
        process.start()
        return Child(process, output)

    def run(self, words: Sequence[object], *faults: Fault, values: Mapping[str, Any] | None = None) -> Outcome:
        """Run a command of the program in a child, and wait for its end."""
        return self.start(run_program, [str(word) for word in words], faults=faults, values=values).wait()


def run_program(words: list[str]) -> int:
    """The program, as if these were the words that were typed."""
    sys.argv = ["aam", *words]
    return main()


def _server() -> Any:
    """What starts children: multiprocessing's own server, with this module loaded."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ONE_THREAD.items():
            patch.setenv(name, value)
        forkserver.ensure_running()
    return context


def _live(
    work: Callable[..., Any],
    words: Sequence[Any],
    faults: Sequence[Fault],
    environment: Mapping[str, str],
    values: Mapping[str, Any],
    output: Path,
) -> None:
    """What a child does."""
    os.setsid()
    multiprocessing.set_start_method(START_METHOD, force=True)  # else the child's own workers came from a server too
    with output.open("wb") as file:
        for number in (1, 2):
            os.dup2(file.fileno(), number)
    os.environ.clear()
    os.environ.update(environment)
    torch.set_num_threads(1)
    for place, value in values.items():
        module, name = place.split(":")
        setattr(importlib.import_module(module), name, value)
    for fault in faults:
        fault.arm()
    sys.exit(work(*words))


def count_threads() -> int:
    """Threads of this process; one alone can be forked safely."""
    return len(list(Path("/proc/self/task").iterdir()))
