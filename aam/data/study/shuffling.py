"""Values of samples that are permuted for a negative control: nothing that is learned from them is there."""

from __future__ import annotations

import numpy as np


def shuffled_values(values: np.ndarray, sample_ids: np.ndarray, groups: np.ndarray | None, seed: int) -> np.ndarray:
    """Values that samples exchange.

    Where each group has one value only, whole groups exchange theirs, so that samples of a group stay alike; else
    samples do.

    Parameters
    ----------
    values, sample_ids
        Of each sample.
    groups
        Group of each sample, where there are groups.
    seed
        Seed. The permutation is a function of it and of the samples' ids, not of their order.
    """
    order, rng = np.argsort(sample_ids.astype(str), kind="stable"), np.random.default_rng(seed)
    permuted = np.empty_like(values)
    if groups is not None and (own := _values_of_groups(values[order], groups[order])) is not None:
        of_group, group_of = own
        permuted[order] = rng.permutation(of_group)[group_of]
    else:
        permuted[order] = rng.permutation(values[order])
    return permuted


def _values_of_groups(values: np.ndarray, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """The value of each group, and the group of each sample; None where a group has several values."""
    _, first, group_of = np.unique(groups.astype(str), return_index=True, return_inverse=True)
    of_group = values[first]
    return (of_group, group_of) if (of_group[group_of] == values).all() else None
