"""Metrics of pre-training that are sums over batches: of pairs of samples or of bases there are too many to keep.

Legend: ``M`` things compared (pairs of samples, ASVs, bases).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

ROUNDING = 1e-13
"""What a sum of squares may be off by, as a share."""


class Streamed(NamedTuple):
    """A metric of sums.

    Attributes
    ----------
    sums
        Prediction and truth, ``M`` each -> the sums of a batch (float64).
    value
        The sums over all batches and processes -> the metric; NaN where it is not defined.
    """

    sums: Callable[[np.ndarray, np.ndarray], np.ndarray]
    value: Callable[[np.ndarray], float]


def _moments(predicted_M: np.ndarray, true_M: np.ndarray) -> np.ndarray:
    x, y = np.asarray(predicted_M, dtype=np.float64), np.asarray(true_M, dtype=np.float64)
    return np.array([len(x), x.sum(), y.sum(), x @ x, y @ y, x @ y])


def _correlation(sums: np.ndarray) -> float:
    number, x, y, xx, yy, xy = sums
    if number < 2:
        return np.nan
    of_x, of_y = xx - x * x / number, yy - y * y / number
    if of_x <= ROUNDING * xx or of_y <= ROUNDING * yy:
        return np.nan
    return float(np.clip((xy - x * y / number) / np.sqrt(of_x * of_y), -1, 1))


def _errors(predicted_M: np.ndarray, true_M: np.ndarray) -> np.ndarray:
    return np.array([len(true_M), np.abs(predicted_M.astype(np.float64) - true_M).sum()])


def _hits(predicted_M: np.ndarray, true_M: np.ndarray) -> np.ndarray:
    return np.array([len(true_M), (predicted_M == true_M).sum()], dtype=np.float64)


def _mean(sums: np.ndarray) -> float:
    number, total = sums
    return float(total / number) if number else np.nan


STREAMED = {
    "correlation": Streamed(_moments, _correlation),
    "mae": Streamed(_errors, _mean),
    "accuracy": Streamed(_hits, _mean),
}
"""Pearson's correlation, the mean absolute error, and the share of right classes."""
