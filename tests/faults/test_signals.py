"""Signals that stop a run in order (F7 to F9 of docs/faults.md); tests/faults/test_resume.py resumes such runs."""

from __future__ import annotations

import shlex
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from aam.cli.main import main
from aam.data.batches.loaders import StudyDataModule
from aam.learners.kernel import KernelLearner
from aam.runs.directory import RunDirectory
from tests.faults.children import ended, hooked, program, send
from tests.faults.conftest import train_words, weights


@pytest.mark.parametrize(
    ("numbers", "code", "where"),
    [
        ((signal.SIGTERM,), 75, "at step 3"),
        ((signal.SIGUSR1,), 75, "at step 3"),
        ((signal.SIGUSR2,), 75, "at step 3"),
        ((signal.SIGHUP,), 75, "at step 3"),
        ((signal.SIGINT,), 130, "at step 3"),
        ((signal.SIGINT, signal.SIGINT), 130, "at once"),
    ],
)
def test_a_signal_ends_the_run_in_order_and_says_how_to_go_on(
    study: Path, tmp_path: Path, numbers: tuple[int, ...], code: int, where: str
) -> None:
    folder = tmp_path / "a run"
    done = ended(hooked, 3, send, numbers, train_words(study, folder))
    assert done.code == code
    assert done.err == f"error: stopped {where}; resume with: aam train --resume-from {shlex.quote(str(folder))}\n"
    assert not (folder / "finished.json").exists()


def told_before(owner: type, method: str, number: int, words: list[str]) -> int:
    """The program, that gets a signal just before something is done for the first time."""
    original = getattr(owner, method)

    def told(*given: Any, **named: Any) -> Any:
        setattr(owner, method, original)
        send(number)
        return original(*given, **named)

    setattr(owner, method, told)
    return main(words)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 75), (signal.SIGINT, 130)])
def test_a_signal_while_inputs_are_read(study: Path, tmp_path: Path, number: int, code: int) -> None:
    folder = tmp_path / "run"
    done = ended(told_before, StudyDataModule, "__init__", number, train_words(study, folder))
    assert (done.code, done.err) == (code, "error: stopped; no checkpoint was saved: start it again\n")
    assert program(*train_words(study, folder)).code == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 75), (signal.SIGINT, 130)])
def test_a_signal_while_results_are_written(
    study: Path, unbroken: Path, tmp_path: Path, number: int, code: int
) -> None:
    folder = tmp_path / "run"
    done = ended(told_before, RunDirectory, "finish", number, train_words(study, folder))
    assert (done.code, done.err) == (code, f"error: stopped; resume with: aam train --resume-from {folder}\n")
    assert program("train", "--resume-from", folder).code == 0
    assert weights(folder) == weights(unbroken)


def blend_words(study: Path, folder: Path, *more: str) -> list[str]:
    """The words of `aam train` of a blend."""
    table, sheet = study / "table.biom", study / "metadata.tsv"
    words = ["train", "--table", table, "--metadata", sheet, "--metadata-column", "gradient", "--output-dir", folder]
    return [*map(str, words), "--learners", "jaccard,clr-linear", "--no-forest-baseline", "--no-report", *more]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 75), (signal.SIGINT, 130)])
def test_a_stopped_blend_says_how_to_start_again(study: Path, tmp_path: Path, number: int, code: int) -> None:
    folder = tmp_path / "run"
    done = ended(told_before, KernelLearner, "cross_fit", number, blend_words(study, folder))
    advice = "a blend starts anew: repeat the command with --overwrite"
    assert (done.code, done.err) == (code, f"error: stopped; {advice}\n")
    refused = program(*blend_words(study, folder))
    assert refused.code == 2
    assert "resume" not in refused.err
    assert "--overwrite" in refused.err
    assert program("train", "--resume-from", folder).code == 2
    again = program("info", folder).out.split("start again with  ")[1].splitlines()[0]
    assert program(*shlex.split(again)[1:]).code == 0
    assert (folder / "finished.json").exists()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 75), (signal.SIGINT, 130)])
def test_stopped_folds_of_a_blend_are_resumed(study: Path, tmp_path: Path, number: int, code: int) -> None:
    folder = tmp_path / "run"
    done = ended(told_before, KernelLearner, "cross_fit", number, blend_words(study, folder, "--cv", "2"))
    assert (done.code, "resume with: aam train --resume-from" in done.err) == (code, True)
    assert program("train", "--resume-from", folder).code == 0


def without_hangup(words: list[str]) -> int:
    """As `nohup aam ...` begins."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    return hooked(3, send, (signal.SIGHUP,), words)


def test_nohup_is_heeded(study: Path, unbroken: Path, tmp_path: Path) -> None:
    assert ended(without_hangup, train_words(study, tmp_path / "run")).code == 0
    assert weights(tmp_path / "run") == weights(unbroken)


def test_a_run_stopped_by_a_closed_terminal_can_be_resumed(study: Path, unbroken: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    assert ended(hooked, 5, send, (signal.SIGHUP,), train_words(study, folder)).code == 75
    assert program("train", "--resume-from", folder).code == 0
    assert weights(folder) == weights(unbroken)


def told_again(words: list[str]) -> int:
    """The program as it is typed, that is told to stop, and again while the process ends."""
    sys.argv[1:] = words
    original = StudyDataModule.__init__

    def told(*given: Any, **named: Any) -> None:
        send(signal.SIGTERM)
        original(*given, **named)

    StudyDataModule.__init__ = told  # type: ignore[method-assign]
    code = main()
    send(signal.SIGTERM, signal.SIGINT)
    return code


def test_a_signal_while_the_process_ends_changes_nothing(study: Path, tmp_path: Path) -> None:
    done = ended(told_again, train_words(study, tmp_path / "run"))
    assert (done.code, done.err) == (75, "error: stopped; no checkpoint was saved: start it again\n")
