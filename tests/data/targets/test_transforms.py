from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn.preprocessing import PowerTransformer, QuantileTransformer

from aam.data.targets.transforms import (
    BOXCOX_REACH,
    domain_problem,
    fit_parameters,
    fit_shift_and_scale,
    forward,
    inverse,
)

RNG = np.random.default_rng(7)
GAMMA = RNG.gamma(2.0, 3.0, size=300)
LOG_NORMAL = np.exp(RNG.normal(size=300))
OTHERS = RNG.gamma(2.0, 3.0, size=100)
TRANSFORMS = ("none", "log-zscore", "boxcox", "quantile")


def column(values: np.ndarray) -> np.ndarray:
    return values[:, None].copy()


def quantile_transformer(training: np.ndarray) -> QuantileTransformer:
    number = min(1000, len(training))
    found = QuantileTransformer(n_quantiles=number, output_distribution="normal", subsample=None)
    return found.fit(column(training))


@pytest.mark.parametrize("size", [50, 300, 1500])
def test_quantile_is_scikit_learns(size: int) -> None:
    training = np.random.default_rng(size).gamma(2.0, 3.0, size=size)
    parameters = fit_parameters("quantile", training)
    other = quantile_transformer(training)
    assert len(parameters) == min(1000, size)
    for values in (training, OTHERS, np.array([-5.0, 1e4])):
        ours = forward("quantile", parameters, values)
        assert ours == pytest.approx(other.transform(column(values))[:, 0], abs=1e-6)
    normals = np.linspace(-6, 6, 101)
    ours = inverse("quantile", parameters, normals)
    assert ours == pytest.approx(other.inverse_transform(column(normals))[:, 0], rel=1e-6)


def test_quantile_gives_ties_their_middle_rank() -> None:
    training = np.array([0.0] * 6 + [1.0, 2.0, 3.0, 4.0, 5.0])
    parameters = fit_parameters("quantile", training)
    encoded = forward("quantile", parameters, training)
    assert encoded[:6] == pytest.approx(norm.ppf(0.25))  # ranks 0 to 0.5 of 11 quantiles
    assert inverse("quantile", parameters, encoded) == pytest.approx(training, abs=1e-12)


def test_quantile_never_leaves_the_training_range() -> None:
    parameters = fit_parameters("quantile", GAMMA)
    decoded = inverse("quantile", parameters, np.array([-1e9, -5.3, 5.3, 1e9]))
    assert decoded.tolist() == [GAMMA.min(), GAMMA.min(), GAMMA.max(), GAMMA.max()]


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("training", [GAMMA, LOG_NORMAL, 1 / GAMMA, RNG.normal(100, 1, size=300)])
def test_boxcox_is_scikit_learns_in_any_unit(training: np.ndarray, unit: float) -> None:
    other = PowerTransformer(method="box-cox", standardize=True)
    theirs = other.fit_transform(column(training))[:, 0]
    if abs(other.lambdas_[0]) > 5:
        pytest.skip("outside of the powers that are tried")
    parameters = fit_parameters("boxcox", training * unit)
    assert parameters[0] == pytest.approx(other.lambdas_[0], abs=1e-4)
    transformed = forward("boxcox", parameters, training * unit)
    shift, scale = fit_shift_and_scale("boxcox", transformed)
    assert (transformed - shift) / scale == pytest.approx(theirs, abs=1e-3)


def test_boxcox_of_a_power_by_hand() -> None:
    parameters = (-1.0, 2.0, 1e-3, 1e3)  # 1 - unit / value
    assert forward("boxcox", parameters, np.array([1.0, 2.0, 4.0])) == pytest.approx([-1.0, 0.0, 0.5])
    assert inverse("boxcox", parameters, np.array([-1.0, 0.0, 0.5])) == pytest.approx([1.0, 2.0, 4.0])
    logarithm = (0.0, 2.0, 1e-3, 1e3)
    assert forward("boxcox", logarithm, np.array([2 * np.e])) == pytest.approx([1.0])
    assert inverse("boxcox", logarithm, np.array([1.0])) == pytest.approx([2 * np.e])


@pytest.mark.parametrize("power", [-5.0, -1.0, -1 / 3, -1e-12, 0.0, 1e-12, 0.5, 5.0])
def test_boxcox_outside_its_domain_stays_near_training(power: float) -> None:
    least, largest = 1.0 / BOXCOX_REACH, 50.0 * BOXCOX_REACH
    wild = np.array([-1e300, -1e9, -1 / power if power else 0.0, 1e9, 1e300])
    decoded = inverse("boxcox", (power, 7.0, least, largest), wild)
    assert np.isfinite(decoded).all()
    assert decoded.min() >= least * (1 - 1e-9)
    assert decoded.max() <= largest * (1 + 1e-9)
    assert (np.diff(decoded[[0, 1, 3, 4]]) >= 0).all()


def test_the_likeliest_power_has_bounds() -> None:
    two_values = np.array([1.0] * 50 + [2.0])  # without bounds it is -74
    assert fit_parameters("boxcox", two_values)[0] == pytest.approx(-5, abs=1e-3)


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_missing_stays_missing_and_wild_stays_finite(transform: str) -> None:
    parameters = fit_parameters(transform, GAMMA)
    assert np.isnan(forward(transform, parameters, np.array([np.nan, 1.0]))).tolist() == [True, False]
    decoded = inverse(transform, parameters, np.array([np.nan, -1e12, 1e12]))
    assert np.isnan(decoded).tolist() == [True, False, False]
    assert np.isfinite(decoded[1:].astype(np.float32)).all()


def test_shift_and_scale() -> None:
    values = np.array([1.0, 3.0, 8.0])
    assert fit_shift_and_scale("log-minmax", values) == (1.0, 7.0)
    assert fit_shift_and_scale("minmax", values) == (1.0, 7.0)
    assert fit_shift_and_scale("none", values) == (0.0, 1.0)
    assert fit_shift_and_scale("quantile", values) == (0.0, 1.0)
    for transform in ("zscore", "log-zscore", "zscore-category", "boxcox"):
        assert fit_shift_and_scale(transform, values) == (values.mean(), values.std())


def test_values_outside_of_the_domain_are_counted() -> None:
    values = np.array([np.nan, 0.0, -1.0, -3.0, 5.0])
    assert domain_problem("log-zscore", values) == "2 values are -1 or below (smallest -3) and have no log(1 + value)"
    assert domain_problem("boxcox", values).startswith("3 values are 0 or below (smallest -3)")
    assert domain_problem("boxcox", values[:2]) == "1 value is 0 or below (smallest 0) and has no Box-Cox transform"
    assert domain_problem("zscore", values) == domain_problem("quantile", values) == ""


@settings(deadline=None, max_examples=60, derandomize=True)
@given(
    st.sampled_from(TRANSFORMS),
    st.lists(st.floats(1e-3, 1e5, allow_subnormal=False), min_size=2, max_size=40).filter(
        lambda v: max(v) > min(v) * 1.01
    ),
)
def test_inverse_undoes_forward(transform: str, listed: list[float]) -> None:
    values = np.array(listed)
    parameters = fit_parameters(transform, values)
    found = inverse(transform, parameters, forward(transform, parameters, values))
    assert found == pytest.approx(values, rel=1e-6, abs=1e-9 * np.ptp(values))
