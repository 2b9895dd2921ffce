"""How wrong each prediction is, as one number a sample."""

from __future__ import annotations

import numpy as np

from aam.data.targets.kinds import Predictions
from aam.evaluation.by_kind.ordered import rank_errors


def error_size(predictions: Predictions) -> np.ndarray:
    """The absolute error of a number; of a class 1 where it is wrong, else 0, or how many levels it is off (``N``)."""
    if predictions.kind.is_ordered:
        return rank_errors(predictions)
    if predictions.kind.shown_as == "classes":
        return (predictions.predicted != predictions.observed).astype(np.float64)
    return np.abs(signed_error(predictions))


def signed_error(predictions: Predictions) -> np.ndarray:
    """Predicted minus observed (``N``); of a class, the probability of the predicted one minus whether it is right."""
    if predictions.kind.shown_as == "classes":
        assert predictions.probabilities is not None
        is_right = predictions.predicted == predictions.observed
        return np.asarray(predictions.probabilities.max(axis=1) - is_right, dtype=np.float64)
    return np.asarray(predictions.predicted - predictions.observed, dtype=np.float64)
