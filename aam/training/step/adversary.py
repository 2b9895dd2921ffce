"""An adversary that tells studies apart by the sample vector, and whose gradient is reversed on its way to the encoder.

The adversary learns to tell studies apart; the encoder learns to make that hard. The reversed gradient fades in with
the steps, so that the encoder first learns something to be cleaned.

Legend: ``B`` samples, ``D`` width, ``S`` studies of training.

References
----------
Ganin, Lempitsky (2015), Unsupervised domain adaptation by backpropagation, ICML, arXiv:1409.7495 (the reversed gradient
and its course).
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

STEEPNESS = 10.0
"""Of the course of the strength."""


class _Reverse(torch.autograd.Function):
    """The identity, with a gradient of the other sign times a strength."""

    @staticmethod
    def forward(ctx: Any, vector_BD: Tensor, strength: float) -> Tensor:
        ctx.strength = strength
        return vector_BD.view_as(vector_BD)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return -ctx.strength * gradients[0], None


def strength_at(step: int, steps: int, weight: float) -> float:
    """Strength of the reversed gradient at a step: from 0 to ``weight``, near which it is after a third of the steps.

    Parameters
    ----------
    step, steps
        Steps that were taken, and those of the whole training.
    weight
        The strength at the end.
    """
    progress = min(1.0, step / max(1, steps))
    return weight * (2 / (1 + math.exp(-STEEPNESS * progress)) - 1)


class StudyAdversary(nn.Module):
    """Tells studies apart by the sample vector, through a reversed gradient.

    Parameters
    ----------
    width
        Of the sample vector.
    weight_S
        Weight of a sample of each study, with a mean of 1 over the training samples, so that studies count the same.
    seed
        Seed of its weights.
    """

    weight_S: Tensor

    def __init__(self, width: int, weight_S: Tensor, seed: int) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.layers = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, len(weight_S)))
        self.register_buffer("weight_S", weight_S.float(), persistent=False)

    @property
    def chance(self) -> float:
        """Its loss where it knows nothing."""
        return math.log(len(self.weight_S))

    def loss(self, vector_BD: Tensor, study_B: Tensor, strength: float) -> Tensor:
        """Weighted mean cross-entropy over the samples of a batch; those of other studies (-1) count nothing."""
        logits_BS = self.layers(_Reverse.apply(vector_BD, strength)).float()
        known_B = study_B >= 0
        code_B = study_B.clamp_min(0)
        loss_B = F.cross_entropy(logits_BS, code_B, reduction="none") * self.weight_S[code_B] * known_B
        return loss_B.mean()
