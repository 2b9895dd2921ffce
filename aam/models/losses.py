"""The formulas of the losses: pure functions of predictions and truths, weighted where weights are given.

Legend of shapes: ``B`` samples, ``T`` numeric targets, ``Q`` quantiles, ``C`` classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

RegressionLoss = Literal["mse", "mae", "huber"]
FORMULAS = {"mse": F.mse_loss, "mae": F.l1_loss, "huber": F.smooth_l1_loss}
"""Squared errors, absolute errors, and Huber's loss with its corner at 1 (Huber 1964, doi:10.1214/aoms/1177703732)."""


def regression_loss(prediction_B: Tensor, target_B: Tensor, kind: RegressionLoss, weight_B: Tensor | None) -> Tensor:
    """Mean of one of the :data:`FORMULAS`, times the weights."""
    return weighted_mean(FORMULAS[kind](prediction_B.float(), target_B.float(), reduction="none"), weight_B)


def element_losses(prediction_BT: Tensor, truth_BT: Tensor, kinds: Sequence[str]) -> Tensor:
    """Loss of each number, ``B x T``, by the formula of its target."""
    prediction_BT, truth_BT = prediction_BT.float(), truth_BT.float()
    if len(set(kinds)) == 1:
        return FORMULAS[kinds[0]](prediction_BT, truth_BT, reduction="none")
    columns = zip(kinds, prediction_BT.unbind(dim=1), truth_BT.unbind(dim=1), strict=True)
    return torch.stack([FORMULAS[kind](p_B, t_B, reduction="none") for kind, p_B, t_B in columns], dim=1)


def asymmetric_losses(prediction_BT: Tensor, truth_BT: Tensor, over: float, under: float) -> Tensor:
    """Absolute errors that cost ``over`` where the prediction is too high and ``under`` where it is too low."""
    error_BT = prediction_BT.float() - truth_BT.float()
    return over * F.relu(error_BT) + under * F.relu(-error_BT)


def pinball_losses(prediction_BTQ: Tensor, truth_BT: Tensor, quantiles: Sequence[float]) -> Tensor:
    """Pinball loss of each number, ``B x T``: the mean over its quantiles.

    The least expected loss at level ``q`` is that of the ``q``-quantile (Koenker and Bassett 1978,
    doi:10.2307/1913643).
    """
    level_Q = prediction_BTQ.new_tensor(quantiles, dtype=torch.float32)
    missed_BTQ = truth_BT.float().unsqueeze(-1) - prediction_BTQ.float()
    return torch.maximum(level_Q * missed_BTQ, (level_Q - 1) * missed_BTQ).mean(dim=-1)


def fill_missing(prediction: Tensor, truth_BT: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Zeros in place of missing truths (NaN) and of their predictions, and where truths are present.

    What is missing must be out of the way before a formula sees it: the gradient of a NaN that is masked afterwards
    is 0 times NaN, which is NaN.
    """
    present_BT = ~torch.isnan(truth_BT)
    given = present_BT if prediction.ndim == truth_BT.ndim else present_BT.unsqueeze(-1)
    zero = prediction.new_zeros(())
    return torch.where(given, prediction, zero), truth_BT.masked_fill(~present_BT, 0.0), present_BT


def masked_mean(loss_BT: Tensor, present_BT: Tensor, presence_T: Tensor, weight: Tensor | None) -> Tensor:
    """Mean over all truths, of which a missing one counts 0 and a present one ``1 / presence``, times the weights.

    Parameters
    ----------
    loss_BT
        Losses, finite where a truth is missing too.
    present_BT
        Where there is a truth.
    presence_T
        Share of the training samples that have each target: so all targets count the same in an epoch. Divided by the
        number that is present in the batch instead, the loss would depend on how a step is cut into batches.
    weight
        Weights of the samples, ``B``, or of each in each target, ``B x T``; or None.
    """
    counted_BT = torch.where(present_BT, loss_BT / presence_T, loss_BT.new_zeros(()))
    return weighted_mean(counted_BT, weight.unsqueeze(-1) if weight is not None and weight.ndim == 1 else weight)


def class_losses(logit_BC: Tensor, code_BT: Tensor, num_classes: Sequence[int], label_smoothing: float = 0.0) -> Tensor:
    """Cross-entropy of each of several columns of classes, ``B x T``; 0, without a gradient, where a code is -1.

    Parameters
    ----------
    logit_BC
        Logits of the classes of one column after the other.
    code_BT
        The true class of each column, or -1.
    num_classes
        Classes of each column.
    label_smoothing
        As in :func:`classification_loss`.
    """
    columns = zip(logit_BC.float().split(tuple(num_classes), dim=-1), code_BT.unbind(dim=1), strict=True)
    options: dict[str, Any] = {"reduction": "none", "label_smoothing": label_smoothing, "ignore_index": -1}
    return torch.stack([F.cross_entropy(own_BC, code_B, **options) for own_BC, code_B in columns], dim=1)


def classification_loss(
    logit_BC: Tensor,
    target_B: Tensor,
    class_weight_C: Tensor | None,
    weight_B: Tensor | None,
    label_smoothing: float = 0.0,
) -> Tensor:
    """Mean cross-entropy; the weights of the sample and of its true class multiply.

    With label smoothing that share of each label is spread evenly over all classes (Szegedy et al. 2016,
    arXiv:1512.00567).
    """
    loss_B = F.cross_entropy(logit_BC.float(), target_B, reduction="none", label_smoothing=label_smoothing)
    if class_weight_C is not None:
        of_class_B = class_weight_C[target_B]
        weight_B = of_class_B if weight_B is None else weight_B * of_class_B
    return weighted_mean(loss_B, weight_B)


def shared_classification_loss(
    logit_BC: Tensor,
    share_BC: Tensor,
    class_weight_C: Tensor | None,
    weight_B: Tensor | None,
    label_smoothing: float = 0.0,
) -> Tensor:
    """The mean of :func:`classification_loss` over the classes that a sample is a mixture of, by their shares.

    As for mixtures of samples (Zhang et al. 2018, arXiv:1710.09412).
    """
    log_BC = logit_BC.float().log_softmax(dim=1)
    loss_BC = -(1 - label_smoothing) * log_BC - label_smoothing * log_BC.mean(dim=1, keepdim=True)
    wanted_BC = share_BC if class_weight_C is None else share_BC * class_weight_C
    return weighted_mean((wanted_BC * loss_BC).sum(dim=1), weight_B)


def weighted_mean(loss: Tensor, weight: Tensor | None) -> Tensor:
    """Mean of ``loss`` times ``weight``; 0 where there is nothing to average.

    The weights have a mean of 1 over the training samples. Divided by their sum in a batch they would count the less
    the smaller the batch is, and not at all in one of a single sample.
    """
    if loss.numel() == 0:
        return loss.sum()
    return loss.mean() if weight is None else (loss * weight).mean()
