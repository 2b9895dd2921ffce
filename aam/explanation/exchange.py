"""Exchange: a sample is given what another sample has, which breaks the tie to its own truth.

Donors belong to another unit (a subject, a plot) than the sample: samples of one unit resemble each other and often
share their truth, so that an exchange among them would break no tie. Each sample is a donor once.

Reads are compositional: a sample takes over the *share* of its reads that a donor's have in a group of ASVs, and its
other reads are scaled to the rest, so that its depth stays.

Legend of shapes: ``N`` samples that are explained, ``A`` ASVs, ``G`` groups, ``V`` variants.

References
----------
Winkler et al. (2014), Permutation inference for the general linear model, NeuroImage 92 (blocks of exchangeable
samples).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_array

from aam.explanation.groups import AsvGroups
from aam.explanation.variants import Variants, variants

ROUNDS = 20
"""Of random swaps, after which a donor is all but independent of where the exchange began."""
LEAST_UNITS = 2


def one_unit(unit_N: np.ndarray) -> str:
    """Why nothing can be exchanged, or an empty text."""
    few = len(np.unique(unit_N)) < LEAST_UNITS
    return "all samples are of one group: there is none to exchange with" if few else ""


def donors(unit_N: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A donor for each sample, from another unit: a random permutation.

    Where one unit has more than half of the samples there is no such permutation, and each sample draws any sample of
    another unit.

    Parameters
    ----------
    unit_N
        Unit of each sample, as numbers; two or more.
    rng
        Draws.
    """
    number = len(unit_N)
    _, place_N, size_U = np.unique(unit_N, return_inverse=True, return_counts=True)
    largest = int(size_U.max())
    order = np.lexsort((rng.random(number), rng.permutation(len(size_U))[place_N]))
    if 2 * largest > number:
        return _drawn(order, place_N, size_U, rng)
    # Units follow each other, so that a shift by the largest leaves each.
    donor_N = np.empty(number, dtype=np.int64)
    donor_N[order] = np.roll(order, -largest)
    for _ in range(ROUNDS):
        shuffled, half = rng.permutation(number), number // 2
        first, second = shuffled[:half], shuffled[half : 2 * half]
        may = (place_N[donor_N[second]] != place_N[first]) & (place_N[donor_N[first]] != place_N[second])
        a, b = first[may], second[may]
        donor_N[a], donor_N[b] = donor_N[b], donor_N[a]
    return donor_N


def _drawn(order: np.ndarray, place_N: np.ndarray, size_U: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Any sample of another unit for each sample, from an order in which units follow each other."""
    number = len(order)
    place_of = np.empty(number, dtype=np.int64)
    place_of[order] = np.arange(number)
    start_U = np.full(len(size_U), number)
    np.minimum.at(start_U, place_N, place_of)
    own = size_U[place_N]
    steps = own + rng.integers(0, number - own)
    return np.asarray(order[(start_U[place_N] + steps) % number])


def exchanges(counts_NA: csr_array, donor_N: np.ndarray, levels: Sequence[AsvGroups]) -> Variants:
    """All exchanges of a group that a sample or its donor has."""
    return variants(csr_array(counts_NA + counts_NA[donor_N]), levels, whole=True)


def exchanged(own: csr_array, donor: csr_array, members: csr_array) -> csr_array:
    """Reads of variants, ``V x A``: in each sample the share of a group, and its make-up, are those of the donor.

    What is left of a sample is scaled to the rest of its reads, and an ASV that has reads keeps one at least. A sample
    of nothing but the group has its depth in the donor's make-up of the group, or stays where the donor has none.

    Parameters
    ----------
    own, donor
        Reads of the samples and of their donors, int64 ``V x A``.
    members
        Which ASVs are exchanged, ``V x A`` of 0 and 1.
    """
    taken, given = csr_array(own.multiply(members)), csr_array(donor.multiply(members))
    others = csr_array(own - taken)
    total, total_donor, given_V = (np.asarray(x.sum(axis=1), dtype=np.float64) for x in (own, donor, given))
    others_V = np.asarray(others.sum(axis=1), dtype=np.float64)
    has_others, has_given = others_V > 0, given_V > 0
    of_others = np.where(has_others, (1 - given_V / total_donor) * total / np.maximum(others_V, 1), 0)
    of_given = total / np.where(has_others, total_donor, np.maximum(given_V, 1))
    stays = (~has_others & ~has_given).astype(np.float64)
    mixed = _scaled(others, of_others) + _scaled(given, of_given) + _scaled(taken, stays)
    return _whole(csr_array(mixed), total.astype(np.int64))


def _scaled(counts: csr_array, by_V: np.ndarray) -> csr_array:
    data = counts.data * np.repeat(by_V, np.diff(counts.indptr))
    return csr_array((data, counts.indices, counts.indptr), counts.shape)


def _whole(mixed: csr_array, total_V: np.ndarray) -> csr_array:
    """Whole reads that sum to the depths; what rounding adds or takes is the largest ASV's."""
    mixed.eliminate_zeros()
    mixed.sort_indices()
    data = np.maximum(np.rint(mixed.data), 1).astype(np.int64)
    row = np.repeat(np.arange(mixed.shape[0]), np.diff(mixed.indptr))
    largest = np.lexsort((data, row))[mixed.indptr[1:] - 1]
    surplus_V = np.bincount(row, data, minlength=mixed.shape[0]).astype(np.int64) - total_V
    data[largest] = np.maximum(1, data[largest] - surplus_V)
    return csr_array((data, mixed.indices, mixed.indptr), mixed.shape)
