"""Trees for tests, and which ASVs each clade holds, found by walking up."""

from __future__ import annotations

import numpy as np

from aam.learners.clades import Clades


def members(clades: Clades) -> np.ndarray:
    """Which ASVs are on each node or below it, ``A x K`` of 0 and 1."""
    found = np.zeros((len(clades.node_of_asv), len(clades.parent)), dtype=np.int64)
    for asv, node in enumerate(clades.node_of_asv.tolist()):
        while node >= 0:
            found[asv, node] = 1
            node = int(clades.parent[node])
    return found


def random_parents(rng: np.random.Generator, number: int) -> np.ndarray:
    """A tree of any shape: each node's parent comes after it."""
    return np.array([*(int(rng.integers(node + 1, number)) for node in range(number - 1)), -1])
