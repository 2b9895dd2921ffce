"""Distances for tests: Euclidean ones of two shifted clouds, and Bray-Curtis ones, which are not Euclidean."""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import pdist, squareform

NUMBER = 40


def points(seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    cloud = rng.normal(size=(NUMBER, 6)) * [3, 2, 1, 1, 0.5, 0.2]
    cloud[: NUMBER // 4] += 1.0
    return cloud


def euclidean(seed: int = 0) -> np.ndarray:
    return squareform(pdist(points(seed)))


def bray_curtis(seed: int = 0) -> np.ndarray:
    counts = np.random.default_rng(seed).negative_binomial(1, 0.2, size=(NUMBER, 30))
    counts[: NUMBER // 4, :8] += 6
    return squareform(pdist(counts, "braycurtis"))


def levels() -> np.ndarray:
    return np.where(np.arange(NUMBER) < NUMBER // 4, 0, 1 + np.arange(NUMBER) % 2)
