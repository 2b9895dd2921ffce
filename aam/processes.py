"""Tasks that are computed at once, each in a process of its own, on the backend of joblib that is in force.

By default that is loky, on this machine; within ``joblib.parallel_config("dask")`` or ``("ray")`` it is the user's
cluster. What a task gives does not depend on how many are computed at once, or which ends first.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from types import FrameType
from typing import Any, Generic, TypeVar

from aam.errors import SIGNALS, AamError, ConfigError, RunError, Signalled, is_ignored
from aam.log import silent

T = TypeVar("T")

POLL_SECONDS = 0.25
STOPPED_BY = "stopped-by"
KILLED = "a process of --jobs was killed: is there memory for so many at once?"


@dataclass(frozen=True, kw_only=True)
class Outcome(Generic[T]):
    """How a task ended: its place among all tasks, what it gave, or the error for the user that it raised."""

    place: int
    value: T | None = None
    error: AamError | None = None


class Stop:
    """A wish to stop, which tasks in other processes see: a file in a folder that they share.

    Parameters
    ----------
    folder
        A folder that nobody else writes to.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / STOPPED_BY

    def ask(self, number: int) -> None:
        """Ask all tasks to end as if this signal had come to each."""
        self.path.write_text(str(number))

    @property
    def signal(self) -> int | None:
        """The signal that was asked for; None for none."""
        with suppress(OSError, ValueError):
            return int(self.path.read_text())
        return None


@contextmanager
def on_scheduler(address: str | None) -> Iterator[None]:
    """Compute tasks on the workers of a Dask scheduler; nothing changes for None.

    Raises
    ------
    ConfigError
        If Dask is not installed, or nothing answers at the address.
    """
    if address is None:
        yield
        return
    try:
        from distributed import Client
    except ImportError:
        raise ConfigError("--dask-scheduler needs Dask: pip install 'aam[dask]'") from None
    from joblib import parallel_config

    try:
        client = Client(address, timeout=10)
    except (OSError, ValueError) as error:
        raise ConfigError(f"--dask-scheduler: no Dask scheduler answers at {address} ({error})") from None
    with client, parallel_config(backend="dask"):
        yield


def outcomes(tasks: Sequence[Callable[[], T]], jobs: int, folder: Path | None = None) -> Iterator[Outcome[T]]:
    """Compute tasks, so many at once, and give the outcome of each as soon as it ends.

    A signal to this process, or an error of a task, ends those that run in order, and no other begins. After that the
    outcomes of all that had begun are given, each with its error.

    Parameters
    ----------
    tasks
        What is to be computed; sent to other processes.
    jobs
        How many at once.
    folder
        Where the wish to stop can be seen by all processes; a temporary folder of this machine where None.

    Raises
    ------
    Signalled
        After a signal, once all has ended.
    RunError
        If a process was killed.
    """
    with ExitStack() as stack:
        shared = stack.enter_context(tempfile.TemporaryDirectory(prefix="aam-jobs-", dir=folder))
        stop = Stop(Path(shared))
        asked = stack.enter_context(_asked_to_stop(stop))
        yield from _parallel(tasks, jobs, stop)
        if asked:
            raise Signalled(asked[0])


def _parallel(tasks: Sequence[Callable[[], T]], jobs: int, stop: Stop) -> Iterator[Outcome[T]]:
    """The outcomes of the tasks that begin before the wish to stop."""
    from joblib import Parallel, delayed
    from joblib.externals.loky import process_executor

    def dispatched() -> Iterator[Any]:
        for place, task in enumerate(tasks):
            if stop.signal is not None:
                return
            yield delayed(_compute)(place, task, stop, os.getpid())

    try:
        yield from Parallel(n_jobs=jobs, batch_size=1, pre_dispatch=jobs, return_as="generator_unordered")(dispatched())
    except process_executor.TerminatedWorkerError:
        raise RunError(KILLED) from None


@contextmanager
def _asked_to_stop(stop: Stop) -> Iterator[list[int]]:
    """Pass signals on to all tasks; a second one interrupts this process at once."""
    asked: list[int] = []

    def pass_on(number: int, _: FrameType | None) -> None:
        if asked:
            raise Signalled(number)
        asked.append(number)
        stop.ask(number)

    before = {number: signal.signal(number, pass_on) for number in SIGNALS if not is_ignored(number)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _compute(place: int, task: Callable[[], T], stop: Stop, parent: int) -> Outcome[T]:
    """Compute a task in this process, or in another where this is a thread of a worker, which takes no signals."""
    if threading.current_thread() is threading.main_thread():
        return _compute_here(place, task, stop, parent)
    if multiprocessing.current_process().daemon:
        remedy = "start them with DASK_DISTRIBUTED__WORKER__DAEMON=False in the environment"
        return Outcome(place=place, error=RunError(f"the workers of the scheduler cannot start processes; {remedy}"))
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(theirs, place, task, stop, os.getpid()))
    process.start()
    theirs.close()
    try:
        found: Outcome[T] = ours.recv()
    except EOFError:
        return Outcome(place=place, error=RunError(KILLED))
    finally:
        process.join()
    return found


def _send(to: Connection, place: int, task: Callable[[], T], stop: Stop, parent: int) -> None:
    to.send(_compute_here(place, task, stop, parent))


def _compute_here(place: int, task: Callable[[], T], stop: Stop, parent: int) -> Outcome[T]:
    is_child = os.getppid() == parent
    if is_child and os.getpgrp() == os.getpgid(parent):
        os.setpgrp()  # Ctrl-C reaches the first process alone, which passes it on
    try:
        with silent(), _interruptible(), _watching(stop, parent if is_child else None):
            return Outcome(place=place, value=task())
    except AamError as error:
        if stop.signal is None:
            stop.ask(signal.SIGTERM)  # here, as the next task is sent out before this outcome is looked at
        return Outcome(place=place, error=error)
    except Signalled as signalled:
        return Outcome(place=place, error=signalled.preempted("stopped"))


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let a signal end the task inside; before and after it, this process leaves signals to the one that began it."""
    for number in SIGNALS:
        signal.signal(number, _interrupt)
    try:
        yield
    finally:
        for number in SIGNALS:
            signal.signal(number, _overhear)


def _interrupt(number: int, _: FrameType | None) -> None:
    raise Signalled(number)


def _overhear(number: int, _: FrameType | None) -> None:
    """Do nothing."""


@contextmanager
def _watching(stop: Stop, parent: int | None) -> Iterator[None]:
    """Send this process the signal that is asked for, and end it where its parent is gone."""
    is_over = threading.Event()

    def watch() -> None:
        while not is_over.wait(POLL_SECONDS):
            if parent is not None and os.getppid() != parent:
                os._exit(1)
            number = stop.signal
            if number is not None and not is_over.is_set():
                os.kill(os.getpid(), number)
                return

    watcher = threading.Thread(target=watch, daemon=True, name="stop")
    watcher.start()
    try:
        yield
    finally:
        is_over.set()
        watcher.join()
