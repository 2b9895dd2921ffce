"""The processes that prepare batches."""

from __future__ import annotations

import os
import signal
from multiprocessing.queues import Queue
from types import FrameType
from typing import Any

from aam.errors import SIGNALS

REAL_ANSWER = Queue._on_queue_feeder_error  # type: ignore[attr-defined]


def begin_worker(_: int) -> None:
    """Leave signals to the main process, which ends the run in order, and keep linear algebra to one thread.

    A terminal, and many a scheduler, sends signals to all processes of a run. The workers are the parallelism, and the
    cores are the model's.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _heed_the_next)
    threadpool_limits(1)
    # Python would print the error and lose the batch, for which the main process would wait for ever.
    Queue._on_queue_feeder_error = staticmethod(_end)  # type: ignore[attr-defined]


def _heed_the_next(number: int, _: FrameType | None) -> None:
    """Let a first SIGTERM pass: a scheduler's to all processes. One that the main process sends, it sends again."""
    signal.signal(number, signal.SIG_DFL)


def _end(error: Exception, batch: Any) -> None:
    """End this process, since a batch cannot be handed over; the signal says why where shared memory is too small."""
    if isinstance(error, OSError) or "</torch_" in str(error):
        os.kill(os.getpid(), signal.SIGBUS)
    REAL_ANSWER(error, batch)
    os._exit(1)
