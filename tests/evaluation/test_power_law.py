from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import curve_fit

from aam.evaluation.power_law import EXPONENTS, fit_power_law, fit_power_laws, weights_of

SIZES = np.array([10.0, 20.0, 40.0, 80.0, 160.0])


def law(size: np.ndarray, floor: float, scale: float, exponent: float) -> np.ndarray:
    return floor + scale * size**-exponent


@pytest.mark.parametrize(("floor", "scale", "exponent"), [(2.0, 10.0, 0.5), (0.0, 3.0, 0.25), (0.1, 2.0, 1.0)])
def test_a_known_law_is_found(floor: float, scale: float, exponent: float) -> None:
    found = fit_power_law(SIZES, law(SIZES, floor, scale, exponent))
    assert found.exponent[0] == pytest.approx(exponent, abs=1e-4)
    assert found.floor[0] == pytest.approx(floor, abs=1e-3)
    assert found.scale[0] == pytest.approx(scale, rel=1e-3)
    assert found.at([320, 640])[0] == pytest.approx(law(np.array([320.0, 640.0]), floor, scale, exponent), rel=1e-4)


@pytest.mark.parametrize("seed", range(4))
def test_the_fit_is_that_of_scipy(seed: int) -> None:
    errors = law(SIZES, 2.0, 10.0, 0.5) + np.random.default_rng(seed).normal(0, 0.05, len(SIZES))
    start, bounds = (1.0, 10.0, 0.5), ([0, 0, 0.05], [np.inf, np.inf, 2])
    theirs, _ = curve_fit(
        law, SIZES, errors, p0=start, bounds=bounds, sigma=weights_of(len(SIZES)) ** -0.5, xtol=1e-12, ftol=1e-12
    )
    found = fit_power_law(SIZES, errors)

    def loss(predicted: np.ndarray) -> float:
        return float(weights_of(len(SIZES)) @ (predicted - errors) ** 2)

    assert loss(found.at(SIZES)[0]) <= loss(law(SIZES, *theirs)) * (1 + 1e-6)
    assert found.at(320)[0, 0] == pytest.approx(law(320.0, *theirs), rel=1e-3)


def test_many_draws_are_fitted_as_one_is() -> None:
    rng = np.random.default_rng(3)
    errors = law(SIZES, 2.0, 10.0, 0.5) + rng.normal(0, 0.05, (50, len(SIZES)))
    together = fit_power_laws(SIZES, errors).at(320)[:, 0]
    alone = [fit_power_law(SIZES, one).at(320)[0, 0] for one in errors]
    assert together == pytest.approx(alone, abs=0.02)


def test_noisy_laws_are_right_on_average() -> None:
    errors = law(SIZES, 2.0, 10.0, 0.5) + np.random.default_rng(7).normal(0, 0.03, (400, len(SIZES)))
    found = fit_power_laws(SIZES, errors)
    assert np.median(found.exponent) == pytest.approx(0.5, abs=0.05)
    assert np.median(found.at(320)[:, 0]) == pytest.approx(law(320.0, 2.0, 10.0, 0.5), abs=0.02)


def test_a_rising_curve_becomes_a_constant() -> None:
    found = fit_power_law(SIZES, np.array([1.0, 1.1, 1.2, 1.3, 1.4]))
    assert found.scale[0] == 0
    assert found.at([10, 1000])[0] == pytest.approx([weights_of(5) @ [1.0, 1.1, 1.2, 1.3, 1.4]] * 2)


def test_no_parameter_is_negative_and_exponents_are_bounded() -> None:
    errors = np.random.default_rng(0).random((200, len(SIZES)))
    found = fit_power_laws(SIZES, errors)
    assert (found.floor >= 0).all()
    assert (found.scale >= 0).all()
    assert found.exponent.min() >= EXPONENTS[0]
    assert found.exponent.max() <= EXPONENTS[-1]
