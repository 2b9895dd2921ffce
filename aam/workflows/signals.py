"""Signals that stop a run: it ends in order wherever it is, with the words to go on."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from aam.errors import SIGNALS, Signalled, is_ignored


@contextmanager
def stopped_in_order(remedy: Callable[[], str]) -> Iterator[None]:
    """Let a signal end what is done inside; while a model trains, its own callback answers and saves.

    Parameters
    ----------
    remedy
        What to do afterwards, asked when the signal has come.

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
    except Signalled as told:
        raise told.preempted(f"stopped; {remedy()}") from None
    finally:
        for number, handler in before.items():
            if signal.getsignal(number) is interrupt:  # not one that was told meanwhile to be ignored
                signal.signal(number, handler)


def ignore_further_signals() -> None:
    """Let no further signal change how a process ends that was told to stop, and takes a moment for it."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
