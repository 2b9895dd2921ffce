"""The law by which errors fall with the number of training samples: ``a + b n^-c``.

Larger sizes weigh more, as in [1]_: they are nearer to what is asked for, and small ones do not follow the law yet.
For a given exponent the two other parameters are a weighted least-squares fit, so that only the exponent is searched.

Legend: ``S`` sizes, ``R`` draws, ``E`` exponents that are tried.

References
----------
.. [1] Figueroa, Zeng-Treitler, Kandula, Ngo (2012), Predicting sample size required for classification performance,
   BMC Medical Informatics and Decision Making 12, doi:10.1186/1472-6947-12-8
.. [2] Hestness et al. (2017), Deep learning scaling is predictable, empirically, arXiv:1712.00409 (the same law for
   many models).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar

LEAST_EXPONENT, LARGEST_EXPONENT = 0.05, 2.0
EXPONENTS = np.geomspace(LEAST_EXPONENT, LARGEST_EXPONENT, 120)
FEWEST_SIZES = 4
"""Sizes from which a law of three parameters is fitted."""


@dataclass(frozen=True, eq=False)
class PowerLaws:
    """One law, or one for each of ``R`` draws.

    Attributes
    ----------
    floor, scale, exponent
        ``a``, ``b`` and ``c``, each ``R``; none is negative.
    """

    floor: np.ndarray
    scale: np.ndarray
    exponent: np.ndarray

    def at(self, sizes: np.ndarray | float) -> np.ndarray:
        """Errors at some sizes, ``R x S``."""
        size_S = np.atleast_1d(np.asarray(sizes, dtype=np.float64))
        return np.asarray(self.floor[:, None] + self.scale[:, None] * size_S ** -self.exponent[:, None])


def fit_power_law(size_S: np.ndarray, error_S: np.ndarray) -> PowerLaws:
    """The law of the least weighted squared error.

    Parameters
    ----------
    size_S
        Sizes, ascending, four or more.
    error_S
        An error at each, not negative.
    """
    found = fit_power_laws(size_S, error_S[None])
    place = int(np.abs(EXPONENTS - found.exponent[0]).argmin())
    bounds = EXPONENTS[max(0, place - 1)], EXPONENTS[min(len(EXPONENTS) - 1, place + 1)]
    best = minimize_scalar(
        lambda exponent: float(_profile(size_S, error_S[None], np.array([exponent]))[2][0, 0]),
        bounds=bounds,
        method="bounded",
        options={"xatol": 1e-10},
    )
    exponent = np.array([float(best.x)])
    floor, scale, _ = _profile(size_S, error_S[None], exponent)
    return PowerLaws(floor[:, 0], scale[:, 0], exponent)


def fit_power_laws(size_S: np.ndarray, error_RS: np.ndarray) -> PowerLaws:
    """A law for each of many draws, whose exponent is the best of a grid."""
    floor_RE, scale_RE, loss_RE = _profile(size_S, error_RS, EXPONENTS)
    best_R, rows = loss_RE.argmin(axis=1), np.arange(len(error_RS))
    return PowerLaws(floor_RE[rows, best_R], scale_RE[rows, best_R], EXPONENTS[best_R])


def weights_of(number: int) -> np.ndarray:
    """Weight of each of so many sizes, ascending: the ``j``-th has ``j``, and all together 1."""
    return np.asarray(np.arange(1, number + 1) / (number * (number + 1) / 2))


def _profile(size_S: np.ndarray, error_RS: np.ndarray, exponent_E: np.ndarray) -> tuple[np.ndarray, ...]:
    """Floor, scale and loss (``R x E``) of the best law with each exponent."""
    weight_S = weights_of(len(size_S))
    x_ES = np.asarray(size_S, dtype=np.float64) ** -exponent_E[:, None]
    mean_E, mean_R = x_ES @ weight_S, error_RS @ weight_S
    apart_ES = x_ES - mean_E[:, None]
    scale_RE = np.maximum(0.0, (error_RS * weight_S) @ apart_ES.T / ((apart_ES**2) @ weight_S))
    floor_RE = mean_R[:, None] - scale_RE * mean_E
    through_zero_RE = (error_RS * weight_S) @ x_ES.T / ((x_ES**2) @ weight_S)
    is_below = floor_RE < 0
    scale_RE, floor_RE = np.where(is_below, through_zero_RE, scale_RE), np.where(is_below, 0.0, floor_RE)
    rest_RES = error_RS[:, None] - floor_RE[:, :, None] - scale_RE[:, :, None] * x_ES
    return floor_RE, scale_RE, (rest_RES**2) @ weight_S
