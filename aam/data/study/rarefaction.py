"""Drawing the same number of reads from every sample, as a pure function of seed, epoch and sample."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

from aam.data.study.hypergeometric import draw_without_replacement
from aam.errors import InputError
from aam.text import shorten

AUTO_KEPT_FRACTION = 0.95
MAX_AUTO_DEPTH = 5_000


def sample_key(sample_id: str) -> int:
    """A number of 64 bits that depends on a sample's id alone, on every machine and in every process."""
    digest = hashlib.blake2b(str(sample_id).encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def draw_rng(seed: int, epoch: int, key: int, *purpose: int) -> np.random.Generator:
    """The random numbers of one sample in one epoch.

    Parameters
    ----------
    seed, epoch
        Seed of the run, and the epoch.
    key
        The sample's key, see :func:`sample_key`.
    purpose
        What for, where it is not to be rarefied: numbers of 32 bits.
    """
    words = (epoch, key >> 32, key & 0xFFFFFFFF, *purpose)
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
        distribution. The time does not depend on the depth.
    """
    return draw_without_replacement(np.asarray(counts, dtype=np.int64), depth, rng)


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
        most = f"largest: {shorten(str(sample_ids[largest]))}, {reads[largest]:,}; median {int(np.median(reads)):,}"
        problem = f"no sample has {depth:,} reads ({most})"
        raise InputError("rarefaction", problem, "lower --rarefy-depth, or none for all reads")
    return depth
