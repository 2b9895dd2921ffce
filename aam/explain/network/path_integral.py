"""Integrated gradients: what each input adds to an output on the straight way from a baseline.

Legend of shapes: ``B`` samples, ``O`` outputs, ``I`` whatever shape the inputs have.

References
----------
Sundararajan, Taly, Yan (2017), Axiomatic attribution for deep networks, ICML (arXiv:1703.01365).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor


def integrated_gradients(output: Callable[[Tensor], Tensor], start_I: Tensor, end_I: Tensor, steps: int) -> Tensor:
    """The attribution of each input to each output, ``O x I``; over all inputs they sum to the outputs' difference.

    The integral is computed by Gauss-Legendre quadrature, whose error falls faster than any power of the number of
    steps where the function is smooth.

    Parameters
    ----------
    output
        From inputs to outputs, ``B x O``; no sample's output may depend on another's input.
    start_I, end_I
        The baseline and the inputs.
    steps
        Points at which gradients are computed.
    """
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    way_I = end_I - start_I
    total: Tensor | None = None
    for node, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
        point_I = (start_I + float(node) * way_I).detach().requires_grad_()
        with torch.enable_grad():
            out_BO = output(point_I)
            sums = out_BO.sum(dim=0).unbind()
            gradient = torch.stack(
                [torch.autograd.grad(one, point_I, retain_graph=one is not sums[-1])[0] for one in sums]
            )
        step = float(weight) * gradient.double()
        total = step if total is None else total + step
    assert total is not None
    return total * way_I.double()
