"""What processes of a run say where they cannot meet, or lose each other."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch.distributed as dist

from aam.config.distributed import DistributedOptions
from aam.errors import RunError
from aam.training.place import Place
from aam.training.processes import is_lost_process, joined

SOON = DistributedOptions(distributed=True, distributed_timeout=1)


@contextmanager
def some_port(*, is_taken: bool) -> Iterator[int]:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = int(found.getsockname()[1])
        if is_taken:
            found.listen()
            yield port
    if not is_taken:
        yield port


def meet(port: int) -> None:
    with joined(Place(0, 2, 0, 2, 0, 1, "127.0.0.1", port), SOON, "cpu", lambda: "go on"):
        pass


@pytest.mark.parametrize("is_taken", [False, True])
def test_processes_that_do_not_come(is_taken: bool) -> None:
    with some_port(is_taken=is_taken) as port, pytest.raises(RunError) as refused:
        meet(port)
    said = str(refused.value)
    assert said.startswith(f"process 0 of 2 could not meet the others at 127.0.0.1:{port} within 1 s (")
    assert said.endswith("start all of them, with a free MASTER_PORT, or raise --distributed-timeout")
    assert not dist.is_initialized()


def test_a_process_alone_loses_nobody() -> None:
    assert not is_lost_process(RuntimeError("Connection closed by peer"))
