from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import MinMaxScaler, PowerTransformer, QuantileTransformer, StandardScaler

from aam.data.targets.fitting import fit_target
from aam.data.targets.kinds import CLASSES, NUMBERS, TargetRules, TargetSpec
from aam.errors import InputError

VALUES = np.array([1.0, 2.0, 4.0, 9.0, 100.0])
LABELS = np.array(["b", "a", "b", "c", "c", "a"], dtype=object)
TRAIN = np.array([0, 1, 2, 3])


def fit(values: np.ndarray = VALUES, train: np.ndarray = TRAIN, **options: object) -> TargetSpec:
    return fit_target(TargetRules(**{"kind": NUMBERS, "columns": ("x",), **options}), values, train, "m.tsv")


TRANSFORMS = ("none", "minmax", "zscore", "log-minmax", "log-zscore", "quantile", "boxcox")


@pytest.mark.parametrize("transform", TRANSFORMS[:5])
def test_decode_undoes_encode(transform: str) -> None:
    spec = fit(transform=transform)
    encoded = spec.encode(VALUES)
    assert encoded.dtype == np.float32
    assert spec.decode(encoded) == pytest.approx(VALUES, rel=1e-5)


def test_scaling_is_that_of_the_training_samples_alone() -> None:
    training = VALUES[TRAIN]
    zscore = fit(transform="zscore").encode(training)
    assert zscore.mean() == pytest.approx(0, abs=1e-6)
    assert zscore.std() == pytest.approx(1)
    minmax = fit(transform="minmax").encode(VALUES)
    assert minmax[:4].min() == 0
    assert minmax[:4].max() == 1
    assert minmax[4] > 1
    logs = fit(transform="log-zscore")
    assert logs.shift == pytest.approx(np.log1p(training).mean())
    spec = fit()
    assert (spec.mean, spec.median) == (4.0, 3.0)


def test_a_wild_prediction_of_a_logarithm_stays_finite() -> None:
    decoded = fit(transform="log-zscore").decode(np.array([1e9]))
    assert np.isfinite(decoded.astype(np.float32)).all()


def test_probabilities_pass_through_decode() -> None:
    probabilities = np.array([[0.25, 0.75, 0.0]])
    assert (fit(LABELS, TRAIN, kind=CLASSES).decode(probabilities) == probabilities).all()


@pytest.mark.parametrize(
    "options",
    [{"kind": CLASSES, "class_weights": "balanced"}, {}, {"transform": "quantile"}, {"transform": "boxcox"}],
)
def test_round_trip_through_json(options: dict[str, object]) -> None:
    spec = fit(LABELS if options.get("kind") else VALUES, TRAIN, **options)
    assert TargetSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec


def test_a_label_never_trained_on() -> None:
    spec = fit(LABELS, TRAIN, kind=CLASSES)
    with pytest.raises(InputError, match=r"column 'x': unknown level 'z' \(trained on: a, b, c\)"):
        spec.encode(np.array(["a", "z"], dtype=object))


def test_a_number_that_the_transform_does_not_take() -> None:
    with pytest.raises(InputError, match=r"column 'x': 1 value is 0 or below .smallest -2.*; leave their samples out"):
        fit(transform="boxcox").encode(np.array([1.0, -2.0]))


def test_missing_values_stay_missing_and_uncounted() -> None:
    values = np.array([1.0, np.nan, 5.0, np.nan, 9.0])
    spec = fit(values, transform="zscore")
    assert (spec.shift, spec.scale, spec.mean, spec.median) == (3.0, 2.0, 3.0, 3.0)
    for transform in TRANSFORMS:
        spec = fit(values, transform=transform)
        encoded = spec.encode(values)
        assert np.isnan(encoded).tolist() == [False, True, False, True, False]
        assert np.isnan(spec.decode(encoded)).tolist() == [False, True, False, True, False]


def scikit_learns(transform: str, number: int) -> object:
    return {
        "zscore": StandardScaler(),
        "minmax": MinMaxScaler(),
        "boxcox": PowerTransformer(method="box-cox"),
        "quantile": QuantileTransformer(n_quantiles=number, output_distribution="normal"),
    }[transform]


@pytest.mark.parametrize("transform", ["zscore", "minmax", "boxcox", "quantile"])
def test_encoded_numbers_are_scikit_learns(transform: str) -> None:
    values = np.random.default_rng(3).gamma(2.0, 3.0, size=120)
    train = np.arange(80)
    other = scikit_learns(transform, len(train)).fit(values[train, None])  # type: ignore[attr-defined]
    spec = fit(values, train, transform=transform)
    encoded = spec.encode(values)
    assert encoded == pytest.approx(other.transform(values[:, None])[:, 0], abs=1e-3)
    normals = np.linspace(-1, 1, 21)
    assert spec.decode(normals) == pytest.approx(other.inverse_transform(normals[:, None])[:, 0], rel=1e-3)


RNG = np.random.default_rng(11)
IN_UNITS = {
    "tiny": 1e-6 * RNG.gamma(2.0, 1.0, size=200),
    "huge": 1e6 * RNG.gamma(2.0, 1.0, size=200),
    "almost constant": 1e9 + 1e-3 * RNG.normal(size=200),
    "skewed": np.exp(4 * RNG.normal(size=200)),
    "many zeros": np.maximum(RNG.normal(size=200), 0) + 1e-12,
}


@pytest.mark.parametrize("transform", TRANSFORMS[1:])
@pytest.mark.parametrize("units", IN_UNITS)
def test_targets_of_any_scale_are_decoded_in_their_units(units: str, transform: str) -> None:
    values = IN_UNITS[units]
    spec = fit(values, np.arange(200), transform=transform)
    encoded = spec.encode(values)
    assert np.abs(encoded).max() < 15
    if "zscore" in transform or transform == "boxcox":
        assert encoded.std() == pytest.approx(1, rel=0.02)
        assert encoded.mean() == pytest.approx(0, abs=0.02)
    # a logarithm of 1e9 holds 1e-3 by two digits
    spread = 0.02 if units == "almost constant" and transform.startswith("log-") else 1e-5
    rounding = np.spacing(values.max())
    tolerance_N = rounding + spread * values.std() + 1e-5 * np.abs(values - values.mean())
    assert (np.abs(spec.decode(encoded) - values) <= tolerance_N).all()
    wild = spec.decode(np.array([-1e9, 1e9]))
    assert np.isfinite(wild.astype(np.float32)).all()


@settings(deadline=None, max_examples=60, derandomize=True)
@given(
    st.sampled_from(["minmax", "zscore", "quantile", "boxcox"]),
    st.lists(st.floats(1, 1e4), min_size=2, max_size=30).filter(lambda found: np.ptp(found) > 0.1),
)
def test_round_trip_of_any_numbers(transform: str, listed: list[float]) -> None:
    values = np.array(listed)
    spec = TargetSpec.from_dict(
        json.loads(json.dumps(fit(values, np.arange(len(values)), transform=transform).to_dict()))
    )
    assert spec.decode(spec.encode(values)) == pytest.approx(values, rel=1e-4, abs=1e-5 * np.ptp(values))
