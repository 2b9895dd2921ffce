from __future__ import annotations

import sys

import numpy as np
import pytest

from aam.data.readers.computable import computable_spread, mean_of_weights, stand_in, stand_in_line
from aam.errors import InputError

LARGEST = sys.float_info.max


def test_the_spread_is_the_standard_deviation() -> None:
    values = np.array([1.0, 2.0, 4.0, -7.5])
    assert computable_spread("m", "x", values, "") == pytest.approx(np.std(values), rel=1e-15)


@pytest.mark.parametrize("values", [(1.0, LARGEST), (0.0, 1e200), (-LARGEST, LARGEST), (5e-324, 0.0), (1e-200, 0.0)])
def test_numbers_whose_squares_are_none_are_refused(values: tuple[float, float]) -> None:
    with pytest.raises(InputError, match=r"^m: column 'x': values from .* to .* have no computable .*; do this$"):
        computable_spread("m", "x", np.array(values), "do this")


@pytest.mark.parametrize("values", [(1.0, 1e150), (1e-150, 0.0)])
def test_large_and_small_numbers_that_can_be_computed_with(values: tuple[float, float]) -> None:
    assert computable_spread("m", "x", np.array(values), "") == pytest.approx(np.ptp(values) / 2)


def test_weights_have_a_mean() -> None:
    weights = np.array([1.0, 3.0, 100.0])
    assert mean_of_weights("m", "w", weights, weights[:2]) == 2


@pytest.mark.parametrize("weights", [(1.0, 1e308), (LARGEST, LARGEST), (1e-300, 1.0), (1.0, 1e39)])
def test_weights_that_cannot_be_computed_with(weights: tuple[float, float]) -> None:
    given = np.array(weights)
    with pytest.raises(InputError, match=r"^m: w: weights from .* cannot be computed with; give weights around 1$"):
        mean_of_weights("m", "w", given, given)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((1, 40, 20, -9999), -9999),
        ((1, 40, 20, -9999, -9999), -9999),
        ((20, 30, 99, 25), 99),  # a year or a day would not be so far
        ((60, 70, 99, 80), None),
        ((1, 2, 3, 9.96921e36), 9.96921e36),
        ((1, 2, 3, 1000), None),
        ((1, 1, 1, 9999), None),  # of a constant nothing is known
        ((5, 6, 7, 8), None),
        ((), None),
    ],
)
def test_a_number_that_stands_for_a_missing_one(values: tuple[float, ...], expected: float | None) -> None:
    found = np.array(values, dtype=np.float64)
    assert stand_in(found) == expected
    assert (stand_in_line("x", found) is None) == (expected is None)


def test_the_line_says_how_many_and_how_far() -> None:
    line = stand_in_line("age", np.array([1.0, 40.0, -9999.0, -9999.0]))
    assert line == (
        "column 'age' is -9999 in 2 samples, far from the others (1 to 40): if it stands for a missing value, give the "
        "cell to --missing"
    )
