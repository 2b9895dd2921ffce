"""One child process of the fuzzer: it reads damaged files one after the other, and says what became of each.

The process is forked, so that the libraries are loaded once for all targets; it may die, and then the trial that it
was at has failed.
"""

from __future__ import annotations

import faulthandler
import fnmatch
import logging
import os
import random
import resource
import shutil
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

from aam.errors import AamError, InputError
from tests.badinputs.fuzz_targets import Target

LONGEST_LINE = 250
SHOWN_FRAMES = 6


class Limits(NamedTuple):
    """What reading one file may take: seconds of processor time, seconds by the clock, bytes beside the libraries'."""

    seconds: float = 5.0
    wall_seconds: float = 60.0
    num_bytes: int = 2 << 30


LIMITS = Limits()


@dataclass(frozen=True)
class Event:
    """What became of one trial.

    Attributes
    ----------
    trial
        Its number.
    outcome
        ``read``, ``refused`` or ``failed``.
    seconds, peak_bytes
        What it took: processor time, and the most memory until then.
    key, words
        For failures: what tells kinds of failure apart, and what happened.
    name, content
        For failures: the file that was damaged.
    """

    trial: int
    outcome: str
    seconds: float = 0.0
    peak_bytes: int = 0
    key: str = ""
    words: str = ""
    name: str = ""
    content: bytes = b""


class Damaged(NamedTuple):
    """A damaged file."""

    name: str
    content: bytes


class Failure(Exception):
    """What a reader may not do."""


def run_child(
    target: Target, parent: Path, seed: str, first: int, most: tuple[int, float], limits: Limits = LIMITS
) -> Iterator[Event]:
    """Run trials in a child process until there are enough, the time is over, or it dies.

    Parameters
    ----------
    target
        What to read.
    parent
        An existing folder; the files are in a folder within it.
    seed
        All trials of a seed differ; the same trial of the same seed is the same case.
    first
        Number of the first trial.
    most
        Trials, and seconds, after which the child stops.
    limits
        Of each trial.
    """
    receiver, sender = Pipe(duplex=False)
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        receiver.close()
        _be_child(target, parent / "work", seed, first, most, limits, sender)
    sender.close()
    begun: Event | None = None
    try:
        while True:
            event: Event = receiver.recv()
            begun = event if event.outcome == "begun" else None
            if begun is None:
                yield event
    except EOFError:
        pass
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status == 0:
        return
    what = f"signal {-status} ({signal.Signals(-status).name})" if status < 0 else f"exit code {status}"
    if begun is None:
        raise RuntimeError(f"the child process of the fuzzer ended outside of all trials: {what}")
    yield Event(begun.trial, "failed", key=what, words=what, name=begun.name, content=begun.content)


def damaged_file(target: Target, sound: dict[str, bytes], seed: str, trial: int) -> Damaged:
    """The file that is damaged in a trial, and its content."""
    rng = random.Random(f"{seed} {trial}")
    pattern, damages = rng.choice(list(target.damages.items()))
    name = rng.choice(sorted(fnmatch.filter(sound, pattern)))
    return Damaged(name, rng.choice(damages)(sound[name], rng))


def _be_child(*arguments: Any) -> None:
    """Run the trials and end the process, whatever happens, without what an ordinary end would do."""
    try:
        _run_trials(*arguments)
    except BaseException:  # noqa: BLE001 - the parent is told by the exit code
        traceback.print_exc()
        os._exit(70)
    os._exit(0)


def _run_trials(
    target: Target, folder: Path, seed: str, first: int, most: tuple[int, float], limits: Limits, sender: Connection
) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    warnings.simplefilter("error")
    logging.disable()
    faulthandler.disable()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    target.make(folder)
    sound = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    expected = target.read(folder)
    target.check(expected, expected)
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + limits.num_bytes, size + limits.num_bytes))
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    before, end = _peak_bytes(), time.monotonic() + most[1]
    for trial in range(first, first + most[0]):
        damaged = damaged_file(target, sound, seed, trial)
        _write({**sound, damaged.name: damaged.content}, folder)
        sender.send(Event(trial, "begun", name=damaged.name, content=damaged.content))
        sender.send(_run_trial(target, folder, trial, damaged, expected, limits, before))
        if time.monotonic() > end:
            return


def _run_trial(
    target: Target, folder: Path, trial: int, damaged: Damaged, expected: Any, limits: Limits, before: int
) -> Event:
    """Read once. A reader that does not come back is ended by the system's clocks, and this process with it."""
    signal.setitimer(signal.ITIMER_PROF, 2 * limits.seconds)
    signal.setitimer(signal.ITIMER_REAL, limits.wall_seconds)
    start, outcome, key, words = time.process_time(), "read", "", ""
    try:
        outcome = _outcome(target, folder, expected)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what this looks for
        outcome, key, words = "failed", _key(error), _traceback(error)
    seconds = time.process_time() - start
    signal.setitimer(signal.ITIMER_PROF, 0)
    signal.setitimer(signal.ITIMER_REAL, 0)
    if seconds > limits.seconds and outcome != "failed":
        outcome, key, words = "failed", "slow", f"took {seconds:.1f} s"
    file = (damaged.name, damaged.content) if outcome == "failed" else ("", b"")
    return Event(trial, outcome, seconds, _peak_bytes() - before, key, words, *file)


def _outcome(target: Target, folder: Path, expected: Any) -> str:
    try:
        found = target.read(folder)
    except target.errors as error:
        _check_words(error)
        return "refused"
    target.check(found, expected)
    return "read"


def _check_words(error: AamError) -> None:
    """One line that can be printed, whole, and is not too long."""
    for problem in error.problems if isinstance(error, InputError) else (str(error),):
        if not problem.isprintable() or len(problem) >= LONGEST_LINE:
            raise Failure(f"these words: {problem!r}") from error


def _write(files: dict[str, bytes], folder: Path) -> None:
    """Make the folder hold these files and nothing else."""
    shutil.rmtree(folder)
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _key(error: Exception) -> str:
    """What two failures of one kind have in common: the type, and where it was raised in this project."""
    cause = error.__cause__ if isinstance(error, Failure) and error.__cause__ is not None else error
    frames = traceback.extract_tb(cause.__traceback__)
    own = [frame for frame in frames if "site-packages" not in frame.filename and "/lib/python" not in frame.filename]
    place = own[-1] if own else frames[-1]
    return f"{type(error).__name__} {place.filename}:{place.lineno}"


def _traceback(error: Exception) -> str:
    lines = traceback.format_exception(error, limit=-SHOWN_FRAMES)
    return "".join(lines)[-3_000:]
