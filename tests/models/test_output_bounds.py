from __future__ import annotations

from typing import get_args

import pytest
import torch

from aam.models.output_bounds import LEAST, Bend, OutputBound, inverse_softplus

ABOVE_ZERO: list[Bend] = ["relu", "softplus", "exp"]
ZEROS = (0.0, 0.3, 2.5)


def raws(*zero: float) -> torch.Tensor:
    return torch.linspace(-8, 8, 33)[:, None].repeat(1, len(zero))


@pytest.mark.parametrize("zero", [(0.0, 0.3, 1.0), (0.4, 0.1, 0.9)])
def test_predictions_by_the_formulas(zero: tuple[float, ...]) -> None:
    """``f(raw + c) - c``, and ``exp(raw) - c``, where the mean is no larger than the spread."""
    raw_BT, c = raws(*zero), torch.tensor(zero)
    found = {bend: OutputBound(bend, zero)(raw_BT) for bend in get_args(Bend)}
    assert torch.equal(found["none"], raw_BT)
    torch.testing.assert_close(found["sigmoid"], 1 / (1 + torch.exp(-raw_BT)))
    torch.testing.assert_close(found["relu"], torch.relu(raw_BT + c) - c, atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(found["softplus"], torch.log1p(torch.exp(raw_BT + c)) - c, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(found["exp"], torch.exp(raw_BT) - c, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("bend", ABOVE_ZERO)
@pytest.mark.parametrize("shift", [0.0, 1.5, 30.0])
def test_no_prediction_is_below_zero_in_own_units(bend: Bend, shift: float) -> None:
    scale = 3.0
    bound = OutputBound(bend, (shift / scale,))
    raw_BT = torch.tensor([-1e6, -100.0, -5.0, 0.0, 5.0])[:, None]
    value = bound(raw_BT).double() * scale + shift
    assert float(value.min()) >= -1e-6 * shift
    assert (value.diff(dim=0) >= 0).all()


@pytest.mark.parametrize("bend", ABOVE_ZERO)
@pytest.mark.parametrize("zero", [100.0, 1e5, 1e9])
def test_far_from_zero_nothing_is_bent_and_no_digit_is_lost(bend: Bend, zero: float) -> None:
    """A mean of a million with a spread of a thousandth: the numbers that are learned are those of any target."""
    raw_BT = torch.tensor([-1.25, -0.1, 0.0, 0.3, 2.0])[:, None].requires_grad_()
    value = OutputBound(bend, (zero,))(raw_BT)
    torch.testing.assert_close(value, raw_BT, rtol=0.02, atol=1e-6)
    value.sum().backward()
    assert raw_BT.grad is not None
    assert raw_BT.grad.flatten().tolist() == pytest.approx([1] * 5, abs=0.03)


@pytest.mark.parametrize("bend", get_args(Bend))
@pytest.mark.parametrize("zero", [0.0, 0.3, 2.5, 1e3])
def test_the_inverse_undoes_the_bound(bend: Bend, zero: float) -> None:
    value_BT = torch.linspace(0.05, 0.95, 19)[:, None] - (0.0 if bend == "sigmoid" else min(zero, 1.0))
    bound = OutputBound(bend, (zero,))
    raw_BT = bound.inverse(value_BT)
    assert torch.isfinite(raw_BT).all()
    torch.testing.assert_close(bound(raw_BT), value_BT, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("bend", get_args(Bend))
@pytest.mark.parametrize("zero", [0.0, 0.3, 2.5, 1e3, 1e9])
def test_values_at_the_bounds_and_beyond_have_a_finite_inverse(bend: Bend, zero: float) -> None:
    bound = OutputBound(bend, (zero,))
    value_BT = torch.tensor([-zero - 1e3, -zero, -zero / 2, 0.0, 1.0])[:, None]
    raw_BT = bound.inverse(value_BT)
    assert torch.isfinite(raw_BT).all()
    assert torch.isfinite(bound(raw_BT)).all()
    if bend in ABOVE_ZERO and zero < 100:
        assert float(bound(raw_BT)[0]) == pytest.approx(-zero, abs=2 * LEAST)


@pytest.mark.parametrize("bend", get_args(Bend))
def test_gradients_are_finite_everywhere(bend: Bend) -> None:
    raw_BT = torch.tensor([-1e9, -50.0, 0.0, 50.0, 1e9])[:, None].repeat(1, 3).requires_grad_()
    OutputBound(bend, ZEROS)(raw_BT).sum().backward()
    assert raw_BT.grad is not None
    assert torch.isfinite(raw_BT.grad).all()


def test_softplus_and_its_inverse() -> None:
    value = torch.tensor([1e-6, 0.01, 1.0, 30.0, 1e4])
    found = torch.nn.functional.softplus(inverse_softplus(value))
    torch.testing.assert_close(found, value)


def test_values_next_to_a_bound_are_moved_away_from_it() -> None:
    value_BT, mean_T = torch.tensor([[-2.0], [-1.9], [0.5], [3.0]]), torch.tensor([0.0])
    for bend in ABOVE_ZERO[1:]:
        assert OutputBound(bend, (2.0,)).away(value_BT, mean_T).flatten().tolist() == pytest.approx(
            [-1.8, -1.8, 0.5, 3]
        )
    assert torch.equal(OutputBound("none", (2.0,)).away(value_BT, mean_T), value_BT)
    assert torch.equal(OutputBound("relu", (2.0,)).away(value_BT, mean_T), value_BT)
    shares_BT = torch.tensor([[0.0], [0.3], [1.0]])
    found = OutputBound("sigmoid", (7.0,)).away(shares_BT, torch.tensor([0.4]))
    assert found.flatten().tolist() == pytest.approx([0.04, 0.3, 0.94])
