from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aam.config import HeadOptions
from aam.data.targets.class_ranges import held_before
from aam.data.targets.fitting import fit_target
from aam.data.targets.intervals import calibrate_ordered, class_ranges
from aam.data.targets.kinds import ORDERED, IntervalSettings, Samples, TargetRules, TargetSpec
from aam.data.targets.kinds.cells import Cells
from aam.errors import InputError

LEVELS = ("none", "mild", "severe")
LABELS = np.array(["severe", "none", "none", "mild", "none", "severe", "mild", "none"], dtype=object)


def fitted(labels: np.ndarray = LABELS, levels: tuple[str, ...] = LEVELS, **rules: Any) -> TargetSpec:
    target = TargetRules(columns=("stage",), kind=ORDERED, transform="none", levels=levels, **rules)
    return fit_target(target, labels, np.arange(len(labels)), "m.tsv")


def samples_of(labels: np.ndarray) -> Samples:
    ids = np.array([f"s{place}" for place in range(len(labels))], dtype=object)
    return Samples(sample_ids=ids, observed={"stage": labels}, level_B=np.zeros(len(ids), dtype=np.int64))


def test_levels_keep_their_order() -> None:
    spec = fitted()
    assert spec.classes == LEVELS
    assert spec.encode(LABELS).tolist() == [2, 0, 0, 1, 0, 2, 1, 0]
    assert ORDERED.describe(spec) == "one of 3 levels: none < mild < severe"
    assert TargetSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec


def test_the_guess_is_the_median_level() -> None:
    labels = np.array(["none"] * 3 + ["mild"] * 2 + ["severe"] * 4, dtype=object)
    assert ORDERED.guess_of(fitted(labels)) == "mild"


def test_class_weights_follow_the_order() -> None:
    spec = fitted(class_weights=(1.0, 2.0, 4.0))
    assert np.divide(spec.class_weights, spec.class_weights[0]).tolist() == [1, 2, 4]
    balanced = fitted(class_weights="balanced")
    assert balanced.class_weights == pytest.approx((8 / 12, 8 / 6, 8 / 6))


def test_a_value_that_is_no_level_is_named() -> None:
    labels = LABELS.copy()
    labels[3:5] = "moderate"
    with pytest.raises(InputError, match=r"'moderate' is not one of the levels of --ordered \(none, mild, severe\)"):
        fitted(labels)
    with pytest.raises(InputError, match="no sample of the level 'fatal'"):
        fitted(levels=(*LEVELS, "fatal"))


def test_a_range_grows_to_the_likelier_neighbour() -> None:
    probabilities = np.array([[0.1, 0.2, 0.4, 0.25, 0.05], [0.6, 0.3, 0.1, 0.0, 0.0]])
    before = held_before(probabilities)
    assert before[0] == pytest.approx([0.85, 0.65, 0, 0.4, 0.95])
    assert before[1] == pytest.approx([0, 0.6, 0.9, 1, 1])


def test_ranges_hold_the_truth_as_often_as_promised() -> None:
    rng = np.random.default_rng(1)

    def drawn(number: int) -> tuple[np.ndarray, np.ndarray]:
        score = rng.normal(size=(number, 1))
        at_most = 1 / (1 + np.exp(-(np.array([-2.0, -0.5, 0.5, 2.0]) - 2 * score)))
        shares = np.diff(np.pad(at_most, ((0, 0), (1, 1)), constant_values=((0, 0), (0, 1))), axis=1)
        return shares, (rng.random((number, 1)) > at_most).sum(axis=1)

    held = {0.8: [], 0.9: []}  # type: ignore[var-annotated]
    for _ in range(40):
        calibration = calibrate_ordered(*drawn(150), None)
        shares, codes = drawn(400)
        for level, found in held.items():
            ranges = class_ranges(calibration, shares, level)
            found.append(ranges[np.arange(len(codes)), codes].mean())
            edges = np.abs(np.diff(np.pad(ranges.astype(int), ((0, 0), (1, 1))), axis=1)).sum(axis=1)
            assert (edges == 2).all(), "a range without gaps begins once and ends once"
            assert ranges[np.arange(len(codes)), shares.argmax(axis=1)].all()
    for level, found in held.items():
        assert level - 0.01 < np.mean(found) < level + 0.06


def test_predictions_survive_their_table() -> None:
    spec, rng = fitted(), np.random.default_rng(0)
    learned = rng.dirichlet(np.ones(3), size=len(LABELS))
    settings = IntervalSettings(level=0.8, head=HeadOptions())
    calibration = ORDERED.calibrate(spec, learned, samples_of(LABELS), settings)
    settings = IntervalSettings(level=0.8, head=HeadOptions(), calibration=calibration)
    table = ORDERED.predict(spec, learned, learned[None], samples_of(LABELS), settings)
    assert table.predicted.tolist() == [LEVELS[code] for code in learned.argmax(axis=1)]
    columns = {name: np.array(texts, dtype=object) for name, texts in ORDERED.columns(table).items()}
    found = ORDERED.from_columns(Cells({**columns, "observed": LABELS}, "", Path("p.tsv")), spec)
    assert found["classes"] == LEVELS
    assert (found["sets"] == table.sets).all()
    assert found["probabilities"] == pytest.approx(learned, abs=1e-6)


def test_the_worst_are_the_most_levels_off() -> None:
    spec = fitted()
    labels = np.array(["none", "none", "severe", "mild"], dtype=object)
    learned = np.array([[0.2, 0.7, 0.1], [0.3, 0.2, 0.5], [0.1, 0.1, 0.8], [0.5, 0.1, 0.4]])
    settings = IntervalSettings(level=0.9, head=HeadOptions())
    table = ORDERED.predict(spec, learned, learned[None], samples_of(labels), settings)
    assert ORDERED.worst(table).tolist() == [1, 3, 0]
