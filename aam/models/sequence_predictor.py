"""The model that is fine-tuned: a :class:`SequenceEncoder` and the head of the target."""

from __future__ import annotations

import math

from torch import Tensor, nn

from aam.config import HeadOptions, LossOptions
from aam.data.batch import Batch
from aam.data.corruption import Corruption
from aam.data.targets import TargetSpec
from aam.models.heads import Encoded, Head
from aam.models.sequence_encoder import SequenceEncoder
from aam.models.target_heads import build_target_head
from aam.models.target_network import TargetOutputs


class SequencePredictor(nn.Module):
    """Composes an encoder and adds the target's head, which reads the vector that pre-training trained.

    Parameters
    ----------
    base
        The encoder, fresh or pre-trained.
    target
        The target, as fitted on the training samples.
    head, loss
        How its head is built, and what it learns by.
    """

    def __init__(self, base: SequenceEncoder, target: TargetSpec, head: HeadOptions, loss: LossOptions) -> None:
        super().__init__()
        self.base = base
        self.target = target
        sizes = base.options
        self.head = build_target_head(
            sizes.embedding_dim, sizes.num_soft_clades, TargetOutputs.of(target), head, loss, sizes.dropout
        )

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

    def outputs(self, encoded: Encoded) -> Tensor:
        """All that the head says: normalised numbers ``B x T``, their quantiles ``B x T x Q``, or logits ``B x C``."""
        output: Tensor = self.head(encoded.sample.sample_BD, encoded.sample.profile_BK)
        return output

    def predict(self, encoded: Encoded) -> Tensor:
        """Normalised predictions ``B x T`` (the medians, of quantiles), or class probabilities ``B x C``."""
        return self.head.point(self.outputs(encoded))


def num_parameters(model: nn.Module) -> int:
    """Number of weights."""
    return sum(math.prod(p.shape) for p in model.parameters())
