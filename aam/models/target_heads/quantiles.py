"""The head of quantiles of numbers.

Legend of shapes: ``B`` samples, ``D`` width, ``K`` inputs of the linear path, ``T`` targets, ``Q`` quantiles.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from aam.config import HeadOptions, LossOptions
from aam.config.target import MEDIAN
from aam.models.heads import Comparison
from aam.models.losses import fill_missing, masked_mean, pinball_losses
from aam.models.output_bounds import LEAST, inverse_softplus
from aam.models.target_heads.head import TargetHead, TargetOutputs
from aam.models.target_heads.numbers import quantile_of


class QuantilesHead(TargetHead):
    """Quantiles of numbers, which cannot cross.

    The median is free; each further quantile lies at a positive distance (a softplus) from the one before it, outwards
    from the median. The linear path leads to the median.
    """

    presence_T: Tensor
    is_median_Q: Tensor

    def __init__(
        self,
        dim: int,
        num_path_inputs: int,
        outputs: TargetOutputs,
        options: HeadOptions,
        loss: LossOptions,
        dropout: float,
    ) -> None:
        super().__init__(dim, num_path_inputs, len(outputs.columns), options, dropout, len(loss.all_quantiles))
        self.quantiles = loss.all_quantiles
        self.median = self.quantiles.index(MEDIAN)
        is_median_Q = torch.tensor(self.quantiles) == MEDIAN
        self.register_buffer("is_median_Q", is_median_Q.float(), persistent=False)
        self.register_buffer("presence_T", torch.tensor(outputs.presence))

    def forward(self, vector_BD: Tensor, path_BK: Tensor | None = None, category_BC: Tensor | None = None) -> Tensor:
        """Quantiles ``B x T x Q``, ascending."""
        raw_BTQ = self.raw(vector_BD, path_BK).unflatten(-1, (-1, len(self.quantiles)))
        middle_BT1 = raw_BTQ[..., self.median, None]
        distance_BTQ = F.softplus(raw_BTQ)
        below = distance_BTQ[..., : self.median].flip(-1).cumsum(dim=-1).flip(-1)
        above = distance_BTQ[..., self.median + 1 :].cumsum(dim=-1)
        return torch.cat([middle_BT1 - below, middle_BT1, middle_BT1 + above], dim=-1)

    def add_path(self, raw_BO: Tensor, path_BT: Tensor) -> Tensor:
        """The network's outputs, with the linear path's on the medians."""
        raw_BTQ = raw_BO.unflatten(-1, (-1, len(self.quantiles)))
        return (raw_BTQ + path_BT.unsqueeze(-1) * self.is_median_Q).flatten(-2)

    def point(self, prediction_BTQ: Tensor) -> Tensor:
        """The prediction of each number, ``B x T``: the median."""
        return prediction_BTQ[..., self.median]

    def set_prior(self, prior_TQ: Tensor) -> None:
        """Start at these quantiles: those of the training samples."""
        distance_TQ = prior_TQ.diff(dim=-1).clamp_min(LEAST)
        raw_TQ = inverse_softplus(distance_TQ)
        middle_T1 = prior_TQ[..., self.median, None]
        self.set_bias(torch.cat([raw_TQ[..., : self.median], middle_T1, raw_TQ[..., self.median :]], dim=-1).flatten())

    def loss(self, comparison: Comparison) -> Tensor:
        """The pinball loss over what is not missing, weighted by sample."""
        prediction_BTQ, truth_BT, present_BT = fill_missing(comparison.prediction, comparison.truth)
        loss_BT = pinball_losses(prediction_BTQ, truth_BT, self.quantiles)
        return masked_mean(loss_BT, present_BT, self.presence_T, comparison.weight)

    def start(self, target_BT: Tensor, weight_B: Tensor | None) -> None:
        """Start at the training samples' quantiles."""
        self.set_prior(torch.stack([torch.stack([quantile_of(y_B, q) for q in self.quantiles]) for y_B in target_BT.T]))

    def start_with_path(
        self, path_prediction_BT: Tensor, bias_O: Tensor, target_BT: Tensor, weight_B: Tensor | None
    ) -> None:
        """Start as far from the path as the training samples are."""
        self.start(target_BT - path_prediction_BT, weight_B)
