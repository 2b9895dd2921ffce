"""What keeps a numeric prediction above zero, or between two bounds, and how it is undone.

Legend of shapes: ``B`` samples, ``T`` numeric targets.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aam.data.targets.transforms import LARGEST_LOG

Bend = Literal["none", "sigmoid", "relu", "softplus", "exp"]
LEAST = 0.01
"""How near to a bound, in units of the spread, a value is taken to be where its inverse would be infinite."""
NEAR = 0.1
"""What counts as next to a bound, as a share of the mean's distance from it."""
ROUNDING = 1e-6
"""The same as a share of the mean, of which float32 keeps about seven digits."""


class OutputBound(nn.Module):
    """The function between a head's raw output and its prediction, in normalised units.

    A target is learned as ``y = (value - shift) / scale``. To be above zero in its own units is for ``y`` to be above
    ``-c`` with ``c = shift / scale``. ``relu`` and ``softplus`` give ``f(raw + c) - c``; ``exp`` gives
    ``s exp(raw / s) - c`` with ``s = max(c, 1)``, and ``sigmoid`` keeps a target of 0..1 there.

    Where ``c`` is large, the spread is small beside the mean, and zero is far away: each function is then the identity
    near ``y = 0``, and is computed in a form that loses no digits. That is what ``s`` is for: ``exp(raw) - c`` would
    turn a small error of the network into one of ``c`` times its size.

    Parameters
    ----------
    bend
        The function.
    zero
        ``c`` of each target.
    """

    zero_T: Tensor

    def __init__(self, bend: Bend, zero: tuple[float, ...]) -> None:
        super().__init__()
        self.bend = bend
        self.register_buffer("zero_T", torch.tensor(zero))

    def forward(self, raw_BT: Tensor) -> Tensor:
        """Predictions of the raw outputs; same shape."""
        zero_T = self.zero_T
        match self.bend:
            case "none":
                return raw_BT
            case "sigmoid":
                return torch.sigmoid(raw_BT)
            case "relu":
                return torch.maximum(raw_BT, -zero_T)
            case "softplus":
                # softplus(x) is x + softplus(-x); each side is used where it has the digits.
                shifted_BT = raw_BT + zero_T
                return torch.where(shifted_BT > 0, raw_BT + F.softplus(-shifted_BT), F.softplus(shifted_BT) - zero_T)
            case "exp":
                size_T = zero_T.clamp_min(1.0)
                power_BT = (raw_BT / size_T).clamp_max(LARGEST_LOG)
                return size_T * torch.expm1(power_BT) + (size_T - zero_T)

    def inverse(self, value_BT: Tensor) -> Tensor:
        """Raw outputs that give these predictions, or ones as near as :data:`LEAST` to them; same shape."""
        zero_T = self.zero_T
        match self.bend:
            case "none":
                return value_BT
            case "sigmoid":
                return torch.logit(value_BT, eps=LEAST)
            case "relu":
                return torch.maximum(value_BT, -zero_T)
            case "softplus":
                above_BT = (value_BT + zero_T).clamp_min(LEAST)
                return torch.maximum(value_BT, LEAST - zero_T) + torch.log(-torch.expm1(-above_BT))
            case "exp":
                size_T = zero_T.clamp_min(1.0)
                share_BT = (value_BT - (size_T - zero_T)) / size_T
                return size_T * torch.log1p(torch.maximum(share_BT, (LEAST / size_T).clamp_min(ROUNDING) - 1))

    def away(self, value_BT: Tensor, mean_T: Tensor) -> Tensor:
        """Values of which none is much nearer to a bound than the mean; same shape.

        Next to a bound they hardly differ, but their inverses do: a line that is fitted to those would be led by them.
        """
        match self.bend:
            case "none" | "relu":
                return value_BT
            case "sigmoid":
                return torch.minimum(torch.maximum(value_BT, NEAR * mean_T), 1 - NEAR * (1 - mean_T))
            case "softplus" | "exp":
                return torch.maximum(value_BT, NEAR * (mean_T + self.zero_T) - self.zero_T)


def inverse_softplus(value: Tensor) -> Tensor:
    """What softplus turns into ``value``, which must be above 0: ``x + log(1 - exp(-x))``."""
    return value + torch.log(-torch.expm1(-value))
