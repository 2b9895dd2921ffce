"""Where a training run logs: to the standard output of its first process, and to the log file of its directory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aam.config import PretrainConfig, TrainConfig
from aam.log import logging_to_file, logging_to_terminal, say, silent
from aam.runs.directory import RunDirectory
from aam.training.distributed.rank_info import find_rank_info


@contextmanager
def run_log(config: PretrainConfig | TrainConfig) -> Iterator[None]:
    """Show what is said, unless another process of the run does."""
    with logging_to_terminal(verbose=config.run.verbose) if _speaks(config) else silent():
        yield


def say_next(config: PretrainConfig | TrainConfig, run: Path, *lines: str) -> None:
    """Say what to type next, in the run's log as well."""
    if _speaks(config):
        with logging_to_file(RunDirectory(run).log):
            say("", *lines)


def _speaks(config: PretrainConfig | TrainConfig) -> bool:
    rank_info = find_rank_info(config.distributed)
    return rank_info is None or rank_info.rank == 0
