"""Faults of runs of several processes: all end, why is said once, and what was saved is gone on with, to the byte."""

from __future__ import annotations

import math
import signal
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from aam.training.checkpoints.checkpoint import find_checkpoints
from tests.faults.shared_runs import (
    END,
    EPOCHS,
    KEEP,
    LOSS,
    READ,
    SAVE,
    STEP,
    SharedRun,
    arguments,
    fingerprint,
    metrics_of,
    run,
)

TWO = ("--devices", "2")
TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
LOSSES = [name.format(head) for name in ("train_{}_loss", "val_{}_loss") for head in ("target", "distance", "count")]


@pytest.fixture(scope="module")
def unbroken(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unbroken") / "run"
    ended = run([*arguments(study, folder), *TWO])
    assert (ended.code, ended.errors) == (0, "")
    return folder


def resume_line(folder: Path) -> str:
    return f"resume with: aam train --resume-from {folder}\n"


def test_a_mistake_in_the_inputs_is_told_once(study: Path, tmp_path: Path) -> None:
    ended = run([*arguments(study, tmp_path / "run"), *TWO, "--metadata-column", "age"])
    assert ended.code == 2
    assert ended.errors.startswith("error: metadata.tsv: no column 'age'")
    assert ended.errors.count("\n") == 1
    assert not (tmp_path / "run" / "config.yaml").exists()


def test_a_killed_process_ends_the_run(study: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    ended = run([*arguments(study, folder), *TWO], f"1 {STEP} 2 SIGKILL")
    assert (ended.code, ended.errors) == (3, f"error: process 1 of 2 died (SIGKILL); {resume_line(folder)}")
    assert not (folder / "finished.json").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "code", "said"),
    [
        (f"1 {STEP} 6 SIGKILL", 3, "error: process 1 of 2 died (SIGKILL); "),
        (f"0 {STEP} 6 SIGKILL", 3, "error: process 0 of 2 died (SIGKILL); "),
        (f"0 {SAVE} 2 in-write", 3, "error: process 0 of 2 died (SIGKILL); "),
        (f"1 {KEEP} 2 SIGKILL", 3, "error: process 1 of 2 died (SIGKILL); "),
        (f"1 {STEP} 6 parent-SIGKILL", -signal.SIGKILL, None),
        (f"0 {STEP} 6 parent-SIGTERM", 75, "error: stopped at step 6; "),
        (f"1 {STEP} 6 SIGUSR1", 75, "error: stopped at step 6; "),
        (f"1 {STEP} 6 terminal-SIGINT", 130, "error: stopped at step 6; "),
    ],
)
def test_resuming_gives_the_same_bytes(
    study: Path, unbroken: Path, tmp_path: Path, fault: str, code: int, said: str | None
) -> None:
    folder = tmp_path / "run"
    ended = run([*arguments(study, folder), *TWO], fault)
    assert (ended.code, ended.errors) == (code, "" if said is None else said + resume_line(folder))
    assert not (folder / "finished.json").exists()
    assert run(["train", "--resume-from", folder]).code == 0
    assert fingerprint(folder) == fingerprint(unbroken)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (f"1 {READ} 1 SIGUSR1", "error: stopped; no checkpoint was saved: start it again\n"),
        (f"0 {READ} 1 parent-SIGTERM", "error: stopped; no checkpoint was saved: start it again\n"),
        (f"0 {END} 1 parent-SIGTERM", "error: stopped; resume with: aam train --resume-from {}\n"),
    ],
)
def test_a_signal_outside_training(study: Path, unbroken: Path, tmp_path: Path, fault: str, said: str) -> None:
    folder = tmp_path / "run"
    ended = run([*arguments(study, folder), *TWO], fault)
    assert (ended.code, ended.errors) == (75, said.format(folder))
    again = ["train", "--resume-from", folder] if "resume" in said else [*arguments(study, folder), *TWO]
    assert run(again).code == 0
    assert fingerprint(folder) == fingerprint(unbroken)


@pytest.mark.slow
def test_the_first_process_alone_writes(unbroken: Path) -> None:
    said = [line.split(" ", 2)[2] for line in (unbroken / "log.txt").read_text().splitlines()]
    assert [line for line, times in Counter(filter(None, said)).items() if times > 1] == []
    assert len([line for line in said if line.startswith("epoch ")]) == EPOCHS
    assert len(metrics_of(unbroken)) == EPOCHS
    assert len([*(unbroken / "tensorboard").glob("events*")]) == 1
    assert [path.name for path in unbroken.rglob("*tmp-*")] == []


@pytest.mark.slow
def test_a_process_that_hangs(study: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    ended = run([*arguments(study, folder), *TWO, "--distributed-timeout", "40"], f"1 {STEP} 6 SIGSTOP")
    assert (ended.code, ended.errors) == (3, f"error: process 1 of 2 did not answer; {resume_line(folder)}")


@pytest.mark.slow
def test_nan_in_one_process_stops_all(study: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    ended = run([*arguments(study, folder), *TWO], f"1 {LOSS} 22 nan")  # of four heads: in the sixth step
    assert ended.code == 4
    assert "is not finite at step 6;" in ended.errors
    assert ended.errors.count("error:") == 1
    assert ended.errors.count("\n") == 1
    weights = load_file(folder / "model" / "model.safetensors")
    assert all(math.isfinite(float(weight.sum())) for weight in weights.values() if weight.dtype.kind == "f")


@pytest.mark.slow
def test_a_bug_in_one_process_shows_its_traceback(study: Path, tmp_path: Path) -> None:
    ended = run([*arguments(study, tmp_path / "run"), *TWO], f"1 {STEP} 2 bug")
    assert ended.code == 1
    assert "Traceback (most recent call last)" in ended.errors
    assert ended.errors.rstrip().endswith("ZeroDivisionError: a bug in one process")


@pytest.mark.slow
def test_another_number_of_processes_goes_on(study: Path, tmp_path: Path) -> None:
    # Dropout is drawn by each process for itself; without it nothing but the order of sums depends on their number.
    folder, unbroken = tmp_path / "run", tmp_path / "unbroken"
    assert run([*arguments(study, unbroken), *TWO, "--dropout", "0"]).code == 0
    assert run([*arguments(study, folder), *TWO, "--dropout", "0"], f"1 {STEP} 6 SIGKILL").code == 3
    assert run(["train", "--resume-from", folder, "--devices", "1"], f"alone {STEP} 2 SIGTERM").code == 75
    last = find_checkpoints(folder / "checkpoints")[-1].name
    assert last.startswith("epoch-000001-000000002-")
    assert run(["train", "--resume-from", folder, *TWO]).code == 0
    log = (folder / "log.txt").read_text()
    assert "resuming with a different number of processes (2 -> 1): same results except for rounding" in log
    assert "resuming with a different number of processes (1 -> 2)" in log
    for found, expected in zip(metrics_of(folder), metrics_of(unbroken), strict=True):
        assert [found[name] for name in LOSSES] == pytest.approx([expected[name] for name in LOSSES], rel=1e-6)


@pytest.mark.slow
def test_a_second_run_in_the_same_folder_is_refused(study: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    words = arguments(study, folder)
    words[words.index("--epochs") + 1] = "2000"
    first = SharedRun([*words, *TWO, "--patience", "2000"])
    try:
        deadline = time.monotonic() + 120
        while not (folder / "config.yaml").exists():
            assert first.process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.2)
        second = run([*arguments(study, folder), *TWO])
        assert second.code == 2
        assert second.errors.startswith("error: run: is in use by pid ")
        assert second.errors.count("\n") == 1
    finally:
        first.process.send_signal(signal.SIGTERM)
        ended = first.end()
    assert ended.code == 75


@pytest.mark.slow
def test_torchrun_gives_the_same_bytes(study: Path, unbroken: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    told = run([*arguments(study, folder), "--distributed"], f"0 {STEP} 6 parent-SIGTERM", launcher=TORCHRUN)
    assert told.code == 1  # torchrun's own, whatever its processes ended with
    assert told.errors.count(f"error: stopped at step 6; {resume_line(folder)}") == 1
    resumed = run(["train", "--resume-from", folder, "--distributed"], launcher=TORCHRUN)
    assert (resumed.code, resumed.errors) == (0, "")
    assert fingerprint(folder) == fingerprint(unbroken)
