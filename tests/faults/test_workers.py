"""Processes that prepare batches, and what becomes of a run when they die (F13, F27 of docs/faults.md)."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from aam.cli.system_errors import UNTOLD, system_error_reason
from tests.faults.children import hooked, started
from tests.faults.conftest import train_words

NEW_MOUNTS = 0x20000  # CLONE_NEWNS
NO_MOUNTS = 99


def kill_worker(number: int) -> None:
    """Kill the first of the processes that this one has started and that are alive: those of training."""
    first = min(multiprocessing.active_children(), key=lambda process: process.pid or 0)
    assert first.pid is not None
    os.kill(first.pid, number)


def with_little_shared_memory(size: int, words: list[str]) -> int:
    """The program where /dev/shm is small, for this process and its own alone."""
    libc = ctypes.CDLL(None, use_errno=True)
    mounts = [["--make-rprivate", "/"], ["-t", "tmpfs", "-o", f"size={size}", "tmpfs", "/dev/shm"]]
    if libc.unshare(NEW_MOUNTS) or any(subprocess.run(["mount", *one], check=False).returncode for one in mounts):
        return NO_MOUNTS
    return hooked(0, kill_worker, (), words)


def errors(said: str) -> list[str]:
    """The lines that begin with ``error``; those of torch's handlers end in a NUL."""
    return [line.lstrip("\0") for line in said.splitlines() if line.lstrip("\0").startswith("error: ")]


@pytest.mark.parametrize(
    ("number", "name"),
    [(signal.SIGKILL, "signal 9"), pytest.param(signal.SIGSEGV, "signal 11", marks=pytest.mark.slow)],
)
def test_a_worker_that_is_killed_ends_the_run(study: Path, tmp_path: Path, number: int, name: str) -> None:
    words = train_words(study, tmp_path / "run", num_workers=2)
    with started(hooked, 3, kill_worker, (number,), words) as child:
        done = child.end()
        assert done.code == 3
        # Which of torch's two ways to notice it comes first, and whether the signal is told, is a matter of luck.
        (said,) = errors(done.err)
        expected = rf"died \(({name}; often from lack of memory|{UNTOLD})\); try --num-workers 0"
        assert re.fullmatch(f"error: a data worker {expected}", said)
        assert "Traceback" not in done.err
        assert child.leaves_nobody()


@pytest.mark.parametrize("size", [65_536, pytest.param(12_288, marks=pytest.mark.slow)])
def test_shared_memory_that_is_too_small(study: Path, tmp_path: Path, size: int) -> None:
    """The larger is too small for the batches, the smaller even for the queues of the processes."""
    words = train_words(study, tmp_path / "run", num_workers=1)
    with started(with_little_shared_memory, size, words) as child:
        done = child.end()
        if done.code == NO_MOUNTS:
            pytest.skip("no file system can be mounted here")
        assert done.code == 3, done
        (said,) = errors(done.err)
        assert "/dev/shm" in said
        assert "try --num-workers 0" in said
        assert child.leaves_nobody()


@pytest.mark.parametrize(
    "text",
    [
        "DataLoader worker (pid 7) is killed by signal: Bus error. It is possible that dataloader's workers are out of "
        "shared memory. Please try to raise your shared memory limit.",
        "Caught RuntimeError in DataLoader worker process 0.\nOriginal Traceback (most recent call last):\n"
        "RuntimeError: unable to write to file </torch_7_1_0>: No space left on device (28)",
        "unable to mmap 4096 bytes from file </torch_7_1_0>: Cannot allocate memory (12)",
    ],
)
def test_the_words_of_torch_for_too_little_shared_memory(text: str) -> None:
    said = system_error_reason(RuntimeError(text), "train")
    assert said is not None
    assert "/dev/shm" in said
    assert "--num-workers 0" in said


def test_a_death_that_is_told_twice_has_its_signal() -> None:
    again = RuntimeError("DataLoader worker (pid(s) 7) exited unexpectedly")
    again.__cause__ = RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed. ")
    said = system_error_reason(again, "train")
    assert said is not None
    assert "died (signal 9; often from lack of memory)" in said


def test_other_deaths_of_workers_have_their_names() -> None:
    said = system_error_reason(RuntimeError("DataLoader worker (pid(s) 7, 8) exited unexpectedly"), "train")
    assert said is not None
    assert f"died ({UNTOLD})" in said
    assert system_error_reason(RuntimeError("shape '[2]' is invalid"), "train") is None
