"""The head of counts: the logarithm of what is expected, learned by a likelihood.

Legend of shapes: ``B`` samples, ``D`` width, ``K`` inputs of the linear path, ``T`` targets.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from aam.config import HeadOptions, LossOptions
from aam.models.heads import Comparison
from aam.models.losses import fill_missing, masked_mean
from aam.models.target_heads.head import TargetHead, TargetOutputs

LARGEST_LOG = 21.0
"""Logarithm of an expected count at most: more than a thousand million."""
LEAST = 1e-6
DISPERSIONS = (1e-4, 1e2)
"""Least and largest variance beyond Poisson's, in squared means."""


class CountsHead(TargetHead):
    """Logarithms of the expected counts, for a unit of exposure.

    With the negative binomial distribution each target also has a dispersion, which is learned.
    """

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
        self.register_buffer("presence_T", torch.tensor(outputs.presence))
        is_dispersed = loss.count_distribution == "negative-binomial"
        self.log_dispersion = nn.Parameter(torch.zeros(len(outputs.columns))) if is_dispersed else None

    def forward(self, vector_BD: Tensor, path_BK: Tensor | None = None, category_BC: Tensor | None = None) -> Tensor:
        """Logarithms of expected counts ``B x T``."""
        return self.raw(vector_BD, path_BK).clamp_max(LARGEST_LOG)

    def learned(self, output_BT: Tensor) -> Tensor:
        """Expected counts ``B x T``."""
        return output_BT.exp()

    @property
    def dispersion_T(self) -> Tensor | None:
        """What the variance is beyond the mean, in squared means; None where counts are Poisson."""
        return None if self.log_dispersion is None else self.log_dispersion.exp().clamp(*DISPERSIONS)

    def loss(self, comparison: Comparison) -> Tensor:
        """The negative log likelihood over what is not missing, weighted by sample."""
        log_mean_BT, count_BT, present_BT = fill_missing(comparison.prediction, comparison.truth)
        loss_BT = count_losses(log_mean_BT, count_BT, self.dispersion_T)
        return masked_mean(loss_BT, present_BT, self.presence_T, comparison.weight)

    def start(self, target_BT: Tensor, weight_B: Tensor | None) -> None:
        """Start at the logarithms of the weighted means, and at the dispersion of all samples."""
        self.set_bias(self._mean(target_BT, weight_B).clamp_min(LEAST).log())
        if self.log_dispersion is not None:
            mean_T = self._mean(target_BT, weight_B).clamp_min(LEAST)
            variance_T = self._mean((target_BT - mean_T) ** 2, weight_B)
            beyond_T = ((variance_T - mean_T) / mean_T**2).clamp(0.01, 10)
            with torch.no_grad():
                self.log_dispersion.copy_(beyond_T.log())

    def path_target(self, target_BT: Tensor) -> Tensor:
        """Logarithms, of counts that are somewhat larger, since that of 0 is infinite."""
        beside_T = (0.1 * self._mean(target_BT, None)).clamp(LEAST, 0.5)
        return (target_BT + beside_T).log()

    def start_with_path(
        self, path_prediction_BT: Tensor, bias_O: Tensor, target_BT: Tensor, weight_B: Tensor | None
    ) -> None:
        """With the bias for which the path's mean expected count is that of the training samples."""
        present_BT = ~target_BT.isnan()
        expected_BT = torch.where(present_BT, path_prediction_BT.double().exp(), torch.nan)
        mean_T, said_T = self._mean(target_BT, weight_B), self._mean(expected_BT, weight_B)
        self.set_bias((mean_T.clamp_min(LEAST) / said_T.clamp_min(LEAST)).log())

    @staticmethod
    def _mean(value_BT: Tensor, weight_B: Tensor | None) -> Tensor:
        """Weighted mean of what is there."""
        weight_B1 = (torch.ones(len(value_BT)) if weight_B is None else weight_B).double()[:, None]
        total_T = (weight_B1 * ~value_BT.isnan()).sum(dim=0)
        return (weight_B1 * value_BT.double().nan_to_num()).sum(dim=0) / total_T.clamp_min(LEAST)


def count_losses(log_mean_BT: Tensor, count_BT: Tensor, dispersion_T: Tensor | None) -> Tensor:
    """Negative log likelihood of each count, Poisson or negative binomial (NB2); same shape.

    Parameters
    ----------
    log_mean_BT
        Logarithms of the means.
    count_BT
        Counts; for a unit of exposure they need not be whole.
    dispersion_T
        ``a`` in the variance ``m + a m^2`` of each target; None for Poisson (variance ``m``).

    Notes
    -----
    Cameron, Trivedi (2013), Regression Analysis of Count Data, equations 3.5 and 3.26. In double precision: the
    logarithms of gamma functions are large and nearly cancel.
    """
    log_mean, count = log_mean_BT.double(), count_BT.double()
    if dispersion_T is None:
        loss = log_mean.exp() - count * log_mean + torch.lgamma(count + 1)
        return loss.float()
    size = 1 / dispersion_T.double()
    log_total = torch.logaddexp(log_mean, size.log().expand_as(log_mean))
    fixed = torch.lgamma(count + size) - torch.lgamma(size) - torch.lgamma(count + 1)
    likelihood = fixed + size * (size.log() - log_total) + count * (log_mean - log_total)
    return -likelihood.float()
