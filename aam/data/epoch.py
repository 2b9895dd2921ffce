"""What an epoch's batches are: how many, and which samples go together. Without torch, so that plans can use it."""

from __future__ import annotations

from heapq import heappop, heappush

import numpy as np

BALANCED_TOGETHER = 8
"""Neighbouring batches whose samples are dealt out so that each has about as many ASVs as the others."""


def num_batches(num_samples: int, batch_size: int, world_size: int = 1) -> int:
    """Batches of an epoch: as few as the batch size allows, but none of a single sample unless one is asked for.

    A sample alone has no distance to another, so that it would teach nothing; one more sample in a batch of 2 does.
    """
    fewest = -(-num_samples // (batch_size * world_size))
    most = num_samples if batch_size == 1 else num_samples // 2
    return max(1, min(fewest, most // world_size))


def deal(order: np.ndarray, size_N: np.ndarray, number: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Cut an order of samples into batches of nearly equal numbers of samples and of ASVs.

    What a batch costs in time and memory goes with the ASVs of all its samples, so that without this a batch of rich
    samples would set the memory that a run needs. The samples of eight neighbouring batches are dealt out to them, the
    richest first, each to the batch that has the fewest ASVs so far (Graham 1969, https://doi.org/10.1137/0117039).
    Every batch still is a random choice, of poor and rich samples alike: batches of samples of one size (bucketing)
    would save padding, of which there is none here, and would show the model only pairs of equals.

    Parameters
    ----------
    order
        Positions of the samples, in random order.
    size_N
        Number of ASVs of the sample at each position.
    number
        Number of batches.
    rng
        Puts the batches of a deal in random order.
    """
    batches: list[np.ndarray] = []
    parts = np.array_split(order, number)
    for first in range(0, number, BALANCED_TOGETHER):
        together = parts[first : first + BALANCED_TOGETHER]
        ranked = np.concatenate(together)
        ranked = ranked[np.argsort(-size_N[ranked], kind="stable")]
        batches.extend(_dealt(ranked, together, size_N, rng))
    return batches


def _dealt(
    ranked: np.ndarray, like: list[np.ndarray], size_N: np.ndarray, rng: np.random.Generator
) -> list[np.ndarray]:
    """The ranked samples in as many batches, of the same numbers of samples, in random order."""
    dealt: list[list[int]] = [[] for _ in like]
    lightest = [(0, batch) for batch in range(len(like))]
    for position in ranked.tolist():
        asvs, batch = heappop(lightest)
        dealt[batch].append(position)
        if len(dealt[batch]) < len(like[batch]):
            heappush(lightest, (asvs + int(size_N[position]), batch))
    return [np.array(dealt[batch], dtype=np.int64) for batch in rng.permutation(len(like))]
