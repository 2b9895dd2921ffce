"""Random trees as Newick text, with everything that is allowed: polytomies, nodes with one child, lengths of 0."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.sparse import csr_array


def random_newick(num_tips: int, seed: int) -> str:
    """A rooted tree with the tips t0, t1, ... and two branches at its root."""
    rng = np.random.default_rng(seed)
    clades = [f"t{i}{_length(rng) if i else ':0.25'}" for i in rng.permutation(num_tips)]
    while len(clades) > 2:
        size = min(int(rng.choice([1, 2, 2, 2, 3, 5])), len(clades) - 1)
        joined = ",".join(clades.pop(int(rng.integers(len(clades)))) for _ in range(size))
        clades.append(f"({joined}){rng.integers(100)}{_length(rng)}")
    return f"({','.join(clades)});"


def ladder(num_tips: int) -> str:
    """A tree in which every inner node has a tip: as deep as it has tips."""
    return "(" * (num_tips - 1) + "t0:1" + "".join(f",t{i}:1):1" for i in range(1, num_tips)) + ";"


def random_table(num_samples: int, num_asvs: int, seed: int, share: float = 0.3) -> csr_array:
    """Counts in which no sample is empty."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, 50, (num_samples, num_asvs)) * (rng.random((num_samples, num_asvs)) < share)
    counts[np.arange(num_samples), np.arange(num_samples) % num_asvs] += 1
    return csr_array(counts)


def table_of(rows: list[list[int]]) -> csr_array:
    """Counts as they are given, samples x ASVs."""
    return csr_array(np.array(rows))


def pairwise(function: Callable[[int, int], float], number: int) -> np.ndarray:
    """A matrix of what a function says of each pair."""
    return np.array([[function(i, j) for j in range(number)] for i in range(number)])


def _length(rng: np.random.Generator) -> str:
    return f":{rng.exponential(0.1) * (rng.random() < 0.9):.6g}"
