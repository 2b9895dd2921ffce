"""A disk that fails at the N-th thing that is asked of it, or a process that is killed there.

All files of the product are written through five functions of :mod:`aam.files.atomic`. Here they are counted, and the
N-th call fails. A test begins with N = 1 and goes on until an operation comes to its end with nothing failing; so
every place where it can fail is tried. (SQLite's anomaly tests, https://www.sqlite.org/testing.html, work like this.)
"""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from aam.files import atomic
from aam.files.atomic import is_leftover

SEAM = ("open_file", "write", "fsync", "replace", "fsync_folder")
SHORT = 0
KILLED = -signal.SIGKILL
MOST_CALLS = 500


@dataclass
class Fault:
    """What goes wrong, and where.

    Attributes
    ----------
    number
        The call that fails, from 1.
    error
        The error's number; :data:`SHORT` for none: a write then takes half of the bytes and says so.
    lasting
        Whether all calls after it fail too.
    kill
        Kill the process instead, before or after the call is done.
    """

    number: int
    error: int = errno.ENOSPC
    lasting: bool = False
    kill: Literal["before", "after"] | None = None
    calls: list[str] = field(default_factory=list)

    @property
    def has_come(self) -> bool:
        """Whether there were as many calls."""
        return len(self.calls) >= self.number

    def meet(self, name: str, real: Callable[..., Any], words: tuple[Any, ...]) -> Any:
        """One call of the seam."""
        self.calls.append(name)
        place = len(self.calls)
        if place < self.number or (place > self.number and not self.lasting):
            return real(*words)
        if self.kill == "after":
            real(*words)
        if self.kill is not None:
            os.kill(os.getpid(), signal.SIGKILL)
        if name == "write" and self.error != errno.EINTR:  # a disk takes what still fits
            taken = os.write(words[0], memoryview(words[1])[: -(-len(words[1]) // 2)])
            if self.error == SHORT:
                return taken
        if self.error == SHORT:
            return real(*words)
        raise OSError(self.error, os.strerror(self.error))


@contextmanager
def failing(fault: Fault) -> Iterator[Fault]:
    """Let everything that the product writes meet a fault."""
    real = {name: getattr(atomic, name) for name in SEAM}

    def meeting(name: str) -> Callable[..., Any]:
        return lambda *words: fault.meet(name, real[name], words)

    for name in SEAM:
        setattr(atomic, name, meeting(name))
    try:
        yield fault
    finally:
        for name, function in real.items():
            setattr(atomic, name, function)


def in_child(operation: Callable[[], object]) -> int:
    """Do something in a process of its own that has all of this one's modules; its exit code, 77 for an exception."""
    child = os.fork()
    if child == 0:
        code = 77
        try:
            operation()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def killed_everywhere(operation: Callable[[], object], kill: Literal["before", "after"]) -> Iterator[int]:
    """Do an operation again and again in children, each killed one call later, until one comes to its end."""

    def meet(number: int) -> None:
        with failing(Fault(number, kill=kill)):
            operation()

    for number in range(1, MOST_CALLS):
        code = in_child(lambda number=number: meet(number))  # type: ignore[misc]
        if code == 0:
            return
        assert code == KILLED
        yield number
    raise AssertionError("the operation never came to its end")


def names(folder: Path) -> set[str]:
    """Names in a folder, without what killed processes left behind."""
    return {path.name for path in folder.iterdir() if not is_leftover(path)}


def leftovers(folder: Path) -> list[Path]:
    """What killed processes left behind."""
    return [path for path in folder.rglob("*") if is_leftover(path)]
