"""How Lightning runs: quietly, and on one process, on several as copies (DDP), or sharded (FSDP2)."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from lightning.fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.pytorch.plugins.io import CheckpointIO
from lightning.pytorch.strategies import DDPStrategy, Strategy

from aam.config.distributed import DistributedOptions
from aam.training.checkpoints.sharded_checkpoint import ShardedCheckpoints, WholeCheckpoints
from aam.training.distributed.collectives import world_size
from aam.training.distributed.rank_info import RankInfo, find_rank_info


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the engine's advertisements and hints, which are about choices made here on purpose, from the user."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"lightning\..*")
            warnings.filterwarnings("ignore", message="FSDP2-wrapped module .* returned a view tensor")
            yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


class RankEnvironment(ClusterEnvironment):
    """Tells the engine where this process stands.

    Parameters
    ----------
    rank_info
        Of this process.
    """

    def __init__(self, rank_info: RankInfo) -> None:
        self.rank_info = rank_info

    @property
    def creates_processes_externally(self) -> bool:
        """The launcher does."""
        return True

    @property
    def main_address(self) -> str:
        """Where the processes meet."""
        return self.rank_info.address

    @property
    def main_port(self) -> int:
        """The port of that."""
        return self.rank_info.port

    @staticmethod
    def detect() -> bool:
        """Never by itself."""
        return False

    def world_size(self) -> int:
        """Number of processes."""
        return self.rank_info.world_size

    def set_world_size(self, size: int) -> None:
        """Nothing: the launcher has set it."""

    def global_rank(self) -> int:
        """Number of this process."""
        return self.rank_info.rank

    def set_global_rank(self, rank: int) -> None:
        """Nothing: the launcher has set it."""

    def local_rank(self) -> int:
        """Number of this process on its machine."""
        return self.rank_info.local_rank

    def node_rank(self) -> int:
        """Number of this machine."""
        return self.rank_info.node


def strategy_options(options: DistributedOptions, checkpoints: CheckpointIO) -> dict[str, Any]:
    """The arguments of the Trainer that say on how many devices it runs, and how.

    Parameters
    ----------
    options
        What is asked for.
    checkpoints
        Writes and reads checkpoints.
    """
    rank_info = find_rank_info(options) if world_size() > 1 or options.distributed else None
    if rank_info is None:
        # One process, whatever number of tasks a scheduler's variables speak of.
        return {"devices": 1, "plugins": [checkpoints, LightningEnvironment()]}
    return {
        "devices": rank_info.local_size,
        "num_nodes": rank_info.nodes,
        "strategy": _strategy(options, rank_info),
        "plugins": [checkpoints, RankEnvironment(rank_info)],
    }


def _strategy(options: DistributedOptions, rank_info: RankInfo) -> Strategy:
    timeout = timedelta(seconds=options.distributed_timeout)
    if options.fsdp:
        kind = ShardedCheckpoints if options.fsdp_sharded_checkpoint else WholeCheckpoints
        return kind(rank_info.world_size, 1, save_distributed_checkpoint=False, timeout=timeout)
    # What does not learn yet (gradual unfreezing) has no gradient; buffers are facts that never change.
    return DDPStrategy(
        find_unused_parameters=True, broadcast_buffers=False, gradient_as_bucket_view=True, timeout=timeout
    )
