"""The processes of a run: which one this is, and what they tell each other.

A run is one process, or several of which each has a device and computes its share of every batch. What they have to
agree on goes through the functions here; in a run of one process they do nothing. The process of rank 0 is the first:
it alone writes files and speaks.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from aam.config.distributed import LAUNCHED, DistributedOptions
from aam.errors import AamError, ToldByAnother

if TYPE_CHECKING:
    from aam.training.place import Place

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


def rank() -> int:
    """The number of this process, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def world_size() -> int:
    """The number of processes."""
    return dist.get_world_size() if dist.is_initialized() else 1


def is_first() -> bool:
    """Whether this is the process that writes and speaks."""
    return rank() == 0


@contextmanager
def joined(place: Place | None, options: DistributedOptions) -> Iterator[None]:
    """Meet the other processes of the run; nothing to do where there are none.

    Tensors of a GPU go through NCCL; what is on the host, through gloo.

    Parameters
    ----------
    place
        Of this process among the others.
    options
        How long to wait for each other.
    """
    if place is None:
        yield
        return
    if LAUNCHED in os.environ:
        threading.Thread(target=_end_with_parent, daemon=True).start()
    backend = "gloo"
    if torch.cuda.is_available():
        torch.cuda.set_device(place.local_rank)
        backend = "cpu:gloo,cuda:nccl"
    dist.init_process_group(
        backend,
        init_method=f"tcp://{place.address}:{place.port}",
        rank=place.rank,
        world_size=place.world_size,
        timeout=timedelta(seconds=options.distributed_timeout),
    )
    yield
    # After an error the others may not come: the process ends, and with it the connection.
    dist.destroy_process_group()


def _end_with_parent() -> None:
    """End with the process that started this one; its end of the pipe is closed then, whatever ended it."""
    os.read(sys.stdin.fileno(), 1)
    os.kill(os.getpid(), signal.SIGKILL)


def first_decides(decide: Callable[[], Result]) -> Result:
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
        raise ToldByAnother(sent[1])
    result: Result = sent[0]
    return result


@contextmanager
def all_or_none() -> Iterator[None]:
    """End all processes where one meets an error of the user's; the first that does says it.

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
    raise ToldByAnother(codes[failed[0]] or 1) from error


def sum_over_processes(values: Tensor) -> Tensor:
    """The sums over all processes, for each of them."""
    if world_size() > 1:
        dist.all_reduce(values)
    return values


def least_over_processes(values: Tensor) -> Tensor:
    """The smallest values of all processes, for each of them."""
    if world_size() > 1:
        dist.all_reduce(values, dist.ReduceOp.MIN)
    return values


def largest_over_processes(number: int) -> int:
    """The largest number that any process has, for each of them."""
    if world_size() == 1:
        return number
    numbers = torch.tensor(number)
    dist.all_reduce(numbers, dist.ReduceOp.MAX)
    return int(numbers)


def is_lost_process(error: BaseException) -> bool:
    """Whether an error says that another process is gone or does not answer."""
    if isinstance(error, AamError) or world_size() == 1:
        return False
    words = str(error).lower()
    return isinstance(error, dist.DistError) or (isinstance(error, RuntimeError) and any(w in words for w in LOST))
