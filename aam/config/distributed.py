"""How many processes a run has, how they are started, and how the model is spread over them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from aam.config.option import Section, option
from aam.errors import ConfigError

LAUNCHED = "AAM_LAUNCHED"
"""Environment variable that tells a process that `aam` itself has started it as one of several."""

FOLLOWED = 79
"""Exit code of such a process that ends because another did, and has nothing to add."""


@dataclass(frozen=True, kw_only=True)
class DistributedOptions(Section):
    """Processes: number of devices. Batch sizes are totals over all devices."""

    devices: int | Literal["all"] = option(
        1,
        "Devices of this machine that share each batch: GPUs, or processes on a CPU; 'all' uses every GPU.",
        at_least=1,
    )
    num_nodes: int = option(1, "Number of machines; more than one needs a launcher (--distributed).", at_least=1)
    distributed: bool = option(False, "Run as one of the processes started by torchrun or srun.")
    data_parallel: bool = option(False, "Same as --devices all.")
    fsdp: bool = option(
        False,
        "Shard weights, gradients and optimiser state over the processes (FSDP2), for models too large for one GPU; "
        "default: DDP.",
    )
    fsdp_sharded_checkpoint: bool = option(False, "Each process writes its own shard of a checkpoint.")
    distributed_timeout: int = option(600, "Seconds to wait for another process.", at_least=1)

    def check(self) -> None:
        """Refuse combinations that contradict each other."""
        if self.data_parallel and self.distributed:
            raise ConfigError("--data-parallel starts its own processes: leave out --distributed, or --data-parallel")
        if self.data_parallel and self.devices not in (1, "all"):
            raise ConfigError(f"--data-parallel means --devices all: leave it or --devices {self.devices} out")
        if self.num_nodes > 1 and not self.distributed:
            raise ConfigError(
                f"--num-nodes {self.num_nodes} needs a launcher on each machine and --distributed (docs/cluster.md)"
            )
        if self.fsdp and not self.is_asked_for:
            raise ConfigError("--fsdp shards a model over several processes: give --devices N, or --distributed")
        if self.fsdp_sharded_checkpoint and not self.fsdp:
            raise ConfigError("--fsdp-sharded-checkpoint needs --fsdp")

    @property
    def wanted(self) -> int | Literal["all"]:
        """The devices of this machine that are asked for, by either name."""
        return "all" if self.data_parallel else self.devices

    @property
    def is_asked_for(self) -> bool:
        """Whether a run may have several processes."""
        return self.distributed or self.wanted != 1
