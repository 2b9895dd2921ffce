"""The time left of several runs at once, by a clock that the tests set."""

from __future__ import annotations

import pytest

from aam.workflows.runs import jobs_bar
from aam.workflows.runs.jobs_bar import JobsBar


class Clock:
    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(jobs_bar, "time", found)
    return found


def bar_of(total: int, *, jobs: int, done: int = 0) -> JobsBar:
    return JobsBar("fold", total, done=done, jobs=jobs, wanted=False)


def test_nothing_is_known_before_the_first(clock: Clock) -> None:
    bar = bar_of(4, jobs=2)
    clock.now += 50
    assert bar.left is None
    assert bar.line == "folds: 0 of 4 folds, ? left"


def test_what_runs_beside_is_nearly_done(clock: Clock) -> None:
    bar = bar_of(4, jobs=2)
    clock.now += 10
    bar.finish(0)
    # the second has run as long as the first took; the third begins, and the fourth follows the second
    assert bar.left == pytest.approx(1 + 10)
    bar.finish(1)
    assert bar.left == pytest.approx(10)
    clock.now += 4
    assert bar.left == pytest.approx(6)
    assert bar.line == "folds: 2 of 4 folds, about 6 seconds left"


def test_a_late_run_never_has_nothing_left(clock: Clock) -> None:
    bar = bar_of(2, jobs=2)
    clock.now += 10
    bar.finish(1)
    clock.now += 30
    assert bar.left == pytest.approx(4)
    bar.finish(0)
    assert bar.left == 0


def test_finished_before_and_more_workers(clock: Clock) -> None:
    bar = bar_of(5, jobs=8, done=2)
    clock.now += 6
    bar.finish(2)
    assert (bar.done, bar.count) == (3, "3/5 folds")
    assert bar.left == pytest.approx(0.6)
