from __future__ import annotations

import io
import re
import time
from typing import Any

import pytest
from rich.console import Console

from aam import progress
from aam.progress import Bar, without_bars

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(progress, "time", found)
    return found


@pytest.fixture
def no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.setenv("TTY_COMPATIBLE", "0")


def drawn(columns: int, bar: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The lines of a bar on a terminal of this width, after half of its steps."""
    stream = io.StringIO()
    terminal = Console(file=stream, force_terminal=True, width=columns, legacy_windows=False)
    monkeypatch.setattr(progress, "progress_console", lambda wanted: (terminal, not wanted))
    with bar() as shown:
        shown.say("kernel ridge on UniFrac over the phylogeny", "loss 0.123  target 0.456  counts 0.789")
        shown.advance(shown.total // 2)
        shown.bars.refresh()
    return [line for line in re.split(r"[\r\n]+", ESCAPES.sub("", stream.getvalue())) if line.strip()]


@pytest.mark.parametrize("columns", [40, 60, 80, 100, 140])
@pytest.mark.parametrize("total", [60, 1_200])
def test_a_bar_fits_the_terminal(columns: int, total: int, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = drawn(columns, lambda: Bar("fitting", "fits", total), monkeypatch)
    assert max(map(len, lines)) <= columns
    last = lines[-1]
    assert f"{total // 2:,}/{total:,} fits" in last
    assert last.rstrip().endswith("left") or "left " in last
    assert ("loss 0.123" in last) == (columns >= progress.WIDE)


def test_the_time_left_is_that_of_the_work_left(clock: Clock) -> None:
    with Bar("predicting", "samples", 10, wanted=False) as bar:
        assert bar.left is None
        clock.now += 4
        bar.advance(2)
        assert bar.left == pytest.approx(16)
        clock.now += 1
        assert bar.left == pytest.approx(15)
        bar.advance(8)
        assert bar.left == 0


def test_steps_of_before_cost_nothing(clock: Clock) -> None:
    with Bar("epoch", "steps", 100, done=90, wanted=False) as bar:
        clock.now += 5
        bar.advance(5)
        assert bar.left == pytest.approx(5)
        assert bar.count == "95/100 steps"


def test_a_measured_duration_holds_until_more_is_known(clock: Clock) -> None:
    with Bar("fitting", "fits", 4, seconds=100, wanted=False) as bar:
        assert bar.left == pytest.approx(100)
        clock.now += 100  # twice as long as was expected
        bar.advance(1, 50)
        assert bar.left == pytest.approx(50 * (100 + 10) / (50 + 10))


def test_where_nothing_can_be_drawn_there_are_lines(no_terminal: None, capsys: pytest.CaptureFixture[str]) -> None:
    with Bar("fitting forest", "fits", 4, every=0.05) as bar:
        time.sleep(0.02)
        bar.advance(2)
        deadline = time.monotonic() + 10
        said = ""
        while not said and time.monotonic() < deadline:
            time.sleep(0.02)
            said = capsys.readouterr().err
    assert re.fullmatch(r"fitting forest: 2 of 4 fits, about \d+ seconds? left", said.splitlines()[0])
    time.sleep(0.2)
    capsys.readouterr()
    time.sleep(0.2)
    assert capsys.readouterr().err == ""


def test_lines_come_every_30_seconds() -> None:
    assert progress.EVERY_SECONDS == 30


def test_nobody_who_does_not_want_it_sees_it(no_terminal: None, capsys: pytest.CaptureFixture[str]) -> None:
    with Bar("fitting", "fits", 4, wanted=False, every=0.01) as bar:
        bar.advance()
        time.sleep(0.1)
    assert capsys.readouterr() == ("", "")


def test_lines_end_with_an_error(no_terminal: None, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RuntimeError), Bar("fitting", "fits", 4, every=0.05):
        raise RuntimeError
    capsys.readouterr()
    time.sleep(0.2)
    assert capsys.readouterr().err == ""


def test_nothing_is_shown_where_bars_are_hidden(no_terminal: None, capsys: pytest.CaptureFixture[str]) -> None:
    with without_bars(), without_bars(hidden=False), Bar("reading", "values", 4, every=0.01) as bar:
        bar.advance()
        time.sleep(0.1)
    assert capsys.readouterr().err == ""


def test_a_shell_of_a_notebook_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """It asks for colours, as Jupyter's kernel does, and would keep every redrawing of a bar."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert progress.progress_console(wanted=True)[1] is False
    monkeypatch.setenv("JPY_PARENT_PID", "1")
    assert progress.progress_console(wanted=True)[1] is True
