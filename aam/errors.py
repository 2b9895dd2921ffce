"""The errors that AAM raises on purpose, each with the exit code that the command line ends with.

==== ===========================================================================================
Code Meaning
==== ===========================================================================================
0    all is well
1    a defect of AAM: any exception that is not of this module, with its traceback
2    the input or the options cannot be used: :class:`InputError`, :class:`ConfigError`,
     :class:`CheckpointError`; one line
3    a reason outside the program: :class:`RunError` (disk, memory, a process that died)
4    :class:`NonFiniteError`: a loss or the gradient is NaN or infinite
75   :class:`PreemptedError`: a signal stopped the run, which can be resumed (EX_TEMPFAIL)
130  the same, or any other command, after Ctrl-C
==== ===========================================================================================
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from os import PathLike
from typing import Any, Self, TypeVar

T = TypeVar("T")


class AamError(Exception):
    """Base of all errors for the user; prints as one line.

    Attributes
    ----------
    problems
        Everything that is wrong, a line each; `aam check` prints them all.
    is_checked
        Whether `aam check` would find the same.
    """

    exit_code = 3
    problems: tuple[str, ...]
    is_checked = True

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.problems = (message,)

    @classmethod
    def of(cls, problems: tuple[str, ...], *, is_checked: bool = True) -> Self:
        """One error that stands for several problems, each already a whole line.

        Its message has the first, or all of them where `aam check` would not find them.
        """
        error = cls.__new__(cls)
        error.problems, error.is_checked = problems, is_checked
        more = len(problems) - 1
        first = problems[0] + (f" (and {more} more: `aam check` lists them)" if more else "")
        Exception.__init__(error, first if is_checked else "\n".join(problems))
        return error

    def __reduce__(self) -> tuple[Any, ...]:
        """As it is, for another process: the arguments of its kind are not kept."""
        return _restored, (type(self), self.args, self.__dict__)


def _restored(kind: type[AamError], args: tuple[Any, ...], facts: dict[str, Any]) -> AamError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(facts)
    return error


class InputError(AamError):
    """An input file or value that cannot be used.

    Parameters
    ----------
    source
        The file (its name alone is shown) or the words that name what is wrong.
    problem
        What is wrong, where, how many, and the first example.
    remedy
        What to do about it.
    """

    exit_code = 2

    def __init__(self, source: str | PathLike[str], problem: str, remedy: str = "") -> None:
        name = str(source).replace("\\", "/").rsplit("/", 1)[-1]
        super().__init__(f"{name}: {problem}" + (f"; {remedy}" if remedy else ""))


class Problems:
    """Collects the problems of one source, to report all at once."""

    def __init__(self, source: str | PathLike[str]) -> None:
        self.source = source
        self.lines: list[str] = []

    def add(self, problem: str, remedy: str = "") -> None:
        """Note one problem of this source."""
        self.lines.extend(InputError(self.source, problem, remedy).problems)

    def raise_if_any(self, *, is_checked: bool = True) -> None:
        """Raise one :class:`InputError` that carries every problem noted so far; see :meth:`AamError.of`."""
        if self.lines:
            raise InputError.of(tuple(self.lines), is_checked=is_checked)


class ConfigError(AamError):
    """An option, or a combination of options, that cannot work."""

    exit_code = 2


class Attempts:
    """Runs several checks and collects the problems of each."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.kind: type[AamError] = InputError

    def __call__(self, action: Callable[[], T]) -> T | None:
        """What an action returns; None where it fails, which is noted."""
        try:
            return action()
        except (InputError, ConfigError, CheckpointError) as error:
            if not self.lines:
                self.kind = type(error)
            self.lines.extend(line for line in error.problems if line not in self.lines)
        return None

    def raise_if_any(self) -> None:
        """Raise one error, of the kind of the first, that carries every problem noted so far."""
        if self.lines:
            raise self.kind.of(tuple(self.lines))


class CheckpointError(AamError):
    """A model folder or checkpoint that cannot be loaded."""

    exit_code = 2


class RunError(AamError):
    """A run that failed for a reason outside the program: disk, memory, a dead worker."""

    exit_code = 3


SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP)
"""Signals that stop a run in order: of schedulers, Ctrl-C and closed terminals."""


def is_ignored(number: int) -> bool:
    """Whether a signal was ignored before this program began, as by ``nohup``: it then stays ignored."""
    return signal.getsignal(number) == signal.SIG_IGN


class PreemptedError(AamError):
    """A run that was stopped by a signal and can be resumed.

    Parameters
    ----------
    message
        Where it stopped and how to resume.
    interrupted
        Whether it was stopped by Ctrl-C (exit code 130) and not by a scheduler (75, EX_TEMPFAIL).
    """

    def __init__(self, message: str, *, interrupted: bool) -> None:
        super().__init__(message)
        self.exit_code = 130 if interrupted else 75


class Signalled(BaseException):
    """A signal that interrupts the run; no Exception, so that no handler on the way swallows it.

    Parameters
    ----------
    number
        Of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number

    def preempted(self, message: str) -> PreemptedError:
        """What it means for a run."""
        return PreemptedError(message, interrupted=self.number == signal.SIGINT)


class ReportedByAnotherRank(AamError):
    """The end of one rank of a run; another rank reports the reason.

    Parameters
    ----------
    exit_code
        That of the other.
    """

    def __init__(self, exit_code: int) -> None:
        super().__init__("")
        self.exit_code = exit_code


class NonFiniteError(AamError):
    """The loss or a gradient became NaN or infinite."""

    exit_code = 4
