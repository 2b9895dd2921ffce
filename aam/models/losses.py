"""The formulas of the losses: pure functions of predictions and truths, weighted where weights are given."""

from __future__ import annotations

from typing import Literal

import torch.nn.functional as F
from torch import Tensor

RegressionLoss = Literal["mse", "mae", "huber"]


def regression_loss(prediction_B: Tensor, target_B: Tensor, kind: RegressionLoss, weight_B: Tensor | None) -> Tensor:
    """Mean of squared errors, absolute errors, or Huber's loss with its corner at 1 (Huber 1964), times the weights."""
    formulas = {"mse": F.mse_loss, "mae": F.l1_loss, "huber": F.smooth_l1_loss}
    return weighted_mean(formulas[kind](prediction_B.float(), target_B.float(), reduction="none"), weight_B)


def classification_loss(
    logit_BC: Tensor, target_B: Tensor, class_weight_C: Tensor | None, weight_B: Tensor | None
) -> Tensor:
    """Mean cross-entropy; class and sample weights multiply."""
    loss_B = F.cross_entropy(logit_BC.float(), target_B, reduction="none")
    if class_weight_C is not None:
        of_class_B = class_weight_C[target_B]
        weight_B = of_class_B if weight_B is None else weight_B * of_class_B
    return weighted_mean(loss_B, weight_B)


def weighted_mean(loss: Tensor, weight: Tensor | None) -> Tensor:
    """Mean of ``loss`` times ``weight``; 0 where there is nothing to average.

    The weights have a mean of 1 over the training samples. Divided by their sum in a batch they would count the less
    the smaller the batch is, and not at all in one of a single sample.
    """
    if loss.numel() == 0:
        return loss.sum()
    return loss.mean() if weight is None else (loss * weight).mean()
