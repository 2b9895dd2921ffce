from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from aam.data.targets.kinds import CLASSES, NUMBERS, Predictions
from aam.evaluation.learning_curve import (
    Curve,
    SizeResult,
    drawn_errors,
    error_of,
    forecast_words,
    make_curve,
    measured_words,
)
from aam.evaluation.metrics import compare

SIZES = (6, 12, 24, 48)
NUMBER = 480
MEAN_OF_NORMAL = np.sqrt(2 / np.pi)


def predictions(noise: float, seed: int, draws: np.ndarray | None = None) -> Predictions:
    """Predictions of 48 groups of ten whose mean absolute error is about ``noise``."""
    observed = np.linspace(0, 20, NUMBER)
    apart = np.random.default_rng(seed).normal(size=NUMBER) if draws is None else draws
    return Predictions(
        kind=NUMBERS,
        sample_ids=np.array([f"s{i}" for i in range(NUMBER)], dtype=object),
        observed=observed,
        predicted=observed + noise / MEAN_OF_NORMAL * apart,
        groups=np.array([f"g{i % 48}" for i in range(NUMBER)], dtype=object),
    )


def curve(floor: float, scale: float, exponent: float, sizes: tuple[int, ...] = SIZES) -> Curve:
    """A curve whose errors follow a law."""
    results = [
        SizeResult(
            units=size,
            samples=10 * size,
            repeats=tuple(
                predictions(floor + scale * size**-exponent, 10 * place + repeat)
                for repeat in range(1 if size == sizes[-1] else 2)
            ),
        )
        for place, size in enumerate(sizes)
    ]
    return make_curve("age", "blend", "subject", 60, results)


def test_a_known_law_is_foretold() -> None:
    found = curve(1.0, 8.0, 0.8)
    assert found.law is not None
    for forecast in found.law.forecasts:
        truth = 1.0 + 8.0 * forecast.units**-0.8
        assert forecast.value.low < truth < forecast.value.high
        assert forecast.gain.low <= 1.0 + 8.0 * 60**-0.8 - truth <= forecast.gain.high
    assert [one.units for one in found.law.forecasts] == [60, 120, 240]
    assert found.falls
    assert "twice as many groups of subject (120) would lower the mean absolute error from" in forecast_words(
        found, "Blend"
    )


def test_the_last_step_is_the_paired_difference_from_half() -> None:
    found = curve(1.0, 8.0, 0.8, (6, 12, 24, 34, 48))
    assert found.points[found.half].units == 24
    last, half = found.points[-1].repeats[0], found.points[found.half].repeats
    assert found.last_step.value == pytest.approx(np.mean([compare(last, one)["mae"].value for one in half]))
    assert "from 24 to 48, it still got clearly better" in measured_words(found, "Blend")


def test_a_flat_curve_foretells_nothing() -> None:
    same = [SizeResult(units=n, samples=n, repeats=(predictions(2.0, 1),)) for n in SIZES]
    found = make_curve("age", "forest", "sample", 60, same)
    assert not found.falls
    assert "so it does not say whether more would help" in forecast_words(found, "Random forest")
    assert "48 samples" in forecast_words(found, "Random forest")


def test_three_sizes_have_no_law() -> None:
    found = curve(1.0, 8.0, 0.8, (6, 12, 24))
    assert found.law is None
    assert "3 sizes are too few" in forecast_words(found, "Blend")


def test_draws_take_the_same_groups_at_all_sizes() -> None:
    apart = np.random.default_rng(0).normal(size=NUMBER)
    sizes = [SizeResult(units=n, samples=n, repeats=(predictions(24 / n, 0, apart),)) for n in SIZES]
    drawn = drawn_errors(make_curve("age", "blend", "subject", 60, sizes).points, "mae")
    assert drawn[:, 0] == pytest.approx(2 * drawn[:, 1])
    assert drawn[:, 0].std() > 0.1


def test_shares_are_errors_below_one() -> None:
    assert error_of("balanced_accuracy", np.array([0.75])).tolist() == [0.25]
    assert error_of("mae", np.array([0.75])).tolist() == [0.75]
    names = np.array(["a", "b"], dtype=object)
    codes = np.arange(NUMBER) % 2
    results = []
    for place, size in enumerate((20, 40, 80, 160)):
        wrong = np.random.default_rng(place).random(NUMBER) < 0.1 + 2 * size**-0.75
        shares = np.eye(2)[np.where(wrong, 1 - codes, codes)]
        base = dataclasses.replace(predictions(1.0, 0), kind=CLASSES, observed=names[codes], classes=("a", "b"))
        table = dataclasses.replace(base, predicted=names[shares.argmax(axis=1)], probabilities=shares)
        results.append(SizeResult(units=size, samples=size, repeats=(table,)))
    found = make_curve("site", "blend", "sample", 200, results)
    assert found.main == "balanced_accuracy"
    assert found.law is not None
    values = [one.value for one in found.law.forecasts]
    assert values[0].value < values[1].value < values[2].value < 1
    assert all(one.low < one.value < one.high for one in values)
