"""How the engine spreads a run over processes: not at all, as copies (DDP), or sharded (FSDP2)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from lightning.fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.pytorch.plugins.io import CheckpointIO
from lightning.pytorch.strategies import DDPStrategy, Strategy

from aam.config.distributed import DistributedOptions
from aam.training.distributed.place import Place, find_place
from aam.training.distributed.processes import world_size
from aam.training.distributed.sharded_checkpoint import ShardedCheckpoints, WholeCheckpoints


class PlacedEnvironment(ClusterEnvironment):
    """Tells the engine where this process stands.

    Parameters
    ----------
    place
        The place.
    """

    def __init__(self, place: Place) -> None:
        self.place = place

    @property
    def creates_processes_externally(self) -> bool:
        """The launcher does."""
        return True

    @property
    def main_address(self) -> str:
        """Where the processes meet."""
        return self.place.address

    @property
    def main_port(self) -> int:
        """The port of that."""
        return self.place.port

    @staticmethod
    def detect() -> bool:
        """Never by itself."""
        return False

    def world_size(self) -> int:
        """Number of processes."""
        return self.place.world_size

    def set_world_size(self, size: int) -> None:
        """Nothing: the launcher has set it."""

    def global_rank(self) -> int:
        """Number of this process."""
        return self.place.rank

    def set_global_rank(self, rank: int) -> None:
        """Nothing: the launcher has set it."""

    def local_rank(self) -> int:
        """Number of this process on its machine."""
        return self.place.local_rank

    def node_rank(self) -> int:
        """Number of this machine."""
        return self.place.node


def engine_of(options: DistributedOptions, checkpoints: CheckpointIO) -> dict[str, Any]:
    """The arguments of the Trainer that say on how many devices it runs, and how.

    Parameters
    ----------
    options
        What is asked for.
    checkpoints
        Writes and reads checkpoints.
    """
    place = find_place(options) if world_size() > 1 or options.distributed else None
    if place is None:
        # One process, whatever number of tasks a scheduler's variables speak of.
        return {"devices": 1, "plugins": [checkpoints, LightningEnvironment()]}
    return {
        "devices": place.local_size,
        "num_nodes": place.nodes,
        "strategy": _strategy(options, place),
        "plugins": [checkpoints, PlacedEnvironment(place)],
    }


def _strategy(options: DistributedOptions, place: Place) -> Strategy:
    timeout = timedelta(seconds=options.distributed_timeout)
    if options.fsdp:
        kind = ShardedCheckpoints if options.fsdp_sharded_checkpoint else WholeCheckpoints
        return kind(place.world_size, 1, save_distributed_checkpoint=False, timeout=timeout)
    # What does not learn yet (gradual unfreezing) has no gradient; buffers are facts that never change.
    return DDPStrategy(
        find_unused_parameters=True, broadcast_buffers=False, gradient_as_bucket_view=True, timeout=timeout
    )
