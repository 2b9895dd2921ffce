"""How far off predicted counts are, by the deviance of the Poisson distribution.

Legend: ``R`` draws, ``N`` samples.
"""

from __future__ import annotations

import numpy as np
from scipy.special import xlogy

from aam.data.targets.kinds import Predictions

SMALLEST = 1e-9
"""An expected count is at least this, so that its logarithm is finite."""


def poisson_deviance(predictions: Predictions, weights_RN: np.ndarray) -> np.ndarray:
    """Mean of ``2 (y log(y / m) - y + m)`` with counts ``y`` and predicted means ``m``."""
    return weights_RN @ deviances(predictions) / weights_RN.sum(axis=1)


def d2(predictions: Predictions, weights_RN: np.ndarray) -> np.ndarray:
    """1 - the deviance as a share of that of the mean of the truths."""
    observed, total = predictions.observed, weights_RN.sum(axis=1)
    mean = weights_RN @ observed / total
    of_mean = 2 * (weights_RN @ xlogy(observed, observed) / total - xlogy(mean, mean))
    of_mean[of_mean <= 1e-12 * np.maximum(1, mean)] = np.nan
    return 1 - poisson_deviance(predictions, weights_RN) / of_mean


def deviances(predictions: Predictions) -> np.ndarray:
    """Poisson deviance of each sample (``N``)."""
    y, m = predictions.observed, np.maximum(predictions.predicted, SMALLEST)
    return np.asarray(2 * (xlogy(y, y) - xlogy(y, m) - y + m))
