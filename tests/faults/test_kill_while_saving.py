"""Runs that are killed while they write a file, and again while they are resumed (F2, F3 of docs/faults.md)."""

from __future__ import annotations

from pathlib import Path

import pytest

from aam.cli.main import main
from tests.faults.children import ended, program
from tests.faults.conftest import train_words, weights
from tests.faults.faulty_files import KILLED, MOST_CALLS, Fault, failing, leftovers


def killed_at_write(number: int, words: list[str]) -> int:
    """The program, killed in the n-th thing that it asks of the disk; says how many there were, if it is not."""
    with failing(Fault(number, kill="before" if number % 2 else "after")) as fault:
        code = main(words)
    print(f"calls {len(fault.calls)}")
    return code


@pytest.fixture(scope="module")
def calls(study: Path, tmp_path_factory: pytest.TempPathFactory) -> int:
    """How much a run asks of the disk."""
    done = ended(killed_at_write, 100 * MOST_CALLS, train_words(study, tmp_path_factory.mktemp("counted") / "run"))
    return int(done.out.rsplit(maxsplit=1)[1])


def kill_twice(study: Path, unbroken: Path, folder: Path, first: int, second: int) -> None:
    """Kill a run, and then it again in the n-th call of its resumption; the result is the unbroken run's."""
    assert ended(killed_at_write, first, train_words(study, folder)).code == KILLED
    words = ["train", "--resume-from", str(folder)] if (folder / "config.yaml").exists() else train_words(study, folder)
    if not (folder / "finished.json").exists():
        assert ended(killed_at_write, second, words).code in (0, KILLED)
    if not (folder / "config.yaml").exists():
        assert program(*train_words(study, folder)).code == 0
    elif not (folder / "finished.json").exists():
        assert program("train", "--resume-from", folder).code == 0
    assert weights(folder) == weights(unbroken)
    name = "val_predictions.tsv"
    assert (folder / name).read_bytes() == (unbroken / name).read_bytes()
    assert leftovers(folder) == []


def test_killed_while_writing_and_while_resuming(study: Path, unbroken: Path, tmp_path: Path, calls: int) -> None:
    kill_twice(study, unbroken, tmp_path / "run", calls // 2, 30)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(25))
def test_a_run_killed_at_any_write(study: Path, unbroken: Path, tmp_path: Path, calls: int, part: int) -> None:
    kill_twice(study, unbroken, tmp_path / "run", max(1, calls * part // 25), 1 + 7 * part)
