from __future__ import annotations

import os
import random
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from aam.errors import InputError
from tests.badinputs.fuzz import TARGETS, main
from tests.badinputs.fuzz_child import Event, Limits, damaged_file, run_child
from tests.badinputs.fuzz_targets import Target

ROOT = Path(__file__).resolve().parents[2]
LIMITS = Limits(seconds=0.3, wall_seconds=20.0, num_bytes=1 << 28)


def fuzz(*words: str) -> None:
    """Run the command in a process of its own, since it forks."""
    command = [sys.executable, "-m", "tests.badinputs.fuzz", *words]
    run = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=3600)
    assert run.returncode == 0, f"{run.stdout[-20_000:]}\n{run.stderr[-2_000:]}"
    names = [line.split()[0] for line in run.stdout.splitlines()]
    assert names == ["target", *TARGETS, "all"]


def test_damaged_files_are_read_or_refused() -> None:
    fuzz("--trials", "25")


@pytest.mark.slow
def test_many_damaged_files(tmp_path: Path) -> None:
    fuzz("--minutes", "20", "--seed", "1", "--keep", str(tmp_path))


def misbehaving(act: Callable[[], object]) -> Target:
    """A reader that does something when it is given a damaged file, and otherwise returns what is there."""

    def read(folder: Path) -> object:
        return b"sound" if (folder / "x").read_bytes() == b"sound" else act()

    def check(found: object, sound: object) -> None:
        assert found in (b"sound", b"odd")

    return Target(
        make=lambda folder: (folder / "x").write_bytes(b"sound"),
        read=read,
        check=check,
        damages={"x": (lambda content, rng: b"damaged",)},
    )


def outcomes(target: Target, folder: Path, trials: int = 1, first: int = 0) -> list[Event]:
    return list(run_child(target, folder, "0", first, (trials, 60.0), LIMITS))


def loop_for_ever() -> None:
    while True:
        pass


def work_too_long() -> bytes:
    """Read it in the end, but above the limit of processor time and below the signal at twice as much."""
    end = time.process_time() + 1.3 * LIMITS.seconds
    while time.process_time() < end:
        pass
    return b"odd"


def refuse(words: str) -> Callable[[], object]:
    def act() -> None:
        raise InputError("x", words)

    return act


def raise_error() -> None:
    raise KeyError("x")


@pytest.mark.parametrize(
    ("act", "expected"),
    [
        (os.abort, "signal 6 (SIGABRT)"),
        (loop_for_ever, "signal 27 (SIGPROF)"),
        (lambda: bytes(1 << 29), "MemoryError"),
        (raise_error, "KeyError: 'x'"),
        (lambda: warnings.warn("odd", stacklevel=1), "UserWarning: odd"),
        (lambda: b"wrong", "assert"),
        (refuse("two\nlines"), "these words"),
        (refuse("x" * 300), "these words"),
        (lambda: os._exit(3), "exit code 3"),
        (work_too_long, "took "),
    ],
    ids=["crash", "loop", "memory", "exception", "warning", "wrong", "lines", "long", "exit", "slow"],
)
def test_a_reader_that_misbehaves_is_noticed(tmp_path: Path, act: Callable[[], object], expected: str) -> None:
    (event,) = outcomes(misbehaving(act), tmp_path)
    assert (event.trial, event.outcome) == (0, "failed")
    assert expected in event.words
    assert (event.name, event.content) == ("x", b"damaged")


def test_what_is_allowed_is_no_failure(tmp_path: Path) -> None:
    assert [event.outcome for event in outcomes(misbehaving(lambda: b"odd"), tmp_path, 3)] == ["read"] * 3
    events = outcomes(misbehaving(refuse("no")), tmp_path, 2, first=5)
    assert [(event.trial, event.outcome) for event in events] == [(5, "refused"), (6, "refused")]


def test_a_failure_is_kept_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(TARGETS, "broken", misbehaving(raise_error))
    assert main(["--kind", "broken", "--trials", "3", "--keep", str(tmp_path / "kept")]) == 1
    assert (tmp_path / "kept" / "broken-0-x").read_bytes() == b"damaged"
    shown = capfd.readouterr().out.splitlines()
    assert shown[0] == f"broken, trial 0 of seed 0, {tmp_path / 'kept' / 'broken-0-x'}:"
    assert shown[-1].split()[:5] == ["all", "3", "0", "0", "3"]


def test_a_dead_child_is_followed_by_another(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(TARGETS, "broken", misbehaving(os.abort))
    assert main(["--kind", "broken", "--trials", "2"]) == 1
    assert capfd.readouterr().out.splitlines()[-1].split()[:5] == ["all", "2", "0", "0", "2"]


@pytest.mark.parametrize("kind", ["table-hdf5", "table-qza", "distances-npy", "tree", "config", "model-regressor"])
def test_a_seed_gives_the_same_damage(kind: str, tmp_path: Path) -> None:
    target = TARGETS[kind]
    target.make(tmp_path)
    sound = {str(path.relative_to(tmp_path)): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    trials = [damaged_file(target, sound, "7", trial) for trial in range(12)]
    random.seed(1)
    assert [damaged_file(target, sound, "7", trial) for trial in range(12)] == trials
    assert len({damaged.content for damaged in trials}) > 6
    assert [damaged_file(target, sound, "8", trial) for trial in range(12)] != trials
