"""What a model promised on the held-out samples of its training run, beside what it does on others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import hypot

from aam.evaluation.catalogue import Interval


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """Results of the training run.

    Attributes
    ----------
    part
        The samples: ``test``, ``out_of_fold`` or ``validation``.
    num_samples
        How many.
    num_same
        How many of these are judged again.
    metrics
        Every metric with its interval.
    """

    part: str
    num_samples: int
    num_same: int = 0
    metrics: Mapping[str, Interval]


def difference_of_independent(first: Interval, second: Interval) -> Interval:
    """How much larger a metric of some samples is than that of others, from the intervals of both.

    The interval of the difference is recovered from the two (MOVER).

    References
    ----------
    Zou, Donner (2008), doi:10.1002/sim.3095, equation 3.
    """
    value = first.value - second.value
    low = value - hypot(first.value - first.low, second.high - second.value)
    return Interval(value, low, value + hypot(first.high - first.value, second.value - second.low))
