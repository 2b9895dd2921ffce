"""The processes of a run: rank, size and collective operations.

A run is one process, or several of which each has a device and computes its share of every batch. What they have to
agree on goes through the functions here; in a run of one process they do nothing. The process of rank 0 is the first:
it alone writes files and speaks.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from aam.config.distributed import LAUNCHED, DistributedOptions
from aam.errors import AamError, ConfigError, ReportedByAnotherRank, RunError, Signalled
from aam.training.distributed.rank_info import RankInfo, find_rank_info

Result = TypeVar("Result")
LOST = (
    "connection closed by peer",
    "connection reset by peer",
    "broken pipe",
    "timed out",
    "timeout",
    "nccl error",
    "nccl communicator was aborted",
    "connect() timeout",
    "failed to recv",
    "connection refused",
    "software caused connection abort",
)
"""Words in which gloo and NCCL report that another process does not answer."""
NO_INTERFACE = "Unable to find address for"
"""Words in which gloo reports that there is no network of the name that it was given."""
LAST_PORT = 65535
TO_END = 10
"""Seconds beyond twice the time-out, which torch takes once to connect and once to wait for all, to end by itself."""


def rank() -> int:
    """The number of this process, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def world_size() -> int:
    """The number of processes."""
    return dist.get_world_size() if dist.is_initialized() else 1


def local_size(options: DistributedOptions) -> int:
    """The number of processes of this machine, which share its memory."""
    rank_info = find_rank_info(options) if world_size() > 1 else None
    return world_size() if rank_info is None else rank_info.local_size


def is_first() -> bool:
    """Whether this is the process that writes files and logs."""
    return rank() == 0


@contextmanager
def process_group(
    rank_info: RankInfo | None, options: DistributedOptions, device: str, remedy: Callable[[], str]
) -> Iterator[None]:
    """Connect to the other processes of the run, if any.

    Tensors of a GPU go through NCCL; what is on the host, through gloo.

    Parameters
    ----------
    rank_info
        Of this process among the others.
    options
        How long to wait for each other.
    device
        Where to compute: ``auto``, ``cpu`` or ``cuda``.
    remedy
        What to do where another process is lost.

    Raises
    ------
    ConfigError
        If the GPUs that this process sees are fewer than the processes of this machine, or the address, the port or
        the network where to meet cannot be one.
    RunError
        If the others do not come; and in the end, if one of them died or is not responding.
    """
    if rank_info is None:
        yield
        return
    if LAUNCHED in os.environ:
        threading.Thread(target=_end_with_parent, daemon=True).start()
    backend = "gloo"
    if device != "cpu" and torch.cuda.is_available():
        check_gpus(torch.cuda.device_count(), rank_info)
        torch.cuda.set_device(rank_info.local_rank)
        backend = "cpu:gloo,cuda:nccl"
    _meet(rank_info, backend, options.distributed_timeout)
    try:
        yield
    except Signalled as signalled:
        _end_undisturbed()
        if rank_info.rank and LAUNCHED not in os.environ:
            raise ReportedByAnotherRank(signalled.preempted("").exit_code) from None
        raise
    except Exception as error:
        # After an error the others may not come: the process ends, and with it the connection.
        _end_undisturbed()
        if not is_lost_process(error):
            raise
        if LAUNCHED in os.environ or rank_info.local_rank > 1:
            # Whoever started the processes says it, or the first two of a machine: one of them may be the lost one.
            raise ReportedByAnotherRank(RunError.exit_code) from error
        raise RunError(f"another process of the run died or is not responding; {remedy()}") from error
    dist.destroy_process_group()


def check_gpus(visible: int, rank_info: RankInfo) -> None:
    """Refuse fewer GPUs than processes: each takes the GPU of its number on the machine."""
    if visible < rank_info.local_size:
        raise ConfigError(
            f"{rank_info.local_size} processes run on this machine, but this one sees only {visible} of its GPUs: "
            "each needs one, visible to all (in SLURM --gpus-per-node, not --gpus-per-task), or --device cpu"
        )


def _meet(rank_info: RankInfo, backend: str, seconds: int) -> None:
    _check_address(rank_info)
    host = f"[{rank_info.address}]" if ":" in rank_info.address else rank_info.address
    meet = partial(
        dist.init_process_group,
        backend,
        init_method=f"tcp://{host}:{rank_info.port}",
        rank=rank_info.rank,
        world_size=rank_info.world_size,
        timeout=timedelta(seconds=seconds),
    )
    try:
        _within(2 * seconds + TO_END, meet)
    except RuntimeError as error:  # torch's DistError is one; gloo's own are plain
        if NO_INTERFACE in str(error):
            raise ConfigError(
                f"GLOO_SOCKET_IFNAME {os.environ.get('GLOO_SOCKET_IFNAME')}: this machine has no such network "
                "(`ip addr` lists them); name another, or leave it out"
            ) from error
        lines = str(error).strip().splitlines() or ["no answer"]
        raise RunError(
            f"process {rank_info.rank} of {rank_info.world_size} could not connect to the other processes "
            f"at {host}:{rank_info.port} within "
            f"{seconds} s ({lines[0]}); start all of them, with a free MASTER_PORT, or raise --distributed-timeout"
        ) from error


def _check_address(rank_info: RankInfo) -> None:
    """Refuse an impossible address or port, which torch would retry until the timeout."""
    if not 1 <= rank_info.port <= LAST_PORT:
        raise ConfigError(
            f"MASTER_PORT {rank_info.port} is not a valid port: take a free one between 1024 and {LAST_PORT}"
        )
    try:
        socket.getaddrinfo(rank_info.address or " ", rank_info.port)
    except (socket.gaierror, UnicodeError) as error:
        if isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN:
            return  # no name server answered: torch asks again
        raise ConfigError(
            f"MASTER_ADDR '{rank_info.address}' cannot be resolved from this machine: give the name by which all "
            "machines know it, or the IP address, of the machine of process 0"
        ) from error


def _within(seconds: float, act: Callable[[], None]) -> None:
    """Do what may never come to an end: torch waits without a limit for whoever has taken the port and says nothing."""
    failures: list[BaseException] = []

    def attempt() -> None:
        try:
            act()
        except BaseException as error:  # noqa: BLE001 - raised where it was asked for
            failures.append(error)

    worker = threading.Thread(target=attempt, daemon=True)
    worker.start()
    worker.join(seconds)
    if worker.is_alive():
        raise dist.DistNetworkError("no answer")
    if failures:
        raise failures[0]


def _end_undisturbed() -> None:
    """Protect an orderly end: launchers stop the others as soon as the first process has ended."""
    for number in (signal.SIGTERM, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)


def _end_with_parent() -> None:
    """End with the process that started this one; its end of the pipe is closed then, whatever ended it."""
    os.read(sys.stdin.fileno(), 1)
    os.kill(os.getpid(), signal.SIGKILL)


def decided_by_rank_0(decide: Callable[[], Result]) -> Result:
    """What the first process finds, or the error that it meets, for all of them.

    Whatever depends on the machine (free memory, files) could differ between the processes.
    """
    if world_size() == 1:
        return decide()
    found: list[Any] = [None, None]
    if is_first():
        try:
            found[0] = decide()
        except AamError as error:
            found[1] = error
    sent = [found[0], None if found[1] is None else found[1].exit_code]
    dist.broadcast_object_list(sent)
    if found[1] is not None:
        raise found[1]
    if sent[1] is not None:
        raise ReportedByAnotherRank(sent[1])
    result: Result = sent[0]
    return result


@contextmanager
def all_or_none() -> Iterator[None]:
    """End all processes when one meets a user error; the first to meet it reports it.

    Inside, the processes must not wait for each other.
    """
    error: AamError | None = None
    try:
        yield
    except AamError as found:
        error = found
    if world_size() == 1:
        if error is not None:
            raise error
        return
    codes: list[int | None] = [None] * world_size()
    dist.all_gather_object(codes, None if error is None else error.exit_code)
    failed = [process for process, code in enumerate(codes) if code is not None]
    if not failed:
        return
    if error is not None and failed[0] == rank():
        raise error
    raise ReportedByAnotherRank(codes[failed[0]] or 1) from error


def sum_over_processes(values: Tensor) -> Tensor:
    """The sums over all processes, for each of them."""
    if world_size() > 1:
        dist.all_reduce(values)
    return values


def gather_over_processes(rows: Tensor) -> Tensor:
    """The rows (on the CPU) of all processes, one below the other in the order of their ranks, for each of them."""
    if world_size() == 1:
        return rows
    numbers = [torch.tensor(0) for _ in range(world_size())]
    dist.all_gather(numbers, torch.tensor(len(rows)))
    padded = rows.new_zeros(int(max(numbers)), *rows.shape[1:])
    padded[: len(rows)] = rows
    blocks = [torch.empty_like(padded) for _ in numbers]
    dist.all_gather(blocks, padded)
    return torch.cat([block[: int(number)] for block, number in zip(blocks, numbers, strict=True)])


def min_over_processes(values: Tensor) -> Tensor:
    """The smallest values of all processes, for each of them."""
    if world_size() > 1:
        dist.all_reduce(values, dist.ReduceOp.MIN)
    return values


def max_over_processes(number: int) -> int:
    """The largest number that any process has, for each of them."""
    if world_size() == 1:
        return number
    numbers = torch.tensor(number)
    dist.all_reduce(numbers, dist.ReduceOp.MAX)
    return int(numbers)


def is_lost_process(error: BaseException) -> bool:
    """Whether an error means that another process died or is not responding."""
    if isinstance(error, AamError) or world_size() == 1:
        return False
    words = str(error).lower()
    return isinstance(error, dist.DistError) or (isinstance(error, RuntimeError) and any(w in words for w in LOST))
