"""The model that is fine-tuned: a :class:`SequenceEncoder` and the head of the target."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from aam.data.batch import Batch
from aam.data.corruption import Corruption
from aam.data.targets import TargetSpec
from aam.models.heads import ClassificationHead, Encoded, Head, RegressionHead
from aam.models.sequence_encoder import SequenceEncoder


class SequencePredictor(nn.Module):
    """Composes an encoder and adds the target's head, which reads the vector that pre-training trained.

    Parameters
    ----------
    base
        The encoder, fresh or pre-trained.
    target
        Kind, classes and class weights of the target.
    loss_type
        Loss of a numeric target.
    linear_path
        Whether the head has a linear path from the soft clades.
    """

    def __init__(self, base: SequenceEncoder, target: TargetSpec, loss_type: str, linear_path: bool) -> None:
        super().__init__()
        self.base = base
        self.target = target
        options = base.options
        num_clades = options.num_soft_clades if linear_path else 0
        head: RegressionHead | ClassificationHead
        if target.kind == "regression":
            head = RegressionHead(options.embedding_dim, num_clades, options.dropout, loss_type)
        else:
            weights = target.class_weights or (1.0,) * len(target.classes)
            head = ClassificationHead(options.embedding_dim, num_clades, options.dropout, weights)
        self.head = head

    def set_prior(self, prior: Tensor) -> None:
        """Start at the training mean (in normalised units), or at the classes' relative frequencies."""
        with torch.no_grad():
            self.head.out.bias.copy_(prior if self.target.kind == "regression" else prior.clamp_min(1e-6).log())

    def forward(
        self, batch: Batch, corruption: Corruption | None = None, asv_vectors_UD: Tensor | None = None
    ) -> Encoded:
        """Encode a batch, as :meth:`SequenceEncoder.forward` does, unless it is encoded; the heads read the result."""
        if batch.vector_BD is not None:
            return Encoded.of_known(batch.vector_BD, batch.profile_BK)
        encoded: Encoded = self.base(batch, corruption, asv_vectors_UD)
        return encoded

    def task_heads(self) -> list[Head]:
        """The target's head first, then the encoder's."""
        return [self.head, *self.base.task_heads()]

    def predict(self, encoded: Encoded) -> Tensor:
        """Normalised predictions ``B``, or class probabilities ``BC``."""
        output: Tensor = self.head(encoded.sample)
        return output.squeeze(-1) if self.target.kind == "regression" else output.softmax(dim=-1)


def num_parameters(model: nn.Module) -> int:
    """Number of weights."""
    return sum(math.prod(p.shape) for p in model.parameters())
