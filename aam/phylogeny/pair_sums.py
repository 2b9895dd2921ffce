"""Sums over branches for every pair of samples: what phylogenetic distances are made of.

Legend: ``N`` branches, ``B`` samples, ``C`` other samples (or the same ones), ``P`` branches that one sample has.

A branch that a sample lacks adds nothing to the sums in which the pair's smaller share counts, so each sample is
compared with the others on its own branches alone. Where both sides are the same, a sample is compared with itself
and those after it, and only the upper triangle of a sum is whole.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

GROUP = 64
"""Samples that are compared with the same others where both sides are the same, so that few pairs are done twice."""

Comparison = tuple[int, slice, np.ndarray, np.ndarray, np.ndarray]


def add_minima(sums_BC: np.ndarray, length_N: np.ndarray, share_NB: np.ndarray, share_NC: np.ndarray) -> None:
    """Add the sums of length times the smaller share of a pair."""
    for sample, columns, length_P, own_P1, other_PC in _comparisons(length_N, share_NB, share_NC):
        np.minimum(other_PC, own_P1, out=other_PC)
        sums_BC[sample, columns] += length_P @ other_PC


def add_powers(
    totals_BC: np.ndarray,
    minima_BC: np.ndarray,
    length_N: np.ndarray,
    share_NB: np.ndarray,
    share_NC: np.ndarray,
    alpha: float,
) -> None:
    """Add the sums of generalised UniFrac over the branches that each first sample has.

    Parameters
    ----------
    totals_BC
        Takes the sums of length times ``(p + q) ** alpha``.
    minima_BC
        Takes those of length times ``min(p, q) * (p + q) ** (alpha - 1)``.
    length_N, share_NB, share_NC
        Branches, and the shares ``p`` and ``q`` of the reads below them.
    alpha
        The exponent.
    """
    for sample, columns, length_P, own_P1, other_PC in _comparisons(length_N, share_NB, share_NC):
        smaller_PC = np.minimum(other_PC, own_P1)
        other_PC += own_P1
        smaller_PC /= other_PC
        other_PC **= alpha
        smaller_PC *= other_PC
        totals_BC[sample, columns] += length_P @ other_PC
        minima_BC[sample, columns] += length_P @ smaller_PC


def _comparisons(length_N: np.ndarray, share_NB: np.ndarray, share_NC: np.ndarray) -> Iterator[Comparison]:
    """Each sample beside others: which sample, which others, its branches' lengths, its shares and those of the others.

    The others' shares may be overwritten, and are at the next step.
    """
    num_samples, num_others = share_NB.shape[1], share_NC.shape[1]
    is_square = share_NC is share_NB
    present = [np.flatnonzero(own_N) for own_N in np.ascontiguousarray((share_NB > 0).T)]
    space = np.empty(max(map(len, present)) * num_others)
    group = GROUP if is_square else num_samples
    for first in range(0, num_samples, group):
        columns = slice(first if is_square else 0, num_others)
        others_NC = np.ascontiguousarray(share_NC[:, columns])
        for sample in range(first, min(first + group, num_samples)):
            branches = present[sample]
            shape = (len(branches), others_NC.shape[1])
            taken = space[: shape[0] * shape[1]].reshape(shape)
            # With out=, any other mode than "clip" would make a copy.
            np.take(others_NC, branches, axis=0, out=taken, mode="clip")
            yield sample, columns, length_N[branches], share_NB[branches, sample, None], taken
