from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import pearsonr

from aam.evaluation.streamed import STREAMED


def of_batches(name: str, predicted: np.ndarray, true: np.ndarray, batches: int = 4) -> float:
    """The metric of what is fed batch by batch."""
    parts = zip(np.array_split(predicted, batches), np.array_split(true, batches), strict=True)
    metric = STREAMED[name]
    return metric.value(np.sum([metric.sums(*part) for part in parts], axis=0))


@pytest.mark.parametrize(("shift", "scale"), [(0.0, 1.0), (0.7, 0.02), (1000.0, 1.0), (0.0, 1e-6)])
@pytest.mark.parametrize("size", [2, 3, 500])
def test_correlation_is_that_of_scipy(size: int, shift: float, scale: float) -> None:
    rng = np.random.default_rng(size)
    x = rng.normal(size=size)
    y = x + rng.normal(size=size)
    predicted, true = ((shift + scale * values).astype(np.float32) for values in (x, y))
    expected = pearsonr(predicted.astype(np.float64), true.astype(np.float64)).statistic
    assert of_batches("correlation", predicted, true) == pytest.approx(expected, rel=1e-8)


def test_constants_and_single_pairs_have_no_correlation() -> None:
    varied, constant = np.arange(5.0), np.full(5, 0.1, dtype=np.float32)
    for pair in ((varied, constant), (constant, varied), (constant, constant), (varied[:1], varied[:1])):
        assert np.isnan(of_batches("correlation", *pair))


def test_means_of_errors_and_of_hits() -> None:
    predicted, true = np.array([1, 2, 3, 4, 5]), np.array([1, 0, 3, 0, 0])
    assert of_batches("mae", predicted.astype(np.float32), true.astype(np.float32)) == pytest.approx(11 / 5)
    assert of_batches("accuracy", predicted, true) == 2 / 5


@pytest.mark.parametrize("name", STREAMED)
def test_nothing_has_no_value(name: str) -> None:
    assert np.isnan(of_batches(name, np.empty(0), np.empty(0)))
