"""How many levels predictions of ordered classes are off, and their cumulative probabilities.

Legend: ``R`` draws, ``N`` samples, ``C`` levels from low to high.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from aam.data.targets.kinds import Predictions
from aam.data.targets.kinds.ordered import places_of
from aam.evaluation import formulas


def qwk(predictions: Predictions, weights_RN: np.ndarray) -> np.ndarray:
    """Quadratic weighted kappa: 1 - squared rank errors as a share of those of predictions dealt out by chance.

    Cohen (1968), doi:10.1037/h0026256; here by moments: chance pairs every truth with every prediction.
    """
    true_N, said_N = _places(predictions)
    total = weights_RN.sum(axis=1)
    squares = weights_RN @ (true_N**2 + said_N**2)
    by_chance = squares - 2 * (weights_RN @ true_N) * (weights_RN @ said_N) / total
    by_chance[by_chance <= 1e-9 * total] = np.nan
    return 1 - weights_RN @ (true_N - said_N) ** 2 / by_chance


def rank_mae(predictions: Predictions, weights_RN: np.ndarray) -> np.ndarray:
    """Mean number of levels between truth and prediction."""
    return weights_RN @ rank_errors(predictions) / weights_RN.sum(axis=1)


def spearman_levels(predictions: Predictions, weights_RN: np.ndarray) -> np.ndarray:
    """Spearman's correlation of the places of levels, equal ones sharing their mean rank."""
    true_N, said_N = _places(predictions)
    return formulas.spearman(dataclasses.replace(predictions, observed=true_N, predicted=said_N), weights_RN)


def rank_errors(predictions: Predictions) -> np.ndarray:
    """How many levels each prediction is off (``N``)."""
    true_N, said_N = _places(predictions)
    return np.abs(true_N - said_N)


def _places(predictions: Predictions) -> tuple[np.ndarray, np.ndarray]:
    true_N, said_N = (places_of(predictions, x) for x in (predictions.observed, predictions.predicted))
    return true_N.astype(np.float64), said_N.astype(np.float64)


@dataclass(frozen=True, kw_only=True)
class LevelError:
    """How far off the samples of one level are.

    Attributes
    ----------
    level
        Its name.
    number
        Its samples.
    error, bias
        Mean number of levels that predictions are off, and how many too high; NaN without a sample.
    near
        Share that is at most one level off.
    """

    level: str
    number: int
    error: float
    bias: float
    near: float


def errors_by_level(predictions: Predictions) -> list[LevelError]:
    """The error of the samples of each true level, from low to high."""
    true_N, said_N = _places(predictions)
    found = []
    for place, level in enumerate(predictions.classes):
        off = (said_N - true_N)[true_N == place]
        some = len(off) > 0
        found.append(
            LevelError(
                level=level,
                number=len(off),
                error=float(np.abs(off).mean()) if some else np.nan,
                bias=float(off.mean()) if some else np.nan,
                near=float((np.abs(off) <= 1).mean()) if some else np.nan,
            )
        )
    return found


def at_most(predictions: Predictions) -> tuple[np.ndarray, np.ndarray]:
    """Probability of each level or a lower one, and whether that is so: ``N x (C - 1)`` each, the last level left out.

    The mean over samples of their squared differences, summed over levels, is the ranked probability score (Epstein
    1969, doi:10.1175/1520-0450(1969)008<0985:ASSFPF>2.0.CO;2).
    """
    assert predictions.probabilities is not None
    true_N = places_of(predictions, predictions.observed)
    size = len(predictions.classes) - 1
    return predictions.probabilities.cumsum(axis=1)[:, :size], true_N[:, None] <= np.arange(size)


def ranked_probability_score(predictions: Predictions) -> float:
    """Mean squared error of the cumulative probabilities, summed over levels; 0 is perfect."""
    said_NC, true_NC = at_most(predictions)
    return float(((said_NC - true_NC) ** 2).sum(axis=1).mean())
