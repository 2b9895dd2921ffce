"""How far several runs at once are, and about how long the rest takes."""

from __future__ import annotations

import heapq
import time

import numpy as np

from aam.progress import Bar

LATE = 0.1
"""Of a run that takes longer than the finished ones did: the share of its time so far that it is expected to go on."""


class JobsBar(Bar):
    """The progress of runs of which several work at once.

    The time left is that in which the free workers take what waits, each run as long as the mean of the finished ones;
    those that have begun are that much ahead. Before the first is finished nothing is known, which is said.

    Parameters
    ----------
    what
        What a run is called.
    total, done
        Runs, and those that were finished before.
    jobs
        How many work at once.
    wanted
        Whether to show it.
    """

    def __init__(self, what: str, total: int, *, done: int, jobs: int, wanted: bool) -> None:
        self.jobs, self._took = jobs, list[float]()
        self._began: dict[int, float] = {}
        self._waiting = list(range(total - done))
        super().__init__(f"{what}s", f"{what}s", total, done=done, wanted=wanted)
        self._take_next()

    def finish(self, place: int) -> None:
        """The n-th of the runs that were not finished before (from 0) is finished; the next one begins."""
        self._took.append(time.monotonic() - self._began.pop(place))
        self._take_next()
        self.advance()

    @property
    def left(self) -> float | None:
        """Seconds that the rest takes about; None before the first run is finished."""
        if not self._took:
            return None
        usual, now = float(np.mean(self._took)), time.monotonic()
        workers = [max(usual - (now - began), LATE * (now - began)) for began in self._began.values()]
        heapq.heapify(workers)
        for _ in self._waiting if workers else ():
            heapq.heapreplace(workers, workers[0] + usual)
        return max(workers, default=0.0)

    @property
    def left_words(self) -> str:
        """The same in words."""
        return super().left_words or "? left"

    def _take_next(self) -> None:
        while self._waiting and len(self._began) < self.jobs:
            self._began[self._waiting.pop(0)] = time.monotonic()
