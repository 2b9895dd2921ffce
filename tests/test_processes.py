"""Tasks at once: every outcome comes back, and signals and errors end them in order."""

from __future__ import annotations

import os
import pickle
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from threading import Timer

import pytest

from aam.errors import AamError, InputError, PreemptedError, RunError, Signalled
from aam.processes import Outcome, outcomes

LONG = 60.0


@dataclass(frozen=True)
class Touch:
    """Leaves a file where it begins, and then waits, fails, dies, or gives its number."""

    path: Path
    number: int
    seconds: float = 0.0
    fails: bool = False
    dies: bool = False

    def __call__(self) -> int:
        (self.path / str(self.number)).touch()
        deadline = time.monotonic() + self.seconds
        while time.monotonic() < deadline:
            time.sleep(0.05)
        if self.dies:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.fails:
            raise InputError("table.tsv", "cannot be used", "another one")
        return self.number


def begun(path: Path) -> list[int]:
    return sorted(int(file.name) for file in path.iterdir() if file.name.isdigit())


def test_each_outcome_comes_back_with_its_place(tmp_path: Path) -> None:
    found = list(outcomes([Touch(tmp_path, number) for number in (5, 6, 7)], 2, tmp_path))
    assert sorted((one.place, one.value) for one in found) == [(0, 5), (1, 6), (2, 7)]
    assert [one.error for one in found] == [None] * 3
    assert begun(tmp_path) == [5, 6, 7]
    assert not list(tmp_path.glob("aam-jobs-*"))


def test_an_error_stops_the_others_and_none_begins(tmp_path: Path) -> None:
    tasks = [Touch(tmp_path, 0, seconds=1.0, fails=True), *(Touch(tmp_path, number, LONG) for number in (1, 2, 3))]
    found: dict[int, Outcome[int]] = {one.place: one for one in outcomes(tasks, 2, tmp_path)}
    assert begun(tmp_path) == [0, 1] == sorted(found)
    assert isinstance(found[0].error, InputError)
    assert str(found[0].error) == "table.tsv: cannot be used; another one"
    assert isinstance(found[1].error, PreemptedError)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_all_in_order(tmp_path: Path, number: signal.Signals) -> None:
    def once_both_began() -> None:
        while len(begun(tmp_path)) < 2:
            time.sleep(0.05)
        os.kill(os.getpid(), number)

    before = signal.getsignal(number)
    Timer(0.1, once_both_began).start()
    found: list[Outcome[int]] = []
    with pytest.raises(Signalled) as caught:
        found.extend(outcomes([Touch(tmp_path, place, LONG) for place in range(3)], 2, tmp_path))
    assert caught.value.number == number
    assert begun(tmp_path) == [0, 1]
    assert signal.getsignal(number) is before


def test_a_killed_process_is_told(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="a process of --jobs was killed"):
        list(outcomes([Touch(tmp_path, 0, dies=True), Touch(tmp_path, 1)], 2, tmp_path))


def test_errors_for_the_user_travel_whole() -> None:
    errors: list[AamError] = [
        InputError("a/table.tsv", "is empty"),
        InputError.of(("one", "two")),
        PreemptedError("stopped", interrupted=True),
    ]
    for error in errors:
        found = pickle.loads(pickle.dumps(error))
        assert type(found) is type(error)
        assert (str(found), found.problems, found.exit_code) == (str(error), error.problems, error.exit_code)
