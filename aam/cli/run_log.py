"""Where a run of training says what it does: on the standard output of the first of its processes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from aam.config import PretrainConfig, TrainConfig
from aam.log import logging_to_terminal, silent
from aam.training.distributed.rank_info import find_rank_info


@contextmanager
def run_log(config: PretrainConfig | TrainConfig) -> Iterator[None]:
    """Show what is said, unless another process of the run does."""
    rank_info = find_rank_info(config.distributed)
    with logging_to_terminal() if rank_info is None or rank_info.rank == 0 else silent():
        yield
