"""The terminal: text from files (ids, columns, classes, paths) is shown literally; runs log to it and to their file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from aam.config import PretrainConfig, TrainConfig
from aam.log import logging_to_file, logging_to_terminal, say, silent
from aam.runs.directory import RunDirectory
from aam.text import printable
from aam.training.distributed.rank_info import find_rank_info


@contextmanager
def run_log(config: PretrainConfig | TrainConfig) -> Iterator[None]:
    """Show what is said, unless another process of the run does."""
    with logging_to_terminal() if _speaks(config) else silent():
        yield


def say_next(config: PretrainConfig | TrainConfig, run: Path, *lines: str) -> None:
    """Say what to type next, in the run's log as well."""
    if _speaks(config):
        with logging_to_file(RunDirectory(run).log):
            say("", *lines)


def _speaks(config: PretrainConfig | TrainConfig) -> bool:
    rank_info = find_rank_info(config.distributed)
    return rank_info is None or rank_info.rank == 0


class Terminal(Console):
    """The standard output without markup and emoji codes, and without escape sequences of anyone but rich itself.

    A sample may be named ``[/b]`` or ``:bug:``; and an escape sequence could colour, hide or retype what is shown.
    """

    def __init__(self) -> None:
        super().__init__(highlight=False, soft_wrap=True, markup=False, emoji=False)

    def render_str(self, text: str, **options: Any) -> Text:
        """A text as rich shows it; every string that is printed, in a table too, comes through here."""
        return super().render_str(printable(text), **options)
