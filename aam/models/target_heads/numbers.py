"""The head of numbers.

Legend of shapes: ``B`` samples, ``D`` width, ``K`` inputs of the linear path, ``T`` targets.
"""

from __future__ import annotations

import torch
from torch import Tensor

from aam.config import HeadOptions, LossOptions
from aam.models.heads import Comparison
from aam.models.losses import asymmetric_losses, element_losses, fill_missing, masked_mean
from aam.models.output_bounds import OutputBound
from aam.models.target_heads.head import TargetHead, TargetOutputs

SMALLEST = 1e-6


class NumbersHead(TargetHead):
    """Numbers, each in the normalised units of its :class:`~aam.data.targets.kinds.TargetSpec`."""

    presence_T: Tensor

    def __init__(
        self,
        dim: int,
        num_path_inputs: int,
        outputs: TargetOutputs,
        options: HeadOptions,
        loss: LossOptions,
        dropout: float,
    ) -> None:
        super().__init__(dim, num_path_inputs, len(outputs.columns), options, dropout)
        self.bound = OutputBound("sigmoid" if options.bounded_targets else options.output_activation, outputs.zero)
        self.loss_options = loss
        own = loss.losses_by_target()
        self.kinds = tuple(
            own.get(column, own.get(str(place), loss.loss_type)) for place, column in enumerate(outputs.columns)
        )
        self.register_buffer("presence_T", torch.tensor(outputs.presence))

    def forward(self, vector_BD: Tensor, path_BK: Tensor | None = None, category_BC: Tensor | None = None) -> Tensor:
        """Predictions ``B x T``."""
        raw_BT = self.raw(vector_BD, path_BK)
        if self.conditional_scaling is not None and category_BC is not None:
            raw_BT = self.conditional_scaling(raw_BT, category_BC)
        prediction_BT: Tensor = self.bound(raw_BT)
        return prediction_BT

    @property
    def level(self) -> float | None:
        """The quantile that a loss with a costly side asks for; None where none is asked for."""
        options = self.loss_options
        if options.loss_type != "asymmetric":
            return None
        return options.under_penalty / (options.over_penalty + options.under_penalty)

    def set_prior(self, prior_T: Tensor) -> None:
        """Start at these predictions: the training means."""
        self.set_bias(self.bound.inverse(prior_T.to(self.out.bias)))

    def loss(self, comparison: Comparison) -> Tensor:
        """The loss chosen by ``--loss-type`` or ``--loss-config``, over what is not missing, weighted by sample."""
        prediction_BT, truth_BT, present_BT = fill_missing(comparison.prediction, comparison.truth)
        if self.loss_options.loss_type == "asymmetric":
            over, under = self.loss_options.over_penalty, self.loss_options.under_penalty
            loss_BT = asymmetric_losses(prediction_BT, truth_BT, over, under)
        else:
            loss_BT = element_losses(prediction_BT, truth_BT, self.kinds)
        return masked_mean(loss_BT, present_BT, self.presence_T, comparison.weight)

    def start(self, target_BT: Tensor, weight_B: Tensor | None) -> None:
        """Start at the weighted means, or at the quantile that the loss asks for."""
        if self.level is not None:
            self.set_prior(torch.stack([quantile_of(target_B, self.level) for target_B in target_BT.T]))
            return
        weight_B1 = (torch.ones(len(target_BT)) if weight_B is None else weight_B.float())[:, None]
        total_T = (weight_B1 * ~target_BT.isnan()).sum(dim=0)
        self.set_prior((weight_B1 * target_BT.nan_to_num()).sum(dim=0) / total_T.clamp_min(SMALLEST))

    def path_target(self, target_BT: Tensor) -> Tensor:
        """The targets before the bound, none of them much nearer to it than the mean."""
        value_BT = target_BT.to(self.out.bias)
        return self.bound.inverse(self.bound.away(value_BT, value_BT.nanmean(dim=0))).cpu()

    def start_with_path(
        self, path_prediction_BT: Tensor, bias_O: Tensor, target_BT: Tensor, weight_B: Tensor | None
    ) -> None:
        """With the path's bias, or as far from the path as the quantile that the loss asks for."""
        if self.level is None:
            super().start_with_path(path_prediction_BT, bias_O, target_BT, weight_B)
            return
        left_BT = self.path_target(target_BT) - path_prediction_BT
        self.set_bias(torch.stack([quantile_of(left_B, self.level) for left_B in left_BT.T]))


def quantile_of(values_B: Tensor, level: float) -> Tensor:
    """A quantile of the values that are there; 0 where there are none."""
    present = values_B[~values_B.isnan()].float()
    return present.quantile(level) if len(present) else torch.zeros(())
