"""Whether numbers can be computed with: their spread, and weights that are brought to a mean of 1."""

from __future__ import annotations

import re

import numpy as np

from aam.errors import InputError
from aam.text import plural, shorten

NINES = re.compile(r"-?9{2,}(\.0)?")
"""What programs write for a missing number: -9999, 999."""
FAR_FOR_NINES = 2.0
FAR = 1000.0
"""How far a value lies from the others, in ranges of these, so that it is taken for a word for missing."""


def computable_spread(source: str, name: str, values: np.ndarray, remedy: str) -> float:
    """The standard deviation of numbers.

    Parameters
    ----------
    source, name
        The file and the column, as errors name them.
    values
        Numbers, none of them missing, not all the same.
    remedy
        What to do about numbers that are too large or too close to compute with.

    Raises
    ------
    InputError
        If their squares are larger than the largest number there is, or their differences smaller than the smallest.
    """
    with np.errstate(all="ignore"):
        spread = float(values.std())
    if not 0 < spread < float("inf"):
        raise InputError(
            source,
            f"column '{shorten(name)}': values from {values.min():g} to {values.max():g} have no computable "
            "standard deviation",
            remedy,
        )
    return spread


def mean_of_weights(source: str, what: str, weights: np.ndarray, learned: np.ndarray) -> float:
    """The mean weight of the samples that are learned from.

    Parameters
    ----------
    source, what
        The file, and the column or option, as errors name them.
    weights
        Weight of each sample, above 0.
    learned
        Weight of those that are learned from.

    Raises
    ------
    InputError
        If weights in units of their mean would be no number, or nothing, in single precision.
    """
    with np.errstate(all="ignore"):
        mean = float(learned.mean())
        scaled = (weights / mean).astype(np.float32)
    if not (np.isfinite(scaled).all() and (scaled > np.finfo(np.float32).tiny).all()):
        problem = f"{what}: weights from {weights.min():g} to {weights.max():g} cannot be computed with"
        raise InputError(source, problem, "give weights around 1")
    return mean


def stand_in(values: np.ndarray) -> float | None:
    """The number that seems to stand for a missing one: the least or the largest, far from all others.

    Parameters
    ----------
    values
        Numbers, none of them missing.
    """
    for one in (values.min(), values.max()) if len(values) else ():
        others = values[values != one]
        if not len(others):
            continue
        span = float(np.ptp(others))
        far = FAR_FOR_NINES if NINES.fullmatch(f"{one:.17g}") else FAR
        if span > 0 and np.abs(others - one).min() > far * span:
            return float(one)
    return None


def stand_in_line(name: str, values: np.ndarray) -> str | None:
    """What to say of a number that seems to stand for a missing one; None where there is none."""
    with np.errstate(all="ignore"):
        one = stand_in(values)
    if one is None:
        return None
    number = plural(int((values == one).sum()), "sample")
    others = values[values != one]
    return (
        f"column '{shorten(name)}' is {one:g} in {number}, far from the others ({others.min():g} to "
        f"{others.max():g}): if it stands for a missing value, give the cell to --missing"
    )
