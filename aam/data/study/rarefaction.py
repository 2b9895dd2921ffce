"""Drawing the same number of reads from every sample, as a pure function of seed, epoch and sample."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

from aam.errors import InputError
from aam.text import shorten

AUTO_KEPT_FRACTION = 0.95
MAX_AUTO_DEPTH = 5_000
NUMPY_LIMIT = 1_000_000_000
"""NumPy draws from fewer reads than this."""
BLOCK = 10_000_000
"""Reads that are drawn at once above NumPy's limit."""


def sample_key(sample_id: str) -> int:
    """A number of 64 bits that depends on a sample's id alone, on every machine and in every process."""
    digest = hashlib.blake2b(str(sample_id).encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def draw_rng(seed: int, epoch: int, key: int) -> np.random.Generator:
    """The random numbers of one sample in one epoch.

    Parameters
    ----------
    seed, epoch
        Seed of the run, and the epoch.
    key
        The sample's key, see :func:`sample_key`.
    """
    words = (epoch, key >> 32, key & 0xFFFFFFFF)
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=words)))


def rarefy(counts: np.ndarray, depth: int, rng: np.random.Generator) -> np.ndarray:
    """Draw reads without replacement.

    Parameters
    ----------
    counts
        Reads of each ASV.
    depth
        How many to draw; no more than there are.
    rng
        Source of the random numbers.

    Returns
    -------
    numpy.ndarray
        Drawn reads of each ASV (int64); their sum is ``depth``. They follow the multivariate hypergeometric
        distribution.
    """
    counts = np.asarray(counts, dtype=np.int64)
    if counts.sum() < NUMPY_LIMIT:
        return rng.multivariate_hypergeometric(counts, depth, method="marginals")
    rest = int(counts.sum()) - depth
    return _draw(counts, depth, rng) if depth <= rest else counts - _draw(counts, rest, rng)


def _draw(counts: np.ndarray, depth: int, rng: np.random.Generator) -> np.ndarray:
    """Number the reads and draw numbers, some at a time, so that the memory stays small."""
    left = counts.copy()
    for start in range(0, depth, BLOCK):
        ends = np.cumsum(left)
        reads = rng.choice(ends[-1], min(BLOCK, depth - start), replace=False, shuffle=False)
        left -= np.bincount(np.searchsorted(ends, reads, side="right"), minlength=len(left))
    return counts - left


def resolve_depth(
    depth: int | Literal["auto", "none"], reads: np.ndarray, sample_ids: Sequence[str] | np.ndarray
) -> int | None:
    """The number of reads to draw from each sample.

    Parameters
    ----------
    depth
        A number; ``none`` for all reads; ``auto`` for the depth that keeps 95% of the samples, 5,000 at most.
    reads, sample_ids
        Reads of each sample, and the samples' names for messages.

    Returns
    -------
    int or None
        The depth; None where all reads are used.

    Raises
    ------
    InputError
        If no sample has as many reads.
    """
    if depth == "none":
        return None
    if depth == "auto":
        kept = math.ceil(AUTO_KEPT_FRACTION * len(reads))
        return int(min(np.sort(reads)[::-1][kept - 1], MAX_AUTO_DEPTH))
    largest = int(reads.argmax())
    if depth > reads[largest]:
        problem = f"no sample has {depth:,} reads (largest: {shorten(str(sample_ids[largest]))}, {reads[largest]:,})"
        raise InputError("rarefaction", problem, "lower --rarefy-depth, or none for all reads")
    return depth
