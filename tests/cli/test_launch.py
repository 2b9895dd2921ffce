"""The processes that `--devices N` starts end together, and why is said once."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from aam.cli import launch
from aam.cli.launch import launched, run_processes
from aam.cli.options import parse
from aam.config.distributed import FOLLOWED, LAUNCHED
from aam.errors import ConfigError, PreemptedError, ReportedByAnotherRank, RunError

BEGIN = "import os, signal, sys, time; rank = int(os.environ['RANK']); "
UNBLOCK = "signal.pthread_sigmask(signal.SIG_SETMASK, []); "
REMEDY = "start it again"
NEEDED = ["--table", "t.biom", "--metadata", "m.tsv", "--metadata-column", "age", "--output-dir", "run"]
NEEDED += ["--learners", "network"]


def end(code: str) -> None:
    """Run a program in two processes to its end, and say how that was."""
    run_processes([sys.executable, "-c", BEGIN + UNBLOCK + code], 2, lambda: REMEDY)


def test_each_process_is_told_its_place(tmp_path: Path) -> None:
    names = ("WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", LAUNCHED)
    end(f"open(f'{tmp_path}/{{rank}}', 'w').write(' '.join(os.environ[n] for n in {names}))")
    first, second = ((tmp_path / str(rank)).read_text().split() for rank in range(2))
    assert first[:4] == ["2", "0", "2", "127.0.0.1"]
    assert second[:4] == ["2", "1", "2", "127.0.0.1"]
    assert first[4:] == second[4:]


@pytest.mark.parametrize("rank", [0, 1])
def test_a_process_that_was_killed_is_named(tmp_path: Path, rank: int) -> None:
    with pytest.raises(RunError, match=rf"process {rank} of 2 died \(SIGKILL\); {REMEDY}"):
        end(f"rank == {rank} and os.kill(os.getpid(), signal.SIGKILL); sys.exit({FOLLOWED})")


def test_what_another_process_failed_of_is_shown(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ReportedByAnotherRank) as ended:
        end(f"rank or sys.exit({FOLLOWED}); print('a bug', file=sys.stderr); sys.exit(1)")
    assert ended.value.exit_code == 1
    assert capfd.readouterr().err == "a bug\n"


def test_what_all_processes_fail_of_is_said_once(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ReportedByAnotherRank) as ended:
        end("print('no column', file=sys.stderr); sys.exit(2)")
    assert ended.value.exit_code == 2
    assert capfd.readouterr().err == "no column\n"


def test_a_process_that_does_not_answer_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "GRACE_SECONDS", 0.2)
    stop = f"rank or sys.exit({FOLLOWED}); os.kill(os.getpid(), signal.SIGSTOP)"
    with pytest.raises(RunError, match=f"process 1 of 2 did not answer; {REMEDY}"):
        end(stop)


def test_a_process_that_hangs_is_named_beside_one_that_aborts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "GRACE_SECONDS", 0.2)
    abort = "rank or os.abort(); os.kill(os.getpid(), signal.SIGSTOP)"
    words = rf"process 1 of 2 did not answer, and process 0 of 2 died \(SIGABRT\); {REMEDY}"
    with pytest.raises(RunError, match=words):
        end(abort)


def test_a_process_that_aborts_alone_is_the_one_that_died(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=rf"process 1 of 2 died \(SIGABRT\); {REMEDY}"):
        end(f"rank and os.abort(); sys.exit({FOLLOWED})")


def test_processes_that_all_lose_each_other(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=f"a process did not answer within --distributed-timeout; {REMEDY}"):
        end(f"sys.exit({FOLLOWED})")


@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 75), ("SIGUSR1", 75), ("SIGINT", 130)])
def test_a_signal_before_the_processes_listen(tmp_path: Path, name: str, code: int) -> None:
    default = f"signal.signal(signal.{name}, signal.SIG_DFL); "
    tell = f"rank or (time.sleep(1.5), os.kill(os.getppid(), signal.{name})); time.sleep(60)"
    with pytest.raises(PreemptedError, match=f"stopped; {REMEDY}") as ended:
        end(default + tell)
    assert ended.value.exit_code == code


def test_a_signal_is_passed_on_once_to_each(tmp_path: Path) -> None:
    note = f"signal.signal(signal.SIGTERM, lambda *_: open(f'{tmp_path}/{{rank}}', 'a').write('told ')); "
    tell = "rank or (time.sleep(0.5), os.kill(os.getppid(), signal.SIGTERM)); time.sleep(1.5); sys.exit(75)"
    with pytest.raises(ReportedByAnotherRank) as ended:
        end(note + tell)
    assert ended.value.exit_code == 75
    assert [(tmp_path / str(rank)).read_text() for rank in range(2)] == ["told ", "told "]
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_signals_are_blocked_until_they_can_be_handled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = "told = signal.pthread_sigmask(signal.SIG_BLOCK, []); "
    code = f"{BEGIN}{asked}open(f'{tmp_path}/{{rank}}', 'w').write(' '.join(sorted(n.name for n in told)))"
    monkeypatch.setattr(
        launch,
        "run_processes",
        lambda _, *number_and_remedy: run_processes([sys.executable, "-c", code], *number_and_remedy),
    )
    words = [*NEEDED, "--devices", "2", "--device", "cpu"]
    assert launched("train", words, parse("train", words).config)
    waited = "SIGHUP SIGINT SIGTERM SIGUSR1 SIGUSR2"
    assert [(tmp_path / str(rank)).read_text() for rank in range(2)] == [waited, waited]
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_a_started_process_unblocks_signals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LAUNCHED, "1")
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    assert launched("train", NEEDED, parse("train", NEEDED).config) is False
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, [])


@pytest.mark.parametrize("words", [[], ["--distributed"]])
def test_nothing_is_started_without_devices(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(*launch.QUIET)
    assert launched("train", words, parse("train", [*NEEDED, *words]).config) is False


def test_nothing_is_started_by_what_was_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LAUNCHED, "1")
    words = [*NEEDED, "--devices", "2"]
    assert launched("train", words, parse("train", words).config) is False


def test_more_devices_than_gpus_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "num_gpus", lambda: 2)
    words = [*NEEDED, "--devices", "3"]
    with pytest.raises(ConfigError, match="--devices 3: this machine has 2 GPUs; --device cpu takes any number"):
        launched("train", words, parse("train", words).config)


@pytest.mark.parametrize(
    ("written", "given", "found"),
    [
        (["devices: 2"], ["--devices", "1"], (1, False)),
        (["devices: 2"], ["--distributed"], (1, True)),
        (["distributed: true", "num_nodes: 2"], ["--devices", "4"], (4, False)),
        (["devices: 2"], ["--distributed-timeout", "10"], (2, False)),
    ],
)
def test_a_resumed_run_may_be_started_otherwise(
    tmp_path: Path, written: list[str], given: list[str], found: tuple[int, bool]
) -> None:
    lines = ["command: train", "table: [t.biom]", "metadata: m.tsv", "metadata_column: [age]", *written]
    (tmp_path / "config.yaml").write_text("\n".join(lines) + "\n")
    options = parse("train", ["--resume-from", str(tmp_path), *given]).config.distributed
    assert (options.devices, options.distributed) == found
    assert options.num_nodes == 1


def test_the_environment_is_this_process_s_own(tmp_path: Path) -> None:
    end("sys.exit(0)")
    assert "RANK" not in os.environ
    assert LAUNCHED not in os.environ
