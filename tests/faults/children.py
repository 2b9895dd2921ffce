"""Runs of the program in processes of their own, that begin with everything imported: a fork, not a start.

A child is forked from a server that has imported the program and trained nothing, so that no thread and no signal
handler of the tests comes along.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor

from aam.cli.main import main
from aam.training.step.module import TrainingModule

FORKED = multiprocessing.get_context("forkserver")
FORKED.set_forkserver_preload(
    [
        "pytest",
        "aam.cli.commands.train",
        "aam.cli.commands.predict",
        "aam.cli.commands.check",
        "aam.training.run.fit",
        "aam.workflows.runs.finalize",
    ]
)
PATIENCE = 120


@dataclass
class Ended:
    """How a child ended: its exit code, negative for a signal, and what it said."""

    code: int | None
    out: str
    err: str


@dataclass
class Child:
    """A child that is running; it leads a process group of its own."""

    process: BaseProcess
    out: Path
    err: Path

    def kill(self, number: int) -> None:
        """Send a signal to the child alone."""
        assert self.process.pid is not None
        os.kill(self.process.pid, number)

    def end(self) -> Ended:
        """Wait for the end; a child that hangs is killed with all that it started, and fails the test."""
        self.process.join(PATIENCE)
        if self.process.exitcode is None:
            self._end_group()
            pytest.fail(f"the child hangs:\n{self.out.read_text()}\n{self.err.read_text()}")
        return Ended(self.process.exitcode, self.out.read_text(errors="replace"), self.err.read_text(errors="replace"))

    def members(self) -> list[int]:
        """Processes of its group: whatever it started and left behind."""
        group = str(self.process.pid)
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                state, _, owner = (folder / "stat").read_text().rpartition(")")[2].split()[:3]
            except OSError:
                continue
            if owner == group and state != "Z":
                found.append(int(folder.name))
        return found

    def leaves_nobody(self, seconds: float = 20) -> bool:
        """Whether all that it started is gone soon after it."""
        until = time.monotonic() + seconds
        while self.members() and time.monotonic() < until:
            time.sleep(0.1)
        return not self.members()

    def _end_group(self) -> None:
        assert self.process.pid is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.join()


@contextmanager
def started(function: Callable[..., int], *words: Any) -> Iterator[Child]:
    """A child that does something and ends with what it returns; the function is one of a module, not of a test."""
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder) / "out", Path(folder) / "err"
        process = FORKED.Process(target=_begin, args=(out, err, function, words))
        process.start()
        child = Child(process, out, err)
        try:
            yield child
        finally:
            if process.is_alive():
                child._end_group()


def ended(function: Callable[..., int], *words: Any) -> Ended:
    """Do something in a child."""
    with started(function, *words) as child:
        return child.end()


def program(*words: object) -> Ended:
    """The program in a child."""
    return ended(main, [str(word) for word in words])


def _begin(out: Path, err: Path, function: Callable[..., int], words: tuple[Any, ...]) -> None:
    os.setpgid(0, 0)
    for number, path in ((1, out), (2, err)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    for number in (signal.SIGINT, signal.SIGTERM):  # the server ignores them
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    sys.exit(function(*words))


def hooked(number: int, action: Callable[..., None], details: tuple[Any, ...], words: list[str]) -> int:
    """The program, in a child, with something that happens before its n-th batch of training."""
    step = TrainingModule.training_step
    batches = [0]

    def training_step(self: TrainingModule, *given: Any) -> Tensor:
        batches[0] += 1
        if batches[0] == number:
            action(*details)
        return step(self, *given)

    TrainingModule.training_step = training_step  # type: ignore[method-assign]
    return main(words)


def send(*numbers: int) -> None:
    """Let signals come to this process."""
    for number in numbers:
        os.kill(os.getpid(), number)
