"""What processes of a run say where they cannot meet, or lose each other."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch.distributed as dist

from aam.config.distributed import DistributedOptions
from aam.errors import ConfigError, RunError
from aam.training.distributed import collectives as processes
from aam.training.distributed.collectives import is_lost_process, local_size, process_group, world_size
from aam.training.distributed.rank_info import RankInfo, find_rank_info
from tests.processes import in_processes

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


def meet(port: int, rank: int = 0, number: int = 2) -> None:
    with process_group(RankInfo(rank, number, rank, number, 0, 1, "127.0.0.1", port), SOON, "cpu", lambda: "go on"):
        pass


@pytest.mark.parametrize("is_taken", [False, True])
def test_processes_that_do_not_come(is_taken: bool) -> None:
    with some_port(is_taken=is_taken) as port, pytest.raises(RunError) as refused:
        meet(port)
    said = str(refused.value)
    assert said.startswith(f"process 0 of 2 could not connect to the other processes at 127.0.0.1:{port} within 1 s (")
    assert said.endswith("start all of them, with a free MASTER_PORT, or raise --distributed-timeout")
    assert not dist.is_initialized()


def test_a_port_whose_owner_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes the connection, and torch would wait for its answer without a limit."""
    monkeypatch.setattr(processes, "TO_END", 0)
    with some_port(is_taken=True) as port, pytest.raises(RunError, match=r"process 1 of 2 .* within 1 s \(no answer\)"):
        meet(port, rank=1)


@pytest.mark.parametrize(
    ("address", "port", "said"),
    [
        ("no such machine", 29500, "MASTER_ADDR 'no such machine' cannot be resolved from this machine"),
        ("", 29500, "MASTER_ADDR '' cannot be resolved"),
        ("node..1", 29500, "MASTER_ADDR 'node..1' cannot be resolved"),
        ("127.0.0.1", 0, "MASTER_PORT 0 is not a valid port"),
        ("127.0.0.1", 65536, "MASTER_PORT 65536 is not a valid port: take a free one between 1024 and 65535"),
    ],
)
def test_where_nobody_can_meet_is_refused_at_once(address: str, port: int, said: str) -> None:
    patient = DistributedOptions(distributed=True, distributed_timeout=600)
    rank_info = RankInfo(1, 2, 1, 2, 0, 1, address, port)
    with pytest.raises(ConfigError) as refused, process_group(rank_info, patient, "cpu", lambda: "go on"):
        pass
    assert str(refused.value).startswith(said)


def test_a_network_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "absent0")
    with (
        some_port(is_taken=False) as port,
        pytest.raises(ConfigError, match="GLOO_SOCKET_IFNAME absent0: this machine"),
    ):
        meet(port, number=1)
    assert not dist.is_initialized()


def meet_as_two_machines() -> None:
    os.environ.update(LOCAL_RANK="0", LOCAL_WORLD_SIZE="1", GROUP_RANK=os.environ["RANK"])
    options = DistributedOptions(distributed=True)
    with process_group(find_rank_info(options), options, "cpu", str):
        assert (world_size(), local_size(options)) == (2, 1)


def test_the_processes_of_this_machine_alone_share_its_memory() -> None:
    assert local_size(DistributedOptions()) == 1
    assert in_processes(2, meet_as_two_machines) == [0, 0]


def test_a_process_alone_loses_nobody() -> None:
    assert not is_lost_process(RuntimeError("Connection closed by peer"))
