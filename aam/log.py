"""What a run says: to the terminal, and to its own log file."""

from __future__ import annotations

import errno
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from aam.text import printable

LOGGER = logging.getLogger("aam")


def say(*lines: str) -> None:
    """Tell the user something, a line at a time."""
    for line in lines:
        LOGGER.info("%s", printable(line))


def say_detail(*lines: str) -> None:
    """Tell what few will want to know: the log file has it, the terminal where ``--verbose`` asks for it."""
    for line in lines:
        LOGGER.debug("%s", printable(line))


def warn(line: str) -> None:
    """Tell the user something that they should look at."""
    LOGGER.warning("note: %s", printable(line))


@contextmanager
def logging_to_terminal(*, verbose: bool = False) -> Iterator[None]:
    """Show what is said on the standard output, with all details or without."""
    level = logging.DEBUG if verbose else logging.INFO
    with _handled_by(_Lines(sys.stdout, "the standard output"), "%(message)s", level):
        yield


@contextmanager
def silent() -> Iterator[None]:
    """Say nothing: one of several processes speaks for all."""
    with _handled_by(logging.NullHandler(), ""):
        yield


@contextmanager
def muted() -> Iterator[None]:
    """Say nothing at all, whoever listens: of a training that is one of many and whose result alone counts."""
    before = LOGGER.level
    LOGGER.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        LOGGER.setLevel(before)


@contextmanager
def only_notes() -> Iterator[None]:
    """Say nothing but what the user should look at: of a training that is one of many."""
    before = LOGGER.level
    LOGGER.setLevel(logging.WARNING)
    try:
        yield
    finally:
        LOGGER.setLevel(before)


@contextmanager
def logging_to_file(path: Path) -> Iterator[None]:
    """Append what is said to a file, all details too, with the time; a link in its place goes, not its goal."""
    if path.is_symlink():
        path.unlink()
    stream = path.open("a", encoding="utf-8")
    try:
        with _handled_by(_Lines(stream, str(path)), "%(asctime)s %(message)s"):
            yield
    finally:
        with suppress(OSError):  # of what was already said to be lost
            stream.close()


class _Lines(logging.StreamHandler[TextIO]):
    """Writes lines to a stream; one that takes no more is no reason to end a run, since its lines are no results.

    Parameters
    ----------
    stream
        Where to.
    name
        What it is called where it takes no more.
    """

    def __init__(self, stream: TextIO, name: str) -> None:
        super().__init__(stream)
        self.called = name
        self.is_broken = False

    def handleError(self, record: logging.LogRecord) -> None:
        """Say once, to whoever else listens, that lines are lost; a reader that went away knows it."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
        elif not self.is_broken:
            self.is_broken = True
            if error.errno != errno.EPIPE:
                warn(f"{self.called} cannot be written ({error.strerror}); the run continues")


@contextmanager
def _handled_by(handler: logging.Handler, form: str, level: int = logging.DEBUG) -> Iterator[None]:
    handler.setFormatter(logging.Formatter(form, datefmt="%Y-%m-%d %H:%M:%S"))
    handler.setLevel(level)
    before = LOGGER.level
    LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        LOGGER.removeHandler(handler)
        LOGGER.setLevel(before)
        handler.close()
