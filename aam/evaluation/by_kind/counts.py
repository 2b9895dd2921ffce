"""How far off predicted counts are, by the deviance of the Poisson distribution.

Legend: ``R`` draws, ``N`` samples.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import xlogy

from aam.data.targets.kinds import Predictions

SMALLEST = 1e-9
"""An expected count is at least this, so that its logarithm is finite."""


def poisson_deviance(predictions: Predictions, weights_RN: np.ndarray) -> np.ndarray:
    """Mean of ``2 (y log(y / m) - y + m)`` with counts ``y`` and predicted means ``m``."""
    return weights_RN @ deviances(predictions) / weights_RN.sum(axis=1)


def d2(predictions: Predictions, weights_RN: np.ndarray) -> np.ndarray:
    """1 - the deviance as a share of that of the mean of the truths, or of their mean rate times the exposures.

    The latter is the null model of a Poisson regression with the offset log(exposure).
    """
    observed, total = predictions.observed, weights_RN.sum(axis=1)
    exposure = np.ones(len(observed)) if predictions.exposure is None else predictions.exposure
    mean, rate = weights_RN @ observed / total, weights_RN @ observed / (weights_RN @ exposure)
    of_each = xlogy(observed, observed) - xlogy(observed, exposure)
    of_mean = 2 * (weights_RN @ of_each / total - xlogy(mean, rate))
    of_mean[of_mean <= 1e-12 * np.maximum(1, mean)] = np.nan
    return 1 - poisson_deviance(predictions, weights_RN) / of_mean


def deviances(predictions: Predictions) -> np.ndarray:
    """Poisson deviance of each sample (``N``)."""
    y, m = predictions.observed, np.maximum(predictions.predicted, SMALLEST)
    return np.asarray(2 * (xlogy(y, y) - xlogy(y, m) - y + m))


SAMPLES_A_BIN, FEWEST_BINS, MOST_BINS = 25, 3, 10
NORMAL_95 = 1.959964


@dataclass(frozen=True, kw_only=True)
class RateBin:
    """Samples of like expected counts.

    Attributes
    ----------
    number
        How many.
    predicted, observed
        Their mean expectation, and their mean count.
    low, high
        The 95 % interval of the mean count by the normal distribution, from 0 on.
    """

    number: int
    predicted: float
    observed: float
    low: float
    high: float


def rate_bins(predictions: Predictions) -> list[RateBin]:
    """Observed against expected counts, in groups of about as many samples each, from low to high expectation."""
    number = int(np.clip(len(predictions) // SAMPLES_A_BIN, FEWEST_BINS, MOST_BINS))
    order = np.argsort(predictions.predicted, kind="stable")
    found = []
    for rows in np.array_split(order, number):
        if not len(rows):
            continue
        counts, mean = predictions.observed[rows], float(predictions.observed[rows].mean())
        half = NORMAL_95 * float(counts.std(ddof=1)) / len(rows) ** 0.5 if len(rows) > 1 else float("nan")
        expected = float(predictions.predicted[rows].mean())
        ends = {"low": max(0.0, mean - half), "high": mean + half}
        found.append(RateBin(number=len(rows), predicted=expected, observed=mean, **ends))
    return found
