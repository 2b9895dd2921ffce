"""Nested subsets of samples: whole groups in a random order, of which a subset takes the first so many."""

from __future__ import annotations

import math

import numpy as np

OF_EACH = 2
"""Groups of every stratum that come first, so that it can be learned without one of them."""
MOST_HALVES, MOST_STEPS = 5, 6
"""Sizes of a ladder in steps of 2, and in smaller ones."""
SMALL_STEP = math.sqrt(2)


def nested_ranks(
    strata: np.ndarray, groups: np.ndarray | None, rng: np.random.Generator, *, cover: bool = False
) -> tuple[np.ndarray, int]:
    """Place of each sample's group in a random order; those below ``k`` are a subset of ``k`` groups.

    Parameters
    ----------
    strata
        Stratum of each sample, from 0.
    groups
        Group of each sample; None where each stands alone.
    rng
        Draws.
    cover
        Whether groups that every stratum needs come first.

    Returns
    -------
    tuple
        The places from 0, and the least ``k`` whose subset has every stratum, in two groups where there are two.
    """
    unit_of = np.arange(len(strata)) if groups is None else np.unique(groups.astype(str), return_inverse=True)[1]
    order = rng.permutation(int(unit_of.max()) + 1)
    first: list[int] = []
    if cover:
        has_GK = np.zeros((len(order), int(strata.max()) + 1), dtype=bool)
        has_GK[unit_of, strata] = True
        found_K = np.zeros(has_GK.shape[1], dtype=np.int64)
        for unit in order:
            if (has_GK[unit] & (found_K < OF_EACH)).any():
                first.append(int(unit))
                found_K += has_GK[unit]
    rest = order[~np.isin(order, first)]
    rank_of = np.empty(len(order), dtype=np.int64)
    rank_of[np.concatenate([np.array(first, dtype=np.int64), rest])] = np.arange(len(order))
    return rank_of[unit_of], len(first)


def ladder(largest: int, least: int) -> tuple[int, ...]:
    """Sizes up to the largest, ascending: its halves where there are four sizes or more, else in smaller steps.

    Parameters
    ----------
    largest
        Always one of them.
    least
        None is smaller, but for the largest.
    """
    step, most = (2.0, MOST_HALVES) if largest / 8 >= least else (SMALL_STEP, MOST_STEPS)
    sizes, size = [largest], float(largest)
    while len(sizes) < most and round(size := size / step) >= least:
        if round(size) < sizes[-1]:
            sizes.append(round(size))
    return tuple(reversed(sizes))
