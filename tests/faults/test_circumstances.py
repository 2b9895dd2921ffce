"""What else can be wrong around a run (F16 to F28 of docs/faults.md)."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from aam.cli.main import main
from aam.training.checkpoints.checkpoint import find_checkpoints, latest_checkpoint
from tests.faults.children import ended, hooked, program, send, started
from tests.faults.conftest import train_words, weights

ROOT = Path(__file__).resolve().parents[2]


def with_clock(words: list[str], vanishing: list[Path]) -> int:
    """The program where the clock shows 1970 and runs backwards, and whose inputs vanish after the first step."""
    now = [86_400.0]

    def backwards() -> float:
        now[0] -= 60
        return now[0]

    time.time = backwards
    return hooked(2, _remove, (vanishing,), words)


def _remove(paths: list[Path]) -> None:
    for path in paths:
        path.unlink()


def test_clock_and_inputs_do_not_matter_after_the_start(study: Path, unbroken: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(study, tmp_path / "study"))
    vanishing = [copy / "table.biom", copy / "metadata.tsv"]
    done = ended(with_clock, train_words(copy, tmp_path / "run"), vanishing)
    assert done.code == 0, done.err
    assert not vanishing[0].exists()
    assert weights(tmp_path / "run") == weights(unbroken)


def with_little_memory(size: int, words: list[str]) -> int:
    """The program, with so many bytes of memory beyond those that it has at the start."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + size, resource.RLIM_INFINITY))
    return main(words)


def take_memory() -> None:
    """Ask for more than there is."""
    resource.setrlimit(resource.RLIMIT_AS, (1 << 20, resource.RLIM_INFINITY))
    bytearray(1 << 30)


def test_memory_that_runs_out_in_training_ends_in_advice(study: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    done = ended(hooked, 3, take_memory, (), train_words(study, folder))
    assert done.code == 3
    said = f"error: out of memory at batch 23 (longest sample: 5 ASVs); resume with: aam train --resume-from {folder} "
    assert done.err == f"{said}--gradient-checkpointing\n"


def test_memory_that_is_too_small_for_the_model(study: Path, tmp_path: Path) -> None:
    words = train_words(study, tmp_path / "run", embedding_dim=4096)
    refused = ended(with_little_memory, 200_000_000, words)
    assert refused.code == 2
    assert "a smaller --embedding-dim" in refused.err
    assert refused.err.count("\n") == 1
    done = ended(with_little_memory, 200_000_000, [*words, "--no-auto-batch-size"])
    assert done.code == 3
    assert done.err.startswith("error: out of memory; try a smaller --batch-size")
    assert done.err.count("\n") == 1


def test_two_runs_in_one_directory_and_one_after_a_killed_one(study: Path, unbroken: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with started(hooked, 3, send, (signal.SIGSTOP,), train_words(study, folder)) as first:
        while not (folder / "model" / "model.safetensors").exists():
            time.sleep(0.05)
        second = program("train", "--resume-from", folder)
        assert second.code == 2
        assert second.err.startswith(f"error: run: is in use by pid {first.process.pid} on ")
        first.kill(signal.SIGKILL)
        assert first.end().code == -signal.SIGKILL
        pid = first.process.pid
    (folder / "model" / f".model.safetensors.tmp-{pid}").write_bytes(b"half")
    (folder / f".metrics.csv.tmp-{pid}").write_bytes(b"half")
    third = program("train", "--resume-from", folder)
    assert third.code == 0
    assert f"was locked by pid {pid} on " in third.out
    assert not list(folder.rglob("*.tmp-*"))
    assert weights(folder) == weights(unbroken)
    fourth = program(*train_words(study, folder))
    assert fourth.code == 2
    assert "holds a finished run already; --overwrite or another --output-dir" in fourth.err


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.fixture(scope="module")
def killed(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was killed when it had two checkpoints."""
    folder = tmp_path_factory.mktemp("killed") / "run"
    assert ended(hooked, 6, send, (signal.SIGKILL,), train_words(study, folder)).code == -signal.SIGKILL
    return folder


@pytest.mark.parametrize("damage", [flip, truncate, empty, Path.unlink])
def test_a_damaged_checkpoint_is_passed_over(
    killed: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: object
) -> None:
    folder = Path(shutil.copytree(killed / "checkpoints", tmp_path / "checkpoints"))
    before, newest = find_checkpoints(folder)
    damage(newest)  # type: ignore[operator]
    assert latest_checkpoint(folder) == before
    said = f"damaged: {newest.name}; resuming from the previous checkpoint, {before.name}"
    assert (said in caplog.text) == newest.exists()


def test_with_the_checkpoint_before_the_result_is_the_same(killed: Path, unbroken: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(killed, tmp_path / "run"))
    empty(find_checkpoints(folder / "checkpoints")[-1])
    done = program("train", "--resume-from", folder)
    assert done.code == 0
    assert "resuming from the previous checkpoint" in done.out
    assert weights(folder) == weights(unbroken)


def test_no_whole_checkpoint_is_left(killed: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(killed, tmp_path / "run"))
    for path in find_checkpoints(folder / "checkpoints"):
        truncate(path)
    done = program("train", "--resume-from", folder)
    assert done.code == 3
    expected = f"error: {folder}/checkpoints: every checkpoint is damaged; start the run again with --overwrite\n"
    assert done.err == expected


def piped(words: list[str], close: str) -> int:
    """The program, whose standard output nobody reads, is full, or was never there."""
    if close == "pipe":
        reading, writing = os.pipe()
        os.close(reading)
    else:
        writing = os.open("/dev/full", os.O_WRONLY)
    os.dup2(writing, 1)
    sys.stdout = None if close == "closed" else os.fdopen(1, "w", closefd=False)  # type: ignore[assignment]
    return main(words)


@pytest.mark.parametrize(("close", "code"), [("pipe", 0), ("full", 3), ("closed", 0)])
@pytest.mark.parametrize("command", ["predict", "check"])
def test_nobody_reads_what_is_said(
    study: Path, unbroken: Path, tmp_path: Path, command: str, close: str, code: int
) -> None:
    table, output = study / "table.biom", tmp_path / "p.tsv"
    words = {
        "predict": ["predict", "--model", unbroken, "--table", table, "--output", output],
        "check": ["check", "--table", table, "--metadata", study / "metadata.tsv"],
    }[command]
    done = ended(piped, [str(word) for word in words], close)
    assert "Traceback" not in done.err
    assert done.code == code
    assert done.err == ("" if code == 0 else "error: no space left on the disk (writing the results)\n")
    if command == "predict" and close != "full":
        assert len(output.read_text().splitlines()) == 61


def test_training_goes_on_where_nobody_reads_what_is_said(study: Path, unbroken: Path, tmp_path: Path) -> None:
    done = ended(piped, train_words(study, tmp_path / "run"), "pipe")
    assert (done.code, done.err) == (0, "")
    assert weights(tmp_path / "run") == weights(unbroken)
    assert "trained 5 epochs" in (tmp_path / "run" / "log.txt").read_text()


@pytest.mark.slow
def test_a_bare_environment_and_names_that_are_hard(study: Path, unbroken: Path, tmp_path: Path) -> None:
    """No home, no place for temporary files, a terminal without Unicode, and spaces and Unicode in names."""
    folder = tmp_path / "mein Ordner größer 菌"
    copy = Path(shutil.copytree(study, folder / "study 1"))
    bare = {"PATH": os.environ["PATH"], "LANG": "C", "LC_ALL": "C", "OMP_NUM_THREADS": "1"}
    predict = ["predict", "--model", folder / "run", "--table", copy / "table.biom", "--output", folder / "p ä.tsv"]
    for words in (train_words(copy, folder / "run"), predict):
        command = [sys.executable, "-m", "aam", *map(str, words)]
        done = subprocess.run(command, cwd=ROOT, env=bare, capture_output=True, text=True, check=False, timeout=300)
        assert (done.returncode, done.stderr) == (0, "")
    assert len((folder / "p ä.tsv").read_text().splitlines()) == 61
    assert weights(folder / "run") == weights(unbroken)


def test_what_cannot_draw_a_report_is_known_at_the_start(study: Path, tmp_path: Path) -> None:
    """A backend that matplotlib does not know, in a process of its own: it is read once."""
    command = [sys.executable, "-m", "aam", *train_words(study, tmp_path / "run")]
    environment = {**os.environ, "MPLBACKEND": "nonsense"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: matplotlib, which draws the report, cannot start (Key backend: 'nonsense'")
    assert done.stderr.endswith("; unset MPLBACKEND\n")
