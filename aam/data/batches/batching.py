"""What an epoch's batches are: how many, and which samples go together. Without torch, so that plans can use it."""

from __future__ import annotations

from heapq import heappop, heappush

import numpy as np

BALANCED_TOGETHER = 8
"""Neighbouring batches whose samples are dealt out so that each has about as many ASVs as the others."""


def num_steps(num_samples: int, batch_size: int, accumulation: int) -> int:
    """Steps of the optimiser in an epoch, each of ``accumulation`` batches."""
    return num_batches(num_samples, batch_size * accumulation)


def num_batches(num_samples: int, batch_size: int) -> int:
    """Batches of an epoch: as few as the batch size allows, but none of a single sample unless one is asked for.

    A sample alone has no distance to another, so that it would teach nothing; one more sample in a batch of 2 does.
    """
    fewest = -(-num_samples // batch_size)
    most = num_samples if batch_size == 1 else num_samples // 2
    return max(1, min(fewest, most))


def step_size(num_samples: int, num_steps: int, step: int) -> int:
    """Samples of one step of an epoch: the first ones have one more where they cannot be equal."""
    return num_samples // num_steps + (step < num_samples % num_steps)


def balanced_order(level_N: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Positions of as many samples as there are, the same number of each level, in random order.

    Of a level with fewer samples each is taken as often as any other, or once more; of one with more, some are left
    out in this epoch. Where the levels do not come out even, lots decide which have one more.

    Parameters
    ----------
    level_N
        Level of each sample.
    rng
        Draws.
    """
    levels, level_of = np.unique(level_N, return_inverse=True)
    number = len(level_N)
    wanted = np.full(len(levels), number // len(levels))
    wanted[rng.permutation(len(levels))[: number % len(levels)]] += 1
    drawn = []
    for level, count in enumerate(wanted.tolist()):
        own = np.flatnonzero(level_of == level)
        whole, rest = divmod(count, len(own))
        drawn += [own] * whole
        drawn.append(rng.choice(own, rest, replace=False))
    return np.asarray(rng.permutation(np.concatenate(drawn)))


def deal(order: np.ndarray, size_N: np.ndarray, number: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Cut an order of samples into batches of nearly equal numbers of samples and of ASVs.

    What a batch costs in time and memory goes with the ASVs of all its samples, so that without this a batch of rich
    samples would set the memory that a run needs. The samples of eight neighbouring batches are ranked by size, and of
    the eight richest each batch gets one by lot, and so on: a random choice in every epoch, with poor and rich samples
    in every batch (stratified sampling). Batches of samples of one size (bucketing) would save padding, of which there
    is none here, and would show the model only pairs of equals.

    Parameters
    ----------
    order
        Positions of the samples, in random order.
    size_N
        Number of ASVs of the sample at each position.
    number
        Number of batches.
    rng
        Draws the lots.
    """
    batches: list[np.ndarray] = []
    parts = np.array_split(order, number)
    for first in range(0, number, BALANCED_TOGETHER):
        together = parts[first : first + BALANCED_TOGETHER]
        ranked = np.concatenate(together)
        ranked = ranked[np.argsort(-size_N[ranked], kind="stable")]
        batches.extend(_assign_within_tiers(ranked, len(together), rng))
    return batches


def _assign_within_tiers(ranked: np.ndarray, number: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Each batch one of every ``number`` samples in turn; of the last ones, which may be fewer, the first batches."""
    whole = len(ranked) // number * number
    tiers = rng.permuted(ranked[:whole].reshape(-1, number), axis=1)
    rest = ranked[whole:]
    return [np.append(tiers[:, batch], rest[batch : batch + 1]) for batch in range(number)]


def split_step(step: np.ndarray, size_N: np.ndarray, number: int) -> list[np.ndarray]:
    """The samples of a step in so many batches whose gradients are summed.

    The richest first, each goes to the batch that has the fewest ASVs so far (Graham 1969,
    https://doi.org/10.1137/0117039).
    """
    rooms = [len(part) for part in np.array_split(step, number)]
    batches: list[list[int]] = [[] for _ in rooms]
    lightest = [(0, batch) for batch in range(number)]
    for position in step[np.argsort(-size_N[step], kind="stable")].tolist():
        asvs, batch = heappop(lightest)
        batches[batch].append(position)
        if len(batches[batch]) < rooms[batch]:
            heappush(lightest, (asvs + int(size_N[position]), batch))
    return [np.array(batch, dtype=np.int64) for batch in batches]
