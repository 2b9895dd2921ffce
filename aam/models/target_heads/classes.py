"""The head of classes.

Legend of shapes: ``B`` samples, ``D`` width, ``K`` inputs of the linear path, ``C`` classes.
"""

from __future__ import annotations

import torch
from torch import Tensor

from aam.config import HeadOptions, LossOptions
from aam.data.batches.batch import Batch
from aam.models.heads import Comparison, Encoded
from aam.models.losses import classification_loss, shared_classification_loss
from aam.models.target_heads.head import TargetHead, TargetOutputs

LEAST_SHARE = 1e-6
"""Share of the training samples that a class is taken to have where it has none."""


class ClassesHead(TargetHead):
    """Logits of the target's classes."""

    class_weight_C: Tensor

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
        self.num_classes = len(outputs.class_weights)
        self.label_smoothing = loss.label_smoothing
        self.register_buffer("class_weight_C", torch.tensor(outputs.class_weights))

    def forward(self, vector_BD: Tensor, path_BK: Tensor | None = None, category_BC: Tensor | None = None) -> Tensor:
        """Logits ``B x C``."""
        return self.raw(vector_BD, path_BK)

    def learned(self, logit_BC: Tensor) -> Tensor:
        """Probabilities ``B x C``."""
        return logit_BC.softmax(dim=-1)

    def set_prior(self, prior_C: Tensor) -> None:
        """Start at these probabilities: the classes' shares of the training samples."""
        self.set_bias(prior_C.clamp_min(LEAST_SHARE).log())

    def compare(self, encoded: Encoded, batch: Batch) -> Comparison:
        """Logits ``B x C`` and classes ``B``; of mixtures of samples, shares of the classes ``B x C``."""
        assert batch.target_BT is not None
        truth = batch.target_BT if batch.target_BT.is_floating_point() else batch.target_BT[:, 0]
        return Comparison(self(*encoded.head_input()), truth, batch.weight_B)

    def loss(self, comparison: Comparison) -> Tensor:
        """Cross-entropy, weighted by class and sample."""
        logit_BC, truth, weight_B = comparison
        formula = shared_classification_loss if truth.is_floating_point() else classification_loss
        return formula(logit_BC, truth, self.class_weight_C, weight_B, self.label_smoothing)

    def start(self, target_B1: Tensor, weight_B: Tensor | None) -> None:
        """Start at the classes' weighted shares."""
        weight_B = torch.ones(len(target_B1)) if weight_B is None else weight_B.float()
        counts_C = torch.bincount(target_B1[:, 0], weight_B, minlength=self.num_classes).float()
        self.set_prior(counts_C / counts_C.sum())

    def loss_weights(self, target_B1: Tensor, weight_B: Tensor | None) -> Tensor | None:
        """Those of the samples times those of their classes."""
        if not (self.class_weight_C != 1).any():
            return weight_B
        of_class_B = self.class_weight_C.cpu().double()[target_B1[:, 0]]
        return of_class_B if weight_B is None else weight_B * of_class_B
