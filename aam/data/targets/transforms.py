"""What is done to a numeric target before it is shifted and scaled, and how it is undone.

A transform is fitted on the training values into plain numbers, its *parameters*, so that a model keeps it as JSON.

- ``log-``: the natural log of 1 + the value, for values above -1. No parameters.
- ``boxcox``: ``((value / unit) ** power - 1) / power``, or the log where the power is 0, for values above 0 [1]_. The
  unit is the geometric mean of the training values: it changes nothing after the z-score, and keeps numbers of any
  size apart. The power is the likeliest one between -5 and 5. Undone, a number stays within a thousandth of the
  smallest and a thousand times the largest training value, for a power below 0 is infinite at a finite number.
  Parameters: power, unit, least and largest result.
- ``quantile``: the normal quantile of the value's rank among the training values, as scikit-learn's
  ``QuantileTransformer``. Values beyond the training range become the same as its ends, and a prediction never
  leaves it. Parameters: the quantiles of the training values, evenly spaced.

The other transforms, which only shift and scale, leave the values as they are.

References
----------
.. [1] G. E. P. Box, D. R. Cox: An analysis of transformations. J. R. Stat. Soc. B 26, 211 (1964).
       https://doi.org/10.1111/j.2517-6161.1964.tb00553.x
"""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
from scipy.special import boxcox, ndtr, ndtri

from aam.config.target import Transform
from aam.text import shorten

# exp of it still fits float32, so that a wild prediction is a large number and not infinity
LARGEST_LOG = 80.0
LARGEST_POWER = 5.0
BOXCOX_REACH = 1000.0
MOST_QUANTILES = 1000
# scikit-learn's: the least and the largest value are these ranks, so that their normal quantiles are finite
END_RANK = 1e-7
LAST_RANK = END_RANK * 1.001  # an end's own normal quantile, rounded to float32, is an end
BELOW_ONE = 1 - np.finfo(np.float64).epsneg


def domain_problem(transform: str, values: np.ndarray) -> str:
    """What is wrong with values that a transform does not take; empty if nothing is. NaN is missing."""
    if transform.startswith("log-"):
        bound, wanted = -1, "log(1 + value)"
    elif transform == "boxcox":
        bound, wanted = 0, "Box-Cox transform"
    else:
        return ""
    too_low = values[values <= bound]
    if not len(too_low):
        return ""
    what = f"{len(too_low)} values are" if len(too_low) > 1 else "1 value is"
    have = "have" if len(too_low) > 1 else "has"
    return f"{what} {bound} or below (smallest {too_low.min():g}) and {have} no {wanted}"


def fit_parameters(transform: str, training: np.ndarray) -> tuple[float, ...]:
    """The parameters of a transform.

    Parameters
    ----------
    transform
        As in :class:`~aam.config.TargetOptions`.
    training
        Values of the training samples, float64: none missing, at least two that differ, all within the domain.
    """
    if transform == "boxcox":
        unit = float(np.exp(np.log(training).mean()))
        power = _likeliest_power(training / unit)
        return power, unit, float(training.min() / BOXCOX_REACH), float(training.max() * BOXCOX_REACH)
    if transform == "quantile":
        ranks = np.linspace(0, 100, min(MOST_QUANTILES, len(training)))
        return tuple(np.percentile(training, ranks).tolist())
    return ()


def check_parameters(transform: str, parameters: tuple[float, ...]) -> None:
    """Refuse a transform that is none, and parameters that :func:`fit_parameters` does not give.

    Raises
    ------
    ValueError
        Saying which.
    """
    if transform not in get_args(Transform):
        raise ValueError(f"unknown transform '{shorten(transform)}'")
    if transform == "boxcox":
        is_sound = len(parameters) == 4 and min(parameters[1:]) > 0 and abs(parameters[0]) <= LARGEST_POWER
        is_sound = is_sound and parameters[2] < parameters[3]
    elif transform == "quantile":
        is_sound = len(parameters) >= 2 and list(parameters) == sorted(parameters)
    else:
        is_sound = not parameters
    if not is_sound:
        raise ValueError(f"the parameters of the transform {transform} are wrong")


def forward(transform: str, parameters: tuple[float, ...], values: np.ndarray) -> np.ndarray:
    """Values of the metadata, transformed (float64); NaN stays NaN."""
    values = np.asarray(values, dtype=np.float64)
    if transform.startswith("log-"):
        return np.log1p(values)
    if transform == "boxcox":
        power, unit, *_ = parameters
        return boxcox(values / unit, power)
    if transform == "quantile":
        return _to_normal(values, np.array(parameters))
    return values


def inverse(transform: str, parameters: tuple[float, ...], values: np.ndarray) -> np.ndarray:
    """The inverse of :func:`forward`: finite for any finite number, and NaN for NaN."""
    if transform.startswith("log-"):
        return np.expm1(np.minimum(values, LARGEST_LOG))
    if transform == "boxcox":
        return _undo_boxcox(values, *parameters)
    if transform == "quantile":
        return _from_normal(values, np.array(parameters))
    return values


def fit_shift_and_scale(transform: str, transformed: np.ndarray) -> tuple[float, float]:
    """Of transformed training values: their mean and spread, their least value and range, or 0 and 1."""
    if transform.endswith("minmax"):
        return float(transformed.min()), float(np.ptp(transformed)) or 1.0
    if transform in ("none", "quantile"):
        return 0.0, 1.0
    return float(transformed.mean()), float(transformed.std()) or 1.0


def _likeliest_power(values: np.ndarray) -> float:
    # scipy.stats takes more than a second to start, and all that reads a target would wait for it
    from scipy.optimize import minimize_scalar
    from scipy.stats import boxcox_normmax

    def bounded(negative_likelihood: Any) -> Any:
        bounds = (-LARGEST_POWER, LARGEST_POWER)
        return minimize_scalar(negative_likelihood, bounds=bounds, method="bounded", options={"xatol": 1e-8})

    return float(boxcox_normmax(values, method="mle", optimizer=bounded))


def _undo_boxcox(values: np.ndarray, power: float, unit: float, least: float, largest: float) -> np.ndarray:
    # the clip is on the logarithm, before anything can overflow
    logs = values if power == 0 else np.log1p(np.maximum(power * values, -BELOW_ONE)) / power
    return unit * np.exp(np.clip(logs, np.log(least / unit), np.log(largest / unit)))


# scikit-learn's own transform takes all values within 1e-7 of an end for the end, in the target's units: too much for a
# small or skewed target. It also takes all that are tied with an end for the most extreme one, such as every 0 of a
# target with many; here ties have their middle rank everywhere.
def _to_normal(values: np.ndarray, quantiles_K: np.ndarray) -> np.ndarray:
    ranks_K = np.linspace(0, 1, len(quantiles_K))
    highest = np.interp(values, quantiles_K, ranks_K)
    lowest = -np.interp(-values, -quantiles_K[::-1], -ranks_K[::-1])
    return ndtri(np.clip((highest + lowest) / 2, END_RANK, 1 - END_RANK))


def _from_normal(values: np.ndarray, quantiles_K: np.ndarray) -> np.ndarray:
    ranks = ndtr(values)
    ranks = np.where(ranks < LAST_RANK, 0, np.where(ranks > 1 - LAST_RANK, 1, ranks))
    return np.interp(ranks, np.linspace(0, 1, len(quantiles_K)), quantiles_K)
