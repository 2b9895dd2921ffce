"""The streams of random numbers of a simulation: each part, subject and sample has its own."""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class Stream(IntEnum):
    """What a stream of random numbers is for."""

    TREE = 1
    SEQUENCES = 2
    NICHES = 3
    COMMUNITY = 4
    SUBJECT = 5
    SAMPLE = 6
    PILOT = 7


def stream(seed: int, part: Stream, index: int = 0) -> np.random.Generator:
    """Make the generator of one part of the simulation.

    Its numbers depend on these three values alone, so neither the order in which samples are made nor the size of
    the blocks they are made in can change a study.
    """
    return np.random.default_rng(np.random.SeedSequence([seed, int(part), index]))
