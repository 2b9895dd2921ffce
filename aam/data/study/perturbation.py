"""Samples disturbed on purpose: fewer reads, reads of other samples, ASVs that are lost.

Each sample's disturbance depends on the seed and the sample alone, so that it is the same in any company.

Legend: ``N`` samples, ``A`` ASVs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy.sparse import csr_array

from aam.data.study.rarefaction import draw_rng, rarefy

Row = tuple[np.ndarray, np.ndarray]
"""ASVs of one sample, and their reads."""


def thinned(counts_NA: csr_array, depth: int, keys_N: np.ndarray, seed: int) -> csr_array:
    """Each sample with ``depth`` of its reads, drawn without replacement; one with fewer keeps all.

    Parameters
    ----------
    counts_NA
        Reads (int64), without explicit zeros.
    depth
        Reads to keep.
    keys_N
        A number for each sample, of which its draw depends.
    seed
        Of the draws.
    """

    def disturb(row: int, asvs: np.ndarray, reads: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if reads.sum() <= depth:
            return asvs, reads
        return asvs, rarefy(reads, depth, _rng(seed, keys_N[row]))

    return _each(counts_NA, disturb)


def contaminated(counts_NA: csr_array, share: float, others_N: np.ndarray, keys_N: np.ndarray, seed: int) -> csr_array:
    """Each sample with a share of its reads replaced by reads of another sample; its depth stays.

    Parameters
    ----------
    counts_NA, keys_N, seed
        As of :func:`thinned`.
    share
        Of the reads that become foreign, rounded to whole reads.
    others_N
        Row of the sample that the foreign reads are drawn from, with replacement.
    """

    def disturb(row: int, asvs: np.ndarray, reads: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rng = _rng(seed, keys_N[row])
        return contaminate((asvs, reads), _row(counts_NA, int(others_N[row])), share, rng)

    return _each(counts_NA, disturb)


def contaminate(sample: Row, other: Row, share: float, rng: np.random.Generator) -> Row:
    """ASVs (ascending) and reads of one sample with a share of its reads replaced by another's; its depth stays."""
    (asvs, reads), (others, theirs) = sample, other
    total = int(reads.sum())
    foreign = round(share * total)
    own = rarefy(reads, total - foreign, rng)
    drawn = rng.multinomial(foreign, theirs / theirs.sum())
    merged = np.union1d(asvs, others)
    mixed = np.zeros(len(merged), dtype=np.int64)
    np.add.at(mixed, np.searchsorted(merged, asvs), own)
    np.add.at(mixed, np.searchsorted(merged, others), drawn)
    return _without_zeros(merged, mixed)


def with_losses(counts_NA: csr_array, share: float, keys_N: np.ndarray, seed: int) -> csr_array:
    """Each sample without a share of its ASVs, chosen at random; at least one stays.

    Parameters
    ----------
    counts_NA, keys_N, seed
        As of :func:`thinned`.
    share
        Of the ASVs of a sample, rounded to whole ASVs.
    """

    def disturb(row: int, asvs: np.ndarray, reads: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return lose_asvs(asvs, reads, share, _rng(seed, keys_N[row]))

    return _each(counts_NA, disturb)


def lose_asvs(asvs: np.ndarray, reads: np.ndarray, share: float, rng: np.random.Generator) -> Row:
    """ASVs and reads of one sample without a share of its ASVs; at least one stays."""
    kept = max(1, len(asvs) - round(share * len(asvs)))
    chosen = np.sort(rng.choice(len(asvs), kept, replace=False))
    return asvs[chosen], reads[chosen]


def other_samples(groups_N: np.ndarray, seed: int) -> np.ndarray:
    """For each sample the row of another one, of another group where there is one, drawn at random."""
    rng = np.random.default_rng(seed)
    rows = np.arange(len(groups_N))
    found = np.empty(len(rows), dtype=np.int64)
    for row in rows:
        foreign = rows[groups_N != groups_N[row]]
        found[row] = rng.choice(foreign if len(foreign) else rows[rows != row])
    return found


def _rng(seed: int, key: int) -> np.random.Generator:
    return draw_rng(seed, 0, int(key))


def _row(counts_NA: csr_array, row: int) -> tuple[np.ndarray, np.ndarray]:
    start, end = counts_NA.indptr[row], counts_NA.indptr[row + 1]
    return counts_NA.indices[start:end], np.asarray(counts_NA.data[start:end], dtype=np.int64)


def _each(
    counts_NA: csr_array, disturb: Callable[[int, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
) -> csr_array:
    """The table of disturbed samples, without zeros."""
    found = [_without_zeros(*disturb(row, *_row(counts_NA, row))) for row in range(counts_NA.shape[0])]
    return _table(found, counts_NA.shape[1])


def _without_zeros(asvs: np.ndarray, reads: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return asvs[reads > 0], reads[reads > 0]


def _table(rows: Sequence[tuple[np.ndarray, np.ndarray]], num_asvs: int) -> csr_array:
    starts = np.cumsum([0, *(len(asvs) for asvs, _ in rows)])
    indices = np.concatenate([asvs for asvs, _ in rows])
    data = np.concatenate([reads for _, reads in rows])
    return csr_array((data, indices, starts), shape=(len(rows), num_asvs))
