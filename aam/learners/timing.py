"""How long learners take on this machine, from a first step of each on few samples.

Nothing is known beforehand: two sizes are measured, and how the time grows between them is how it grows beyond.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from aam.learners.protocol import Labelled

FEWEST, MOST = 20, 200
"""Samples of a first step: all, or so many; where fewer than the least have all targets, all as well."""
SHORT = 0.1
"""Seconds of what is tried twice."""


class Trial(NamedTuple):
    """So many samples took so long."""

    samples: int
    seconds: float


def few(samples: Labelled, seed: int = 42) -> Labelled:
    """The samples of a first step, drawn at random: of those that have all targets, where these are enough."""
    known = ~np.isnan(samples.targets).any(axis=1)
    if known.sum() < FEWEST:
        return samples
    return samples.take(known).at_most(MOST, seed)


def timed(action: Callable[[], object]) -> float:
    """Seconds that an action takes: the less of two tries where these are short, and something else may get between."""
    found = math.inf
    for _ in range(2):
        started = time.perf_counter()
        action()
        found = min(found, time.perf_counter() - started)
        if found > SHORT:
            break
    return found


def extrapolated(half: Trial, whole: Trial, samples: int, steepest: float) -> float:
    """Seconds for more samples, by the power of their number that two trials show: at least 1, at most ``steepest``."""
    if half.seconds <= 0 or half.samples == whole.samples:
        power = 1.0
    else:
        growth = math.log(max(whole.seconds, 1e-9) / half.seconds) / math.log(whole.samples / half.samples)
        power = min(steepest, max(1.0, growth))
    return float(whole.seconds * (samples / whole.samples) ** power)


def half(samples: Labelled) -> Labelled:
    """Half of some samples; all where each may be needed."""
    if np.isnan(samples.targets).any():
        return samples
    return samples.take(np.arange(max(2, len(samples) // 2)))


def folds_of(samples: Labelled, number: int) -> np.ndarray:
    """Folds for a first step, in which nothing is judged."""
    return np.arange(len(samples)) % min(number, len(samples))
