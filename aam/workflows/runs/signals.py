"""Signals that stop a run: it ends in order wherever it is, and says how to continue."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from aam.errors import SIGNALS, Signalled, is_ignored


@contextmanager
def stopped_in_order(remedy: Callable[[], str]) -> Iterator[None]:
    """Let a signal end the work inside; while a model trains, its own callback handles it and saves.

    Parameters
    ----------
    remedy
        How to continue; called when the signal has come.

    Raises
    ------
    PreemptedError
        If a signal came.
    """

    def interrupt(number: int, _: FrameType | None) -> None:
        raise Signalled(number)

    before = {number: signal.signal(number, interrupt) for number in SIGNALS if not is_ignored(number)}
    try:
        yield
    except Signalled as signalled:
        raise signalled.preempted(f"stopped; {remedy()}") from None
    finally:
        for number, handler in before.items():
            if signal.getsignal(number) is interrupt:  # not one that is ignored by now
                signal.signal(number, handler)


def ignore_further_signals() -> None:
    """Ignore further signals while a process that was stopped ends, so that its exit code stays."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
