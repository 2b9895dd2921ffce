"""Which samples may change places in a permutation test: any, those of one group, or whole groups.

Legend: ``N`` samples.

References
----------
Anderson, ter Braak (2003), Permutation tests for multi-factorial analysis of variance, Journal of Statistical
Computation and Simulation 73.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

How = Literal["freely", "within groups", "whole groups"]


@dataclass(frozen=True, eq=False)
class Permutations:
    """Random permutations of what is said of samples.

    Attributes
    ----------
    how
        Which samples change places.
    group_N
        Code of each sample's group, from 0; not asked where they change freely.
    number
        Permutations.
    seed
        Their seed.
    """

    how: How
    group_N: np.ndarray
    number: int
    seed: int

    @classmethod
    def of(cls, value_N: np.ndarray, group_N: np.ndarray | None, number: int, seed: int) -> Permutations:
        """The permutations that some values allow.

        Parameters
        ----------
        value_N
            Numbers or codes that are to be permuted.
        group_N
            Code of each sample's group: samples of one are alike. Values that never differ within a group belong to
            the group and change places between groups; others change places within theirs. Freely where left out.
        number, seed
            Permutations and their seed.
        """
        if group_N is None:
            return cls("freely", np.zeros(len(value_N), dtype=np.int64), number, seed)
        codes = np.unique(group_N, return_inverse=True)[1]
        of_group = np.zeros(codes.max() + 1)
        of_group[codes] = value_N
        is_of_groups = bool((of_group[codes] == value_N).all())
        return cls("whole groups" if is_of_groups else "within groups", codes, number, seed)

    def permuted(self, value_N: np.ndarray) -> Iterator[np.ndarray]:
        """The values in each permutation.

        Groups that change places as a whole may differ in size: each takes the value of another.
        """
        rng = np.random.default_rng(self.seed)
        first_of = np.unique(self.group_N, return_index=True)[1]
        order = np.argsort(self.group_N, kind="stable")
        for _ in range(self.number):
            if self.how == "freely":
                yield value_N[rng.permutation(len(value_N))]
            elif self.how == "whole groups":
                yield value_N[first_of][rng.permutation(len(first_of))][self.group_N]
            else:
                shuffled = np.lexsort((rng.random(len(value_N)), self.group_N))
                found = np.empty_like(value_N)
                found[order] = value_N[shuffled]
                yield found


def p_value(observed: float, permuted: np.ndarray) -> float:
    """Share of the permutations, the observed one among them, that are at least as large as it (NaN if undefined)."""
    if not np.isfinite(observed):
        return float("nan")
    slack = 1e-12 * max(1.0, abs(observed))  # a permutation that is the observed one must not count as smaller
    return float((1 + (permuted >= observed - slack).sum()) / (1 + len(permuted)))
