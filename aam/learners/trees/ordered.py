"""Ordered classes for learners of numbers: one number for each cut between two neighbouring levels.

A level is as many numbers as there are cuts: 1 for each cut that it lies above, else 0 (Frank and Hall 2001). A tree of
all of them at once splits by the sum of their variances, and its leaves hold shares that fall from cut to cut, so that
the probabilities of levels are never negative.

Legend of shapes: ``B`` samples, ``E`` leaves, ``C`` levels from low to high.

References
----------
Frank, Hall (2001), A simple approach to ordinal classification, ECML, doi:10.1007/3-540-44795-4_13.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from aam.learners.trees.arrays import Trees, grow

LEAST = 1e-7
"""Of a level's probability, so that its logarithm is finite."""


def is_above(codes_B: np.ndarray, num_levels: int) -> np.ndarray:
    """Whether each sample lies above each cut, ``B x (C - 1)`` of 0 and 1."""
    return (np.asarray(codes_B)[:, None] > np.arange(num_levels - 1)).astype(np.float64)


def shares_of_levels(above: np.ndarray) -> np.ndarray:
    """Probabilities of levels, ``B x C``, from those of lying above each cut, ``B x (C - 1)``.

    What is not between 0 and 1, or rises from one cut to the next, is first made to fit: each value becomes the middle
    of the lowest before it and the highest after it.
    """
    above = np.clip(above, 0, 1)
    falls = np.minimum.accumulate(above, axis=1)
    rises = np.maximum.accumulate(above[:, ::-1], axis=1)[:, ::-1]
    ends = np.pad((falls + rises) / 2, ((0, 0), (1, 1)))
    ends[:, 0] = 1
    shares = np.maximum(-np.diff(ends, axis=1), LEAST)
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def balance(codes_B: np.ndarray, num_levels: int, weights: np.ndarray | None) -> np.ndarray:
    """Weights with which every level counts the same in all, times those of the samples."""
    codes_B = np.asarray(codes_B, dtype=np.int64)
    of_level_C = len(codes_B) / np.maximum(1, np.bincount(codes_B, minlength=num_levels))
    found = of_level_C[codes_B] / num_levels
    return found if weights is None else found * weights


def grow_ordered(
    estimator: Any, table: Any, codes_B: np.ndarray, num_levels: int, weights: np.ndarray | None
) -> tuple[Trees, np.ndarray]:
    """Fit an ensemble of regression trees to all cuts at once.

    Parameters
    ----------
    estimator
        An ensemble of scikit-learn for numbers.
    table
        Features of the samples.
    codes_B, num_levels
        Places of the samples' levels, and how many levels there are.
    weights
        Of the samples.

    Returns
    -------
    tuple
        Trees whose leaves hold shares of levels, and the places of all levels: as of classes.
    """
    grow(estimator, table, is_above(codes_B, num_levels), weights)
    trees = Trees.of_estimators(estimator.estimators_)
    return dataclasses.replace(trees, value=shares_of_levels(trees.value)), np.arange(num_levels)
