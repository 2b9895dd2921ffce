"""Rank of a process in its run, as set by the launcher: torchrun, SLURM, or `aam` itself."""

from __future__ import annotations

import os
from typing import NamedTuple

from aam.config.distributed import LAUNCHED, DistributedOptions
from aam.errors import ConfigError

OF_SRUN = ("SLURM_STEP_ID", "SLURM_STEPID", "SLURM_STEP_NUM_TASKS")
"""Variables that srun sets for its tasks, and sbatch does not for its script."""

FIRST_PORT = 15000
"""Of the ports where the processes of a SLURM job meet: the end of its number is added, so that jobs do not collide."""


class RankInfo(NamedTuple):
    """The rank of a process, and where it meets the others.

    Attributes
    ----------
    rank, world_size
        Its number among all processes, from 0, and how many there are.
    local_rank, local_size
        The same on its machine.
    node, nodes
        Its machine's number, and how many machines there are.
    address, port
        Where the processes meet.
    """

    rank: int
    world_size: int
    local_rank: int
    local_size: int
    node: int
    nodes: int
    address: str
    port: int


def find_rank_info(options: DistributedOptions) -> RankInfo | None:
    """The rank of this process; None where it is alone.

    Raises
    ------
    ConfigError
        If ``--distributed`` is given and no launcher has started this process, or the launcher started other numbers
        of processes than the options say.
    """
    if LAUNCHED not in os.environ and not options.distributed:
        return None
    if "RANK" in os.environ and "WORLD_SIZE" in os.environ:
        rank_info = _of_torchrun()
    elif "SLURM_PROCID" in os.environ:
        rank_info = _of_slurm()
    else:
        raise ConfigError(
            "--distributed needs a launcher that starts the processes: torchrun or srun; "
            "on one machine, --devices N starts them itself"
        )
    _check(options, rank_info)
    return rank_info


def _number(name: str, default: int | None = None) -> int:
    """A number that the launcher sets in an environment variable."""
    text = os.environ.get(name) or ("" if default is None else str(default))
    if not text.isdecimal():
        where = f"--distributed: the environment variable {name} is"
        raise ConfigError(f"{where} {text}, not an integer" if text else f"{where} not set; torchrun sets it")
    return int(text)


def _of_torchrun() -> RankInfo:
    rank, size = _number("RANK"), _number("WORLD_SIZE")
    local_rank, local_size = _number("LOCAL_RANK", rank), _number("LOCAL_WORLD_SIZE", size)
    for name, number, most in (("RANK", rank, size), ("LOCAL_RANK", local_rank, local_size)):
        if number >= most:
            raise ConfigError(f"--distributed: {name} is {number} of {most} processes, which count from 0")
    return RankInfo(
        rank=rank,
        world_size=size,
        local_rank=local_rank,
        local_size=local_size,
        node=_number("GROUP_RANK", 0),
        nodes=size // local_size,
        address=os.environ.get("MASTER_ADDR", "127.0.0.1"),
        port=_number("MASTER_PORT"),
    )


def _of_slurm() -> RankInfo:
    from lightning.fabric.plugins.environments.slurm import SLURMEnvironment  # seconds to load

    if not any(name in os.environ for name in OF_SRUN):
        raise ConfigError("--distributed in a batch script: `srun aam ...` starts the processes, sbatch only one")
    # The step's own numbers, where srun has them: it may be smaller than the job.
    size = int(os.environ.get("SLURM_STEP_NUM_TASKS") or os.environ.get("SLURM_NTASKS", "1"))
    nodes = int(os.environ.get("SLURM_STEP_NUM_NODES") or os.environ.get("SLURM_NNODES", "1"))
    if size % nodes or "," in os.environ.get("SLURM_STEP_TASKS_PER_NODE", ""):
        raise ConfigError(f"SLURM spreads {size} tasks over {nodes} machines: ask for --ntasks-per-node, equal on all")
    machines = os.environ.get("SLURM_STEP_NODELIST") or os.environ.get("SLURM_NODELIST", "127.0.0.1")
    return RankInfo(
        rank=int(os.environ["SLURM_PROCID"]),
        world_size=size,
        local_rank=int(os.environ["SLURM_LOCALID"]),
        local_size=size // nodes,
        node=int(os.environ.get("SLURM_NODEID", 0)),
        nodes=nodes,
        address=os.environ.get("MASTER_ADDR") or SLURMEnvironment.resolve_root_node_address(machines),
        port=_number("MASTER_PORT", FIRST_PORT + int(os.environ.get("SLURM_JOB_ID", "0")[-4:])),
    )


def _check(options: DistributedOptions, rank_info: RankInfo) -> None:
    """Refuse numbers that the launcher contradicts."""
    devices = options.devices
    if options.distributed and devices not in (1, "all", rank_info.local_size):
        raise ConfigError(
            f"--devices {devices}, but the launcher started {rank_info.local_size} on this machine: leave --devices out"
        )
    if options.num_nodes not in (1, rank_info.nodes):
        raise ConfigError(
            f"--num-nodes {options.num_nodes}, but the launcher started {rank_info.nodes}: leave --num-nodes out"
        )


def num_gpus() -> int:
    """The GPUs that this process sees."""
    import torch  # seconds to load: only where several devices are asked for

    return torch.cuda.device_count()
