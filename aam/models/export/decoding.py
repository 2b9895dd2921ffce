"""From what networks learned to the user's units, in double precision, as operations of a graph.

The formulas are those of :mod:`aam.data.targets.kinds` and :mod:`aam.data.targets.transforms`, which work on NumPy's
arrays; that both give the same is what ``aam export`` checks before it writes anything.

Legend of shapes: ``B`` samples, ``T`` targets, ``Q`` quantiles, ``G`` nodes of a table.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from scipy.special import ndtr
from torch import Tensor, nn

from aam.config.target import MEDIAN
from aam.data.study.covariates import LARGEST_NUMBER, CovariateSpec
from aam.data.targets.kinds import Quantiles, TargetSpec
from aam.data.targets.kinds.counts import LARGEST, LEAST_SHARE
from aam.data.targets.targets import Targets
from aam.data.targets.transforms import BELOW_ONE, LARGEST_LOG, LAST_RANK

FARTHEST, NODES = 6.0, 1201
"""The normal distribution is kept at so many nodes between -6 and 6: no transform tells ranks beyond apart."""


class Covariates(nn.Module):
    """Numbers of the metadata as a network reads them: standardised, with a mark where one is missing (NaN).

    As :meth:`aam.data.study.covariates.CovariateSpec.encode`.

    Parameters
    ----------
    spec
        The covariates; at least one is a number.
    """

    mean_N: Tensor
    spread_N: Tensor

    def __init__(self, spec: CovariateSpec) -> None:
        super().__init__()
        self.register_buffer("mean_N", _double([number.mean for number in spec.numeric]))
        self.register_buffer("spread_N", _double([number.spread for number in spec.numeric]))

    def forward(self, number_BN: Tensor) -> Tensor:
        """Two features a column, ``BM`` (float32)."""
        missing_BN = number_BN.isnan()
        value_BN = torch.where(missing_BN, 0.0, (number_BN - self.mean_N) / self.spread_N)
        value_BN = value_BN.clamp(-LARGEST_NUMBER, LARGEST_NUMBER)
        return torch.stack([value_BN.float(), missing_BN.float()], dim=-1).flatten(1)


class Decoding(nn.Module):
    """Numbers, their quantiles, or expected counts in the user's units.

    Parameters
    ----------
    targets
        Numbers or counts, as fitted.
    """

    def __init__(self, targets: Targets) -> None:
        super().__init__()
        self.targets = targets
        kind = targets.kind
        self.levels = kind.levels if isinstance(kind, Quantiles) else ()
        self.ways_back = nn.ModuleList([] if kind.is_count else [_WayBack(spec) for spec in targets.specs])

    def forward(self, learned: Tensor, level_B: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """The predictions ``BT`` and, where quantiles are learned, all of them ``BTQ``.

        Parameters
        ----------
        learned
            ``BT`` or ``BTQ``, double.
        level_B
            Codes of the levels within which targets are scaled, or exposures, where there are any.
        """
        if self.targets.kind.is_count:
            return self._counts(learned, level_B), None
        parts = [back(learned[:, place], level_B) for place, back in enumerate(self.ways_back)]
        found = torch.stack(parts, dim=1)
        return (found[..., self.levels.index(MEDIAN)], found) if self.levels else (found, None)

    def _counts(self, learned_BT: Tensor, exposure_B: Tensor | None) -> Tensor:
        least_T = _double([LEAST_SHARE * spec.mean for spec in self.targets.specs])
        expected_BT = torch.minimum(torch.maximum(learned_BT, least_T), _double([LARGEST]))
        return expected_BT if exposure_B is None else expected_BT * exposure_B.unsqueeze(1)


class _WayBack(nn.Module):
    """Undoes the scaling and the transform of one number."""

    shift_G: Tensor
    scale_G: Tensor
    parameter_K: Tensor

    def __init__(self, spec: TargetSpec) -> None:
        super().__init__()
        self.transform = spec.transform
        self.by_level = bool(spec.level_shift)
        self.register_buffer("shift_G", _double(spec.level_shift or [spec.shift]))
        self.register_buffer("scale_G", _double(spec.level_scale or [spec.scale]))
        self.register_buffer("parameter_K", _double(spec.parameters))
        self.power = spec.parameters[0] if spec.transform == "boxcox" else 0.0
        self.normal = NormalDistribution() if spec.transform == "quantile" else None

    def forward(self, learned: Tensor, level_B: Tensor | None) -> Tensor:
        """``B`` or ``BQ``, same shape."""
        shift, scale = self.shift_G, self.scale_G
        if self.by_level:
            assert level_B is not None
            shift, scale = shift[level_B], scale[level_B]
            if learned.ndim == 2:
                shift, scale = shift.unsqueeze(1), scale.unsqueeze(1)
        values = learned * scale + shift
        if self.transform.startswith("log-"):
            return torch.exp(values.clamp_max(LARGEST_LOG)) - 1
        if self.transform == "boxcox":
            return self._undo_boxcox(values)
        return values if self.normal is None else self._undo_quantile(self.normal(values))

    def _undo_boxcox(self, values: Tensor) -> Tensor:
        _, unit, least, largest = self.parameter_K.tolist()
        logs = values
        if self.power:
            logs = torch.log(1 + (self.power * values).clamp_min(-BELOW_ONE)) / self.power
        return unit * torch.exp(logs.clamp(math.log(least / unit), math.log(largest / unit)))

    def _undo_quantile(self, rank: Tensor) -> Tensor:
        value_K, last = self.parameter_K, len(self.parameter_K) - 1
        rank = torch.where(rank < LAST_RANK, 0.0, torch.where(rank > 1 - LAST_RANK, 1.0, rank))
        place = rank * last
        below = place.long().clamp(0, last - 1)
        low, high = value_K[below], value_K[below + 1]
        return low + (high - low) * (place - below.double())


class NormalDistribution(nn.Module):
    """The distribution function of the standard normal in double precision, of which graphs have single at most.

    Cubic Hermite interpolation between nodes with exact values and slopes: off by 1e-9 at most, at the ends.
    """

    value_G: Tensor
    slope_G: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.step = 2 * FARTHEST / (NODES - 1)
        node_G = np.linspace(-FARTHEST, FARTHEST, NODES)
        slope_G = np.exp(-(node_G**2) / 2) / math.sqrt(2 * math.pi)
        self.register_buffer("value_G", _double(ndtr(node_G)))
        self.register_buffer("slope_G", _double(slope_G * self.step))

    def forward(self, value: Tensor) -> Tensor:
        """The share below each value; same shape."""
        place = (value.clamp(-FARTHEST, FARTHEST) + FARTHEST) / self.step
        below = place.long().clamp(0, NODES - 2)
        t = place - below.double()
        start, end = self.value_G[below], self.value_G[below + 1]
        slope, next_slope = self.slope_G[below], self.slope_G[below + 1]
        bend = t * (1 - t)
        smooth = start + (end - start) * t * t * (3 - 2 * t)
        return smooth + slope * bend * (1 - t) - next_slope * bend * t


def _double(values: Sequence[float] | np.ndarray) -> Tensor:
    return torch.tensor(np.asarray(values, dtype=np.float64))
