"""The head of classes.

Legend of shapes: ``B`` samples, ``D`` width, ``K`` inputs of the linear path, ``T`` columns of classes, ``C`` classes
of all of them, those of one column after the other.
"""

from __future__ import annotations

import torch
from torch import Tensor

from aam.config import HeadOptions, LossOptions
from aam.models.heads import Comparison
from aam.models.losses import class_losses, masked_mean, shared_classification_loss
from aam.models.target_heads.head import TargetHead, TargetOutputs

LEAST_SHARE = 1e-6
"""Share of the training samples that a class is taken to have where it has none."""


class ClassesHead(TargetHead):
    """Logits of the classes of each target. A class that is missing (-1) counts nothing."""

    class_weight_C: Tensor
    presence_T: Tensor

    def __init__(
        self,
        dim: int,
        num_path_inputs: int,
        outputs: TargetOutputs,
        options: HeadOptions,
        loss: LossOptions,
        dropout: float,
        num_outputs: int | None = None,
    ) -> None:
        super().__init__(dim, num_path_inputs, num_outputs or len(outputs.class_weights), options, dropout)
        self.num_classes = self.split_C = outputs.num_classes or (len(outputs.class_weights),)
        self.label_smoothing = loss.label_smoothing
        self.register_buffer("class_weight_C", torch.tensor(outputs.class_weights))
        self.register_buffer("presence_T", torch.tensor(outputs.presence), persistent=False)

    def forward(self, vector_BD: Tensor, path_BK: Tensor | None = None, category_BC: Tensor | None = None) -> Tensor:
        """Logits ``B x C``."""
        return self.raw(vector_BD, path_BK)

    def learned(self, logit_BC: Tensor) -> Tensor:
        """Probabilities ``B x C``, which sum to 1 in each target."""
        return torch.cat([own_BC.softmax(dim=-1) for own_BC in logit_BC.split(self.split_C, dim=-1)], dim=-1)

    def set_prior(self, prior_C: Tensor) -> None:
        """Start at these probabilities: the classes' shares of the training samples that have the target."""
        self.set_bias(prior_C.clamp_min(LEAST_SHARE).log())

    def loss(self, comparison: Comparison) -> Tensor:
        """Cross-entropy, weighted by class and sample, over what is not missing.

        Of mixtures of samples the truth is the share of each class, ``B x C``.
        """
        logit_BC, truth, weight_B = comparison.prediction, comparison.truth, comparison.weight
        if truth.is_floating_point():
            return shared_classification_loss(logit_BC, truth, self.class_weight_C, weight_B, self.label_smoothing)
        loss_BT = class_losses(logit_BC, truth, self.split_C, self.label_smoothing)
        weight_BT = self._of_class(truth)
        if weight_B is not None:
            weight_BT = weight_B.unsqueeze(-1) * weight_BT
        return masked_mean(loss_BT, truth >= 0, self.presence_T, weight_BT)

    def start(self, target_BT: Tensor, weight: Tensor | None) -> None:
        """Start at the classes' weighted shares."""
        shares = []
        for place, (code_B, number) in enumerate(zip(target_BT.T, self.split_C, strict=True)):
            known, weight_B = code_B >= 0, torch.ones(len(code_B))
            if weight is not None:
                weight_B = (weight if weight.ndim == 1 else weight[:, place]).float()
            counts_C = torch.bincount(code_B[known], weight_B[known], minlength=number).float()
            shares.append(counts_C / counts_C.sum())
        self.set_prior(torch.cat(shares))

    def loss_weights(self, target_BT: Tensor, weight_B: Tensor | None) -> Tensor | None:
        """Those of the samples times those of their classes, ``B x T``; any number where a class is missing."""
        if not (self.class_weight_C != 1).any():
            return weight_B
        of_class_BT = self._of_class(target_BT.to(self.class_weight_C.device)).cpu().double()
        return of_class_BT if weight_B is None else weight_B.unsqueeze(-1) * of_class_BT

    def _of_class(self, code_BT: Tensor) -> Tensor:
        """Weight of the true class of each target; of the first one where it is missing."""
        columns = zip(self.class_weight_C.split(self.split_C), code_BT.clamp_min(0).unbind(dim=1), strict=True)
        return torch.stack([weight_C[code_B] for weight_C, code_B in columns], dim=1)
