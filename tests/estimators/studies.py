"""Small tables and tiny estimators."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from tests.factories import random_counts, random_sequences

NUM_SAMPLES, NUM_ASVS = 30, 12
TINY: dict[str, Any] = {
    "embedding_dim": 8,
    "attention_heads": 1,
    "attention_layers": 1,
    "num_soft_clades": 4,
    "epochs": 1,
    "rarefy_depth": 200,
}
NETWORK = {"learners": ("network",), **TINY}
SEQUENCES = random_sequences(NUM_ASVS)


def table(num_samples: int = NUM_SAMPLES) -> pd.DataFrame:
    """Counts with at least 200 reads a sample."""
    counts = random_counts(num_samples, NUM_ASVS) * 5
    counts[:, 0] += 200
    return pd.DataFrame(counts, columns=SEQUENCES, index=[f"s{number}" for number in range(num_samples)])


def numbers(frame: pd.DataFrame) -> np.ndarray:
    """A number that the counts tell."""
    counts = frame.to_numpy()
    return np.log1p(counts[:, 1]) - np.log1p(counts[:, 2]) + 20.0
