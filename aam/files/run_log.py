"""What a run says: to the terminal, and to its own log file."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aam.files.text import printable

LOGGER = logging.getLogger("aam")


def say(*lines: str) -> None:
    """Tell the user something, a line at a time."""
    for line in lines:
        LOGGER.info("%s", printable(line))


def warn(line: str) -> None:
    """Tell the user something that they should look at."""
    LOGGER.warning("note: %s", printable(line))


@contextmanager
def logging_to_terminal() -> Iterator[None]:
    """Show what is said on the standard output."""
    with _handled_by(logging.StreamHandler(sys.stdout), "%(message)s"):
        yield


@contextmanager
def silent() -> Iterator[None]:
    """Say nothing: one of several processes speaks for all."""
    with _handled_by(logging.NullHandler(), ""):
        yield


@contextmanager
def logging_to_file(path: Path) -> Iterator[None]:
    """Append what is said to a file, with the time; a link in its place goes, and not what it leads to."""
    if path.is_symlink():
        path.unlink()
    with _handled_by(logging.FileHandler(path, encoding="utf-8"), "%(asctime)s %(message)s"):
        yield


@contextmanager
def _handled_by(handler: logging.Handler, form: str) -> Iterator[None]:
    handler.setFormatter(logging.Formatter(form, datefmt="%Y-%m-%d %H:%M:%S"))
    before = LOGGER.level
    LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.INFO)
    try:
        yield
    finally:
        LOGGER.removeHandler(handler)
        LOGGER.setLevel(before)
        handler.close()
