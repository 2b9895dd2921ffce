"""Where a process stands among the others, by what torchrun and SLURM tell it."""

from __future__ import annotations

import pytest

from aam.config.distributed import LAUNCHED, DistributedOptions
from aam.errors import ConfigError
from aam.training.distributed.collectives import check_gpus
from aam.training.distributed.rank_info import RankInfo, find_rank_info

SAID = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "GROUP_RANK", "MASTER_ADDR", "MASTER_PORT", LAUNCHED)
BY_LAUNCHER = DistributedOptions(distributed=True)
# The last of eight tasks on four machines.
SLURM = {
    "SLURM_JOB_ID": "1234567",
    "SLURM_STEP_ID": "0",
    "SLURM_PROCID": "7",
    "SLURM_LOCALID": "1",
    "SLURM_NODEID": "3",
    "SLURM_NTASKS": "8",
    "SLURM_STEP_NUM_TASKS": "8",
    "SLURM_NNODES": "4",
    "SLURM_STEP_NUM_NODES": "4",
    "SLURM_NODELIST": "node[03-05],login1",
    "SLURM_STEP_TASKS_PER_NODE": "2(x4)",
}


@pytest.fixture(autouse=True)
def _no_launcher(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*SAID, *SLURM, "SLURM_STEP_NODELIST", "SLURM_STEPID"):
        monkeypatch.delenv(name, raising=False)


def tell(monkeypatch: pytest.MonkeyPatch, said: dict[str, str]) -> None:
    for name, value in said.items():
        monkeypatch.setenv(name, value)


def test_a_process_alone_has_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    tell(monkeypatch, SLURM)  # a job of one process among a scheduler's variables
    assert find_rank_info(DistributedOptions()) is None


def test_the_words_of_torchrun(monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "4", "GROUP_RANK": "1"}
    tell(monkeypatch, {**said, "MASTER_ADDR": "node03", "MASTER_PORT": "29500", **SLURM})
    assert find_rank_info(BY_LAUNCHER) == RankInfo(5, 8, 1, 4, 1, 2, "node03", 29500)


@pytest.mark.parametrize(
    ("nodes", "first"),
    [
        ("node[03-05],login1", "node03"),
        ("node[7,9-11]", "node7"),
        ("gpu-a[01]", "gpu-a01"),
        ("n1,n2,n3,n4", "n1"),
        ("single", "single"),
    ],
)
def test_the_words_of_slurm(monkeypatch: pytest.MonkeyPatch, nodes: str, first: str) -> None:
    tell(monkeypatch, {**SLURM, "SLURM_NODELIST": nodes})
    assert find_rank_info(BY_LAUNCHER) == RankInfo(7, 8, 1, 2, 3, 4, first, 15000 + 4567)


def test_a_step_of_slurm_may_be_smaller_than_its_job(monkeypatch: pytest.MonkeyPatch) -> None:
    step = {"SLURM_STEP_NUM_TASKS": "4", "SLURM_STEP_NUM_NODES": "2", "SLURM_STEP_NODELIST": "node[04-05]"}
    tell(monkeypatch, {**SLURM, **step, "SLURM_PROCID": "3", "SLURM_NODEID": "1", "MASTER_PORT": "4000"})
    assert find_rank_info(BY_LAUNCHER) == RankInfo(3, 4, 1, 2, 1, 2, "node04", 4000)


def test_a_given_address_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    tell(monkeypatch, {**SLURM, "MASTER_ADDR": "10.0.0.3"})
    rank_info = find_rank_info(BY_LAUNCHER)
    assert rank_info is not None
    assert rank_info.address == "10.0.0.3"


def test_no_launcher_is_refused() -> None:
    with pytest.raises(ConfigError, match="needs a launcher that starts the processes: torchrun or srun"):
        find_rank_info(BY_LAUNCHER)


def test_a_batch_script_without_srun_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    tell(monkeypatch, {name: value for name, value in SLURM.items() if "STEP" not in name})
    with pytest.raises(ConfigError, match="sbatch only one"):
        find_rank_info(BY_LAUNCHER)


@pytest.mark.parametrize(("tasks", "spread"), [(7, "2(x3),1"), (8, "3,1,2(x2)")])
def test_machines_with_unequal_numbers_are_refused(monkeypatch: pytest.MonkeyPatch, tasks: int, spread: str) -> None:
    tell(monkeypatch, {**SLURM, "SLURM_STEP_NUM_TASKS": str(tasks), "SLURM_STEP_TASKS_PER_NODE": spread})
    with pytest.raises(ConfigError, match=f"{tasks} tasks over 4 machines: ask for --ntasks-per-node"):
        find_rank_info(BY_LAUNCHER)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (DistributedOptions(distributed=True, devices=4), "--devices 4, but the launcher started 2 on this machine"),
        (DistributedOptions(distributed=True, num_nodes=3), "--num-nodes 3, but the launcher started 4"),
    ],
)
def test_a_launcher_that_contradicts_the_options(
    monkeypatch: pytest.MonkeyPatch, options: DistributedOptions, words: str
) -> None:
    tell(monkeypatch, SLURM)
    with pytest.raises(ConfigError, match=words):
        find_rank_info(options)


def test_options_that_a_launcher_agrees_with(monkeypatch: pytest.MonkeyPatch) -> None:
    tell(monkeypatch, SLURM)
    assert find_rank_info(DistributedOptions(distributed=True, devices=2, num_nodes=4)) is not None


def test_fewer_gpus_than_processes_are_refused() -> None:
    rank_info = RankInfo(1, 4, 1, 4, 0, 1, "localhost", 1)
    check_gpus(4, rank_info)
    with pytest.raises(ConfigError, match="4 processes run on this machine, but this one sees only 1 of its GPUs"):
        check_gpus(1, rank_info)


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ({"RANK": "2"}, "RANK is 2 of 2 processes, which count from 0"),
        ({"LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "1"}, "LOCAL_RANK is 1 of 1 processes"),
        ({"LOCAL_WORLD_SIZE": "0"}, "LOCAL_RANK is 0 of 0 processes"),
        ({"MASTER_PORT": "first"}, "the environment variable MASTER_PORT is first, not an integer"),
        ({"MASTER_PORT": ""}, "the environment variable MASTER_PORT is not set"),
    ],
)
def test_numbers_that_cannot_be(monkeypatch: pytest.MonkeyPatch, said: dict[str, str], problem: str) -> None:
    usual = {"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0", "MASTER_PORT": "29500"}
    tell(monkeypatch, usual | said)
    with pytest.raises(ConfigError, match=problem):
        find_rank_info(BY_LAUNCHER)


def test_a_port_of_a_slurm_job_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    tell(monkeypatch, SLURM | {"MASTER_PORT": "any"})
    with pytest.raises(ConfigError, match="MASTER_PORT is any, not an integer"):
        find_rank_info(BY_LAUNCHER)
