"""Draws without replacement in a time that does not depend on how many reads there are, up to 2^53.

NumPy draws from fewer than 10^9. Above, each ASV's reads are drawn given those of the ASVs before it, by rejection: the
algorithm HRUA, which NumPy uses too, with probabilities that keep their precision in large numbers.

References
----------
Stadlober 1990, The ratio of uniforms approach for generating discrete random variates, J. Comput. Appl. Math. 31:181.
https://doi.org/10.1016/0377-0427(90)90349-5
"""

from __future__ import annotations

import math

import numpy as np

NUMPY_LIMIT = 1_000_000_000
"""NumPy draws from fewer reads than this."""
SINGLE_DRAWS = 10
"""Up to so many reads are drawn one after the other."""
HAT = (2 * math.sqrt(2 / math.e), 3 - 2 * math.sqrt(3 / math.e))
TAIL = 16
"""Standard deviations beyond which the probability is less than any float's precision."""
FEWEST_OF_SERIES = 100


def draw_without_replacement(counts: np.ndarray, depth: int, rng: np.random.Generator) -> np.ndarray:
    """Draw from the multivariate hypergeometric distribution.

    Parameters
    ----------
    counts
        int64: reads of each ASV, with a sum of 2^53 at most.
    depth
        How many to draw; no more than there are.
    rng
        Source of the random numbers.

    Returns
    -------
    numpy.ndarray
        Drawn reads of each ASV (int64).
    """
    total = int(counts.sum())
    if total < NUMPY_LIMIT:
        return rng.multivariate_hypergeometric(counts, depth, method="marginals")
    drawn = np.zeros_like(counts)
    for place, own in enumerate(counts.tolist()):
        drawn[place] = number = _draw(own, total - own, depth, rng)
        total, depth = total - own, depth - number
        if total < NUMPY_LIMIT:
            drawn[place + 1 :] = rng.multivariate_hypergeometric(counts[place + 1 :], depth, method="marginals")
            break
    return drawn


def _draw(good: int, bad: int, depth: int, rng: np.random.Generator) -> int:
    """How many of ``depth`` reads drawn from ``good + bad`` are good ones."""
    total = good + bad
    if depth > total - depth:  # what is left is a draw too
        return good - _draw(good, bad, total - depth, rng)
    if good > bad:
        return depth - _draw(bad, good, depth, rng)
    if depth <= SINGLE_DRAWS or good == 0:
        return _one_by_one(good, total, depth, rng)
    return _by_rejection(good, total, depth, rng)


def _one_by_one(good: int, total: int, depth: int, rng: np.random.Generator) -> int:
    left = good
    for number in range(depth if good else 0):
        left -= int(rng.integers(total - number)) < left
    return good - left


def _by_rejection(good: int, total: int, depth: int, rng: np.random.Generator) -> int:
    """Ratio of uniforms, as steps from the mode; ``good`` and ``depth`` are at most half of the total."""
    mode = (depth + 1) * (good + 1) // (total + 2)
    # The product is exact, and so is what the mean lies off the mode.
    centre = (depth * good - mode * total) / total + 0.5
    share, rest = good / total, (total - depth) / (total - 1)
    deviation = math.sqrt(depth * share * (1 - share) * rest + 0.5)
    width = HAT[0] * deviation + HAT[1]
    most = min(min(depth, good) + 1 - mode, math.floor(centre + TAIL * deviation))
    while True:
        first, second = 1.0 - rng.random(), rng.random()
        step = math.floor(centre + width * (second - 0.5) / first)
        if -mode <= step < most and 2 * math.log(first) <= log_ratio(step, mode, good, total, depth):
            return mode + step


def log_ratio(step: int, mode: int, good: int, total: int, depth: int) -> float:
    """Logarithm of the probability of ``mode + step`` good reads beside that of ``mode``.

    Each of the four factorials of a hypergeometric probability is taken beside that at the mode, since in differences
    of whole factorials of large numbers nothing would be left of what differs.
    """
    bad_left = total - good - depth
    return -(
        _log_factorial_ratio(mode, step)
        + _log_factorial_ratio(good - mode, -step)
        + _log_factorial_ratio(depth - mode, -step)
        + _log_factorial_ratio(bad_left + mode, step)
    )


def _log_factorial_ratio(number: int, step: int) -> float:
    """Logarithm of ``(number + step)! / number!``, by the differences of the terms of Stirling's series."""
    other = number + step
    if min(number, other) < FEWEST_OF_SERIES:
        return math.lgamma(other + 1) - math.lgamma(number + 1)
    growth = math.log1p(step / number)
    series = (1 / other - 1 / number) / 12 - (other**-3 - number**-3) / 360
    return step * math.log(number) + (other * growth - step) + 0.5 * growth + series
