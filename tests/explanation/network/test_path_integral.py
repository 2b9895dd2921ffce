"""Integrated gradients of functions whose attributions are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.integrate import quad

from aam.explanation.network.path_integral import integrated_gradients

START = torch.tensor([[0.5, -1.0, 2.0], [0.0, 0.0, 0.0]])
END = torch.tensor([[1.5, 1.0, -1.0], [2.0, 3.0, 1.0]])


def test_of_a_linear_function_they_are_its_terms() -> None:
    weight = torch.tensor([[2.0, -1.0, 0.5], [0.0, 3.0, 1.0]])
    found = integrated_gradients(lambda x: x @ weight.T, START, END, steps=2)
    expected = weight[:, None] * (END - START)
    torch.testing.assert_close(found, expected.double())


def test_of_a_product_each_factor_has_its_part() -> None:
    # Along x(t) = a + t d the first factor's part of x*y is d1 * integral of y, which is d1 times the mean of y.
    found = integrated_gradients(lambda x: (x[:, 0] * x[:, 1])[:, None], START, END, steps=4)
    way, middle = END - START, (END + START) / 2
    torch.testing.assert_close(found[0, :, 0], (way[:, 0] * middle[:, 1]).double())
    torch.testing.assert_close(found[0, :, 1], (way[:, 1] * middle[:, 0]).double())
    assert (found[0, :, 2] == 0).all()


def test_they_sum_to_the_difference_of_a_smooth_function() -> None:
    def smooth(x: torch.Tensor) -> torch.Tensor:
        return torch.stack([torch.tanh(x).prod(dim=1), torch.logsumexp(x, dim=1)], dim=1)

    found = integrated_gradients(smooth, START.double(), END.double(), steps=16)
    difference = smooth(END.double()) - smooth(START.double())
    torch.testing.assert_close(found.sum(dim=-1).T, difference, atol=1e-6, rtol=0)


def test_it_is_scipys_integral_of_the_gradient() -> None:
    def smooth(x: torch.Tensor) -> torch.Tensor:
        return torch.tanh(x).sum(dim=1, keepdim=True) ** 2

    found = integrated_gradients(smooth, START.double(), END.double(), steps=32)[0].numpy()
    start, way = START.double().numpy(), (END - START).double().numpy()

    def gradient(share: float, row: int, column: int) -> float:
        x = start[row] + share * way[row]
        return float(2 * np.tanh(x).sum() * (1 - np.tanh(x[column]) ** 2))

    for row, column in np.ndindex(*way.shape):
        expected = way[row, column] * quad(gradient, 0, 1, args=(row, column))[0]
        assert found[row, column] == pytest.approx(expected, abs=1e-6)
