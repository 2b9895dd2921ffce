"""How far a long computation is: a bar on a terminal or in a notebook, elsewhere a line every half minute."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from importlib.util import find_spec
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

from aam.text import format_duration, printable

EVERY_SECONDS = 30.0
REFRESHES_PER_SECOND = 4
NARROW, WIDE = 60, 100
"""Columns of a terminal below which no bar is drawn, and from which there is room for more than how far it is."""
BAR, LEFT, LEAST_WORDS = 20, 16, 8
"""Columns of the bar itself, of the time left, and of what is done, at least."""
PRIOR = 0.1
"""Share of the whole that a measured duration counts beside what the computation really took."""


def progress_console(wanted: bool) -> tuple[Console, bool]:
    """Where progress bars are drawn, and whether to hide them.

    Bars are shown on the error stream of a terminal, and in a notebook, where rich draws them as a widget.
    """
    console = Console(stderr=True)
    can_draw = (console.is_terminal and not _is_below_a_notebook()) or (
        console.is_jupyter and find_spec("ipywidgets") is not None
    )
    return console, not (wanted and can_draw)


def _is_below_a_notebook() -> bool:
    """Whether a cell of a notebook started this program: it asks for colours, but shows each redrawing as a line."""
    return "JPY_PARENT_PID" in os.environ and not sys.stderr.isatty()


_HIDDEN: ContextVar[bool] = ContextVar("hidden", default=False)


@contextmanager
def without_bars(hidden: bool = True) -> Iterator[None]:
    """Show no bar within the block, where ``hidden``: not even of what has no option for it, such as reading."""
    token = _HIDDEN.set(hidden or _HIDDEN.get())
    try:
        yield
    finally:
        _HIDDEN.reset(token)


class Bar:
    """How far a computation of equal or unequal steps is, and about how long the rest takes.

    Parameters
    ----------
    what
        What is done, in a word or two.
    unit
        What a step is called, in the plural.
    total
        Steps.
    done
        Steps that were done before.
    seconds
        How long all steps are expected to take, where that was measured. The work of a step is then in seconds as
        well, else it is 1.
    wanted
        Whether to show anything.
    every
        Seconds between lines where no bar can be drawn.
    """

    def __init__(
        self,
        what: str,
        unit: str,
        total: int,
        *,
        done: int = 0,
        seconds: float | None = None,
        wanted: bool = True,
        every: float = EVERY_SECONDS,
    ) -> None:
        self.what, self.unit, self.total, self.done, self.seconds = what, unit, total, done, seconds
        self.work = self._work_before = 0.0 if seconds is not None else float(done)
        self.extra = ""
        wanted = wanted and not _HIDDEN.get()
        console, hidden = progress_console(wanted)
        self.bars = Progress(
            *self._columns(console.width),
            console=console,
            disable=hidden,
            transient=not console.is_jupyter,
            refresh_per_second=REFRESHES_PER_SECOND,
        )
        self._task = self.bars.add_task(what, total=self._all_work)
        self._lines = _Lines(self, every) if wanted and hidden else None
        self._started = self._advanced = time.monotonic()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Show it; the clock starts with the first call."""
        if not self.is_begun:
            self._started = self._advanced = time.monotonic()
        self.bars.start()
        if self._lines is not None and self._lines.is_over.is_set():
            self._lines = _Lines(self, self._lines.every)
        if self._lines is not None and self._lines.ident is None:
            self._lines.start()

    def stop(self) -> None:
        """Take it away."""
        self.bars.stop()
        if self._lines is not None:
            self._lines.is_over.set()

    def hide(self) -> None:
        """Take it away while something else is written; lines go on, and in a notebook it stays."""
        if not self.bars.console.is_jupyter:
            self.bars.stop()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Away while something else is written."""
        self.hide()
        yield
        self.start()

    def say(self, what: str, extra: str = "") -> None:
        """What is done now, and what else to show where there is room."""
        self.what, self.extra = what, extra or self.extra
        self.bars.update(self._task, description=what)

    def advance(self, steps: int = 1, work: float | None = None) -> None:
        """So many steps more are done, of so much work together."""
        self.done += steps
        self.work += float(steps) if work is None else work
        self._advanced = time.monotonic()
        self.bars.update(self._task, completed=min(self.work, self._all_work))

    @property
    def is_begun(self) -> bool:
        """Whether any step was done."""
        return self.work > self._work_before

    @property
    def left(self) -> float | None:
        """Seconds that the rest takes about; None where nothing is known."""
        worked, took = self.work - self._work_before, self._advanced - self._started
        if self.seconds is not None:
            prior = PRIOR * self.seconds
            worked, took = worked + prior, took + prior
        if worked <= 0:
            return None
        since = time.monotonic() - self._advanced
        return max(0.0, (self._all_work - self.work) * took / worked - since)

    @property
    def left_words(self) -> str:
        """The same in words; nothing where nothing is known."""
        left = self.left
        return "" if left is None else f"{format_duration(left)} left"

    @property
    def count(self) -> str:
        """Steps that are done, and all."""
        return f"{self.done:,}/{self.total:,} {self.unit}"

    @property
    def line(self) -> str:
        """All in a line."""
        words = self.left_words
        more = f", {'' if self.left is None else 'about '}{words}" if words else ""
        return f"{self.what}: {self.done:,} of {self.total:,} {self.unit}{more}"

    @property
    def _all_work(self) -> float:
        return float(self.total) if self.seconds is None else max(self.seconds, 1e-9)

    def _columns(self, width: int) -> list[ProgressColumn]:
        """What there is room for, with a space between columns."""
        count = len(f"{self.total:,}/{self.total:,} {self.unit}")
        fixed = [_Shown(self, "count", count), _Shown(self, "left_words", LEFT)]
        room = width - count - LEFT - len(fixed)
        if width < NARROW:
            return [_Shown(self, "what", max(LEAST_WORDS, room)), *fixed]
        room = max(LEAST_WORDS, room - BAR - 1)
        losses = [_Shown(self, "extra", room // 2)] if width >= WIDE else []
        return [_Shown(self, "what", room // 2 if losses else room), BarColumn(BAR), *fixed, *losses]


class _Shown(ProgressColumn):
    """A property of a bar, cut where it is too long."""

    max_refresh = 0.5

    def __init__(self, bar: Bar, name: str, width: int) -> None:
        super().__init__(TextColumn("").get_table_column())
        self.bar, self.name, self.width = bar, name, width

    def render(self, task: Task) -> Text:
        text = Text(printable(getattr(self.bar, self.name)), no_wrap=True)
        text.truncate(self.width, overflow="ellipsis")
        return text


class _Lines(threading.Thread):
    """Writes how far a bar is to the error stream, every so many seconds."""

    def __init__(self, bar: Bar, every: float) -> None:
        super().__init__(daemon=True, name="progress")
        self.bar, self.every, self.is_over = bar, every, threading.Event()

    def run(self) -> None:
        """Write until it is over, or nobody reads."""
        with suppress(OSError, ValueError):
            while not self.is_over.wait(self.every):
                print(printable(self.bar.line), file=sys.stderr, flush=True)
