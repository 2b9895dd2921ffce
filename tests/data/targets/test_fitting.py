from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from aam.data.readers.metadata import Metadata
from aam.data.targets.fitting import fit_target, fit_targets
from aam.data.targets.kinds import CLASSES, NUMBERS, TargetRules, TargetSpec
from aam.data.targets.targets import Targets, joint_levels, with_missing
from aam.errors import InputError
from tests.data.targets.decoded import decoded

VALUES = np.array([1.0, 2.0, 4.0, 9.0, 100.0])
LABELS = np.array(["b", "a", "b", "c", "c", "a"], dtype=object)
TRAIN = np.array([0, 1, 2, 3])


def fit(values: np.ndarray = VALUES, train: np.ndarray = TRAIN, **options: object) -> TargetSpec:
    return fit_target(TargetRules(**{"kind": NUMBERS, "columns": ("x",), **options}), values, train, "m.tsv")


def test_classes_are_sorted_and_weighted() -> None:
    spec = fit(LABELS, np.array([0, 1, 2, 3]), kind=CLASSES, class_weights="balanced")
    assert spec.classes == ("a", "b", "c")
    assert spec.class_weights == pytest.approx((4 / 3, 4 / 6, 4 / 3))
    assert spec.majority == "b"
    assert spec.encode(LABELS).tolist() == [1, 0, 1, 2, 2, 0]
    assert spec.encode(LABELS).dtype == np.int64
    assert fit(LABELS, TRAIN, kind=CLASSES).class_weights == ()
    given = fit(LABELS, np.array([0, 1, 2, 3]), kind=CLASSES, class_weights=(1.0, 2.0, 3.0)).class_weights
    assert given == pytest.approx((1 / 2, 2 / 2, 3 / 2))  # their mean over b, a, b and c is 2


@pytest.mark.parametrize(
    ("values", "train", "options", "message"),
    [
        (np.full(5, 3.0), TRAIN, {}, "m.tsv: column 'x' has one value (3) in the training samples: nothing to learn"),
        (LABELS, np.array([0, 2]), {"kind": CLASSES}, "has one value (b) in the training samples"),
        (np.array([1, -1.0, 2, -7]), TRAIN, {"transform": "log-zscore"}, "2 values are -1 or below (smallest"),
        (
            np.array([1, 0.0, 2, -7]),
            TRAIN,
            {"transform": "boxcox"},
            "m.tsv: column 'x': 2 values are 0 or below (smallest -7) and have no Box-Cox transform; --target",
        ),
        (
            np.array([1, np.nan, np.nan, np.nan, 3]),
            TRAIN,
            {},
            "column 'x' has 1 value in 4 training samples; at least 2",
        ),
        (np.full(5, np.nan), TRAIN, {}, "column 'x' has no value in 4 training samples; at least 2 are needed"),
        (np.array([3, np.nan, 3, np.nan, 4]), TRAIN, {}, "column 'x' has one value (3) in the training samples"),
        (np.array(["a", "a", "b", "b", "c"], object), TRAIN, {"kind": CLASSES}, "class 'c' has 1 sample; at least"),
        (np.array(list("abcd"), object), TRAIN, {"kind": CLASSES}, "4 classes have 1 sample (first: 'a')"),
        (LABELS, np.array([0, 1, 2]), {"kind": CLASSES}, "unknown level 'c' outside of the training samples"),
        (LABELS, TRAIN, {"kind": CLASSES, "class_weights": (1.0,)}, "has 3 classes, --class-weights 1 numbers"),
        (LABELS, TRAIN, {"kind": CLASSES, "class_weights": (1.0, 0.0, 1.0)}, "must be positive numbers"),
    ],
)
def test_what_cannot_be_learned_is_said(
    values: np.ndarray, train: np.ndarray, options: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError) as caught:
        fit(values, train, **options)
    assert message in str(caught.value)
    assert len(str(caught.value)) < 200


# Eight training samples and two others: winter/gut has four values, winter/skin one, summer/gut two equal ones,
# and one sample has no season.
SEASON = ["winter", "winter", "winter", "winter", "winter", "summer", "summer", "", "winter", "spring"]
SITE = ["gut", "gut", "gut", "gut", "skin", "gut", "gut", "gut", "skin", "gut"]
LEVELLED = np.array([1.0, 3.0, 5.0, 7.0, 10.0, 20.0, 20.0, 14.0, 11.0, 12.0])
EIGHT = np.arange(8)
BY = ("season", "site")


def sheet(season: list[str] = SEASON, site: list[str] = SITE) -> Metadata:
    columns = {"season": np.array(season, dtype=object), "site": np.array(site, dtype=object)}
    ids = np.array([f"s{place}" for place in range(len(season))], dtype=object)
    return Metadata(source="m.tsv", sample_ids=ids, columns=columns, notes=())


def fit_levelled(**columns: np.ndarray) -> Targets:
    rules = TargetRules(kind=NUMBERS, columns=tuple(columns), transform="zscore-category", normalize_by=BY)
    return fit_targets(rules, columns, EIGHT, "m.tsv", joint_levels(sheet(), BY))


def test_level_codes_are_places_among_the_training_levels() -> None:
    targets = fit_levelled(x=LEVELLED)
    assert targets.levels == ("season=summer, site=gut", "season=winter, site=gut", "season=winter, site=skin")
    assert targets.level_codes(sheet()).tolist() == [2, 2, 2, 2, 3, 1, 1, 0, 3, 0]
    assert targets.level_codes(sheet()).dtype == np.int64
    without = fit_targets(TargetRules(kind=NUMBERS, columns=("x",)), {"x": LEVELLED}, EIGHT, "m.tsv")
    assert without.level_codes(sheet()).tolist() == [0] * 10


def test_a_level_called_na_stays_one_in_new_samples() -> None:
    kept = dataclasses.replace(sheet([*SEASON[:-1], "NA"]), kept=("NA",))
    rules = TargetRules(kind=NUMBERS, columns=("x",), transform="zscore-category", normalize_by=BY)
    values = {"x": np.arange(10.0)}
    targets = fit_targets(rules, values, np.arange(10), "m.tsv", joint_levels(kept, BY))
    level = f"season=NA, site={SITE[-1]}"
    assert level in targets.levels
    new = sheet([*SEASON[:-1], "NA"])
    assert targets.level_codes(new)[-1] == 1 + targets.levels.index(level)


def test_zscore_category_by_hand() -> None:
    targets = fit_levelled(x=LEVELLED)
    overall_mean = 80 / 8
    overall_spread = np.sqrt(sum((value - 10.0) ** 2 for value in [1, 3, 5, 7, 10, 20, 20, 14]) / 8)
    spec = targets.specs[0]
    assert spec.level_shift == pytest.approx(
        (overall_mean, 20, 4, overall_mean)
    )  # all, summer, winter gut, winter skin
    assert spec.level_scale == pytest.approx((overall_spread, overall_spread, np.sqrt(5), overall_spread))
    codes = targets.level_codes(sheet())
    encoded = targets.encode({"x": LEVELLED}, codes)
    assert encoded.shape == (10, 1)
    assert encoded.dtype == np.float32
    within = np.array([-3, -1, 1, 3]) / np.sqrt(5)
    others = np.array([0, 0, 0, 4, 1, 2]) / overall_spread
    assert encoded[:, 0] == pytest.approx(np.concatenate([within, others]))
    assert decoded(targets, encoded, codes)[:, 0] == pytest.approx(LEVELLED)
    assert decoded(targets, np.zeros((2, 1)))[:, 0] == pytest.approx([overall_mean, overall_mean])


def test_levels_of_a_target_with_missing_values() -> None:
    missing = LEVELLED.copy()
    missing[[0, 1, 2]] = np.nan  # one value is left of winter/gut
    first, second = fit_levelled(x=LEVELLED, y=missing).specs
    assert first.level_shift[2] == 4
    assert second.level_shift[2] == second.shift == pytest.approx((7 + 10 + 20 + 20 + 14) / 5)
    assert second.level_shift[1] == 20
    assert second.level_scale == (second.scale,) * 4


def test_a_spread_of_rounding_is_no_spread() -> None:
    values = LEVELLED.copy()
    values[[5, 6]] = 0.1 + 0.2, 0.3
    spec = fit_levelled(x=values).specs[0]
    assert spec.level_scale[1] == spec.scale


def test_levels_of_one_sample_each_are_refused() -> None:
    rules = TargetRules(kind=NUMBERS, columns=("x",), transform="zscore-category", normalize_by=("subject",))
    levels = [f"subject={place}" for place in range(10)]
    with pytest.raises(InputError, match="none of 8 levels of subject has 2 training samples; --normalize-by"):
        fit_targets(rules, {"x": LEVELLED}, EIGHT, "m.tsv", levels)


def test_several_targets_are_fitted_each_on_its_own_samples() -> None:
    ph = np.array([7.0, 8.0, np.nan, 6.0, 5.0])
    targets = fit_targets(TargetRules(kind=NUMBERS, columns=("age", "ph")), {"age": VALUES, "ph": ph}, TRAIN, "m.tsv")
    assert len(targets) == 2
    assert (targets.kind, targets.columns) == (NUMBERS, ("age", "ph"))
    assert (targets.specs[1].shift, targets.specs[1].mean) == (7.0, 7.0)
    encoded = targets.encode({"ph": ph, "age": VALUES})
    assert (encoded.shape, encoded.dtype) == ((5, 2), np.float32)
    assert np.isnan(encoded).sum() == 1
    assert encoded[:, 0] == pytest.approx(fit().encode(VALUES))
    found = decoded(targets, encoded)
    assert found.dtype == np.float64
    assert found == pytest.approx(np.stack([VALUES, ph], axis=1), rel=1e-5, nan_ok=True)


def test_what_is_wrong_with_one_of_several_targets_names_it() -> None:
    with pytest.raises(InputError, match="column 'ph' has no value in 4 training samples"):
        fit_targets(
            TargetRules(kind=NUMBERS, columns=("age", "ph")), {"age": VALUES, "ph": VALUES * np.nan}, TRAIN, "m.tsv"
        )


def test_joint_levels_are_written_out() -> None:
    found = joint_levels(sheet(["winter", "Not applicable", ""], ["gut", "gut", "skin"]), BY)
    assert found.tolist() == ["season=winter, site=gut", "", ""]
    with pytest.raises(InputError, match="no column 'sites'"):
        joint_levels(sheet(), ("season", "sites"))


def test_quantiles_are_decoded_within_the_sample_level() -> None:
    targets = fit_levelled(x=LEVELLED, y=LEVELLED * 10)
    codes = np.array([2, 0, 1])
    normalised = np.random.default_rng(0).normal(size=(3, 2, 5))
    found = decoded(targets, normalised, codes)
    assert found.shape == (3, 2, 5)
    for quantile in range(5):
        assert found[..., quantile] == pytest.approx(decoded(targets, normalised[..., quantile], codes))
    assert found[0, 0] == pytest.approx(normalised[0, 0] * np.sqrt(5) + 4)
    assert found[2, 1] == pytest.approx(normalised[2, 1] * targets.specs[1].scale + 200)


def test_classes_are_one_column_with_probabilities() -> None:
    targets = fit_targets(TargetRules(columns=("x",), kind=CLASSES), {"x": LABELS}, TRAIN, "m.tsv")
    assert (targets.kind, len(targets)) == (CLASSES, 1)
    encoded = targets.encode({"x": LABELS})
    assert encoded.tolist() == [[1], [0], [1], [2], [2], [0]]
    assert encoded.dtype == np.int64
    probabilities = np.array([[0.25, 0.75, 0.0]])
    assert (targets.specs[0].decode(probabilities) == probabilities).all()


def test_targets_round_trip_through_json() -> None:
    levelled = fit_levelled(x=LEVELLED, y=LEVELLED**2)
    for targets in (
        levelled,
        fit_targets(TargetRules(kind=NUMBERS, columns=("x",), transform="quantile"), {"x": VALUES}, TRAIN, "m"),
    ):
        assert Targets.from_dict(json.loads(json.dumps(targets.to_dict()))) == targets


def test_columns_of_classes_learn_from_known_labels() -> None:
    values = {"x": LABELS, "y": np.array(["", "k", "l", "", "k", "l"], dtype=object)}
    targets = fit_targets(TargetRules(columns=("x", "y"), kind=CLASSES), values, np.arange(6), "m.tsv")
    assert [spec.classes for spec in targets.specs] == [("a", "b", "c"), ("k", "l")]
    assert [spec.presence for spec in targets.specs] == [1.0, 4 / 6]
    assert targets.encode(values)[:, 1].tolist() == [-1, 0, 1, -1, 0, 1]
    assert with_missing(targets.encode(values))[:2, 1].tolist() == pytest.approx([np.nan, 0], nan_ok=True)
    assert targets.outputs == (slice(0, 3), slice(3, 5))
    assert targets.output_names == ("x=a", "x=b", "x=c", "y=k", "y=l")
    assert targets.kind.output_shape(targets.specs) == (5,)
    assert targets.part(np.arange(5)[None], 1).tolist() == [[3, 4]]
    assert Targets.from_dict(json.loads(json.dumps(targets.to_dict()))) == targets
    with pytest.raises(InputError, match="column 'y' has no label in 2 training samples; at least 2 are needed"):
        fit_targets(TargetRules(columns=("y",), kind=CLASSES), values, np.array([0, 3]), "m.tsv")


def test_class_weights_are_of_each_column() -> None:
    values = {"x": np.array(list("aab"), dtype=object), "y": np.array(["k", "", "l"], dtype=object)}
    rules = TargetRules(columns=("x", "y"), kind=CLASSES, class_weights="balanced")
    twice = {name: np.tile(own, 2) for name, own in values.items()}
    fitted = fit_targets(rules, twice, np.arange(6), "m.tsv").specs
    assert fitted[0].class_weights == pytest.approx((3 / 4, 3 / 2))
    assert fitted[1].class_weights == pytest.approx((1, 1))


def test_classes_that_share_a_column_of_predictions_are_refused() -> None:
    values = {
        "a": np.array(["F_b", "m"] * 2, dtype=object),
        "b_a": np.array(["F", "m"] * 2, dtype=object),
    }
    with pytest.raises(InputError, match=r"classes of 'a' and 'b_a' would share a column .*\(probability_F_b_a\)"):
        fit_targets(TargetRules(columns=("a", "b_a"), kind=CLASSES), values, np.arange(4), "m.tsv")
