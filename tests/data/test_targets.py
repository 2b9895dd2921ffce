from __future__ import annotations

import json

import numpy as np
import pytest

from aam.data.targets import TargetRules, TargetSpec, fit_target
from aam.errors import InputError

VALUES = np.array([1.0, 2.0, 4.0, 9.0, 100.0])
LABELS = np.array(["b", "a", "b", "c", "c", "a"], dtype=object)
TRAIN = np.array([0, 1, 2, 3])


def fit(values: np.ndarray = VALUES, train: np.ndarray = TRAIN, **options: object) -> TargetSpec:
    return fit_target(TargetRules(columns=("x",), **options), values, train, "m.tsv")


@pytest.mark.parametrize("transform", ["none", "minmax", "zscore", "log-minmax", "log-zscore"])
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


def test_classes_are_sorted_and_weighted() -> None:
    spec = fit(LABELS, np.array([0, 1, 2, 3]), classifier=True, class_weights="balanced")
    assert spec.classes == ("a", "b", "c")
    assert spec.class_weights == pytest.approx((4 / 3, 4 / 6, 4 / 3))
    assert spec.majority == "b"
    assert spec.encode(LABELS).tolist() == [1, 0, 1, 2, 2, 0]
    assert spec.encode(LABELS).dtype == np.int64
    assert fit(LABELS, TRAIN, classifier=True).class_weights == ()
    given = fit(LABELS, np.array([0, 1, 2, 3]), classifier=True, class_weights=(1.0, 2.0, 3.0)).class_weights
    assert given == pytest.approx((1 / 2, 2 / 2, 3 / 2))  # their mean over b, a, b and c is 2


def test_probabilities_pass_through_decode() -> None:
    probabilities = np.array([[0.25, 0.75, 0.0]])
    assert (fit(LABELS, TRAIN, classifier=True).decode(probabilities) == probabilities).all()


@pytest.mark.parametrize("options", [{"classifier": True, "class_weights": "balanced"}, {}])
def test_round_trip_through_json(options: dict[str, object]) -> None:
    spec = fit(LABELS if options else VALUES, TRAIN, **options)
    assert TargetSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec


@pytest.mark.parametrize(
    ("values", "train", "options", "message"),
    [
        (np.full(5, 3.0), TRAIN, {}, "m.tsv: column 'x' has one value (3) in the training samples: nothing to learn"),
        (LABELS, np.array([0, 2]), {"classifier": True}, "has one value (b) in the training samples"),
        (np.array([1, -1.0, 2, -7]), TRAIN, {"transform": "log-zscore"}, "2 values are -1 or below (smallest"),
        (np.array(["a", "a", "b", "b", "c"], object), TRAIN, {"classifier": True}, "class 'c' has 1 sample; at least"),
        (np.array(list("abcd"), object), TRAIN, {"classifier": True}, "4 classes have 1 sample (first: 'a')"),
        (LABELS, np.array([0, 1, 2]), {"classifier": True}, "unknown level 'c' outside of the training samples"),
        (LABELS, TRAIN, {"classifier": True, "class_weights": (1.0,)}, "has 3 classes, --class-weights 1 numbers"),
        (LABELS, TRAIN, {"classifier": True, "class_weights": (1.0, 0.0, 1.0)}, "must be positive numbers"),
    ],
)
def test_what_cannot_be_learned_is_said(
    values: np.ndarray, train: np.ndarray, options: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError) as caught:
        fit(values, train, **options)
    assert message in str(caught.value)
    assert len(str(caught.value)) < 200


def test_a_label_never_trained_on() -> None:
    spec = fit(LABELS, TRAIN, classifier=True)
    with pytest.raises(InputError, match=r"column 'x': unknown level 'z' \(trained on: a, b, c\)"):
        spec.encode(np.array(["a", "z"], dtype=object))
