"""A mixture of experts in the place of a head's hidden layers: small networks, and a gate that weighs what they say.

All experts are evaluated: there are few of them, and a gate that lets all learn has no choices that jump. The gate
starts with even weights, so that a fresh mixture starts where a single network does. Without a term of its own the gate
soon sends all samples to the experts that learn first (Shazeer et al. 2017); :func:`imbalance` keeps them alive.

Legend of shapes: ``B`` samples, ``D`` width, ``N`` experts, ``W`` width of a layer, ``O`` raw outputs.

References
----------
Jacobs, Jordan, Nowlan, Hinton (1991), Adaptive mixtures of local experts, Neural Computation 3. Shazeer et al. (2017),
Outrageously large neural networks: the sparsely-gated mixture-of-experts layer, arXiv:1701.06538 (the importance loss).
Fedus, Zoph, Shazeer (2021), Switch transformers, arXiv:2101.03961 (its form for one expert a sample).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aam.models.attention import initialise_linear


class LinearOfEach(nn.Module):
    """A linear layer of each expert, with weights of its own."""

    def __init__(self, number: int, width: int, num_outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(weights_of_each(number, width, num_outputs))
        self.bias = nn.Parameter(torch.zeros(number, num_outputs))

    def forward(self, read_BNW: Tensor) -> Tensor:
        """What each expert makes of what it reads."""
        return torch.einsum("bnw,now->bno", read_BNW, self.weight) + self.bias


def weights_of_each(number: int, width: int, num_outputs: int, gain: float = 1.0) -> Tensor:
    """Fresh weights of a layer of each expert, ``N x O x W``, drawn as those of single layers."""
    layers = [nn.Linear(width, num_outputs, bias=False) for _ in range(number)]
    for layer in layers:
        initialise_linear(layer, gain)
    return torch.stack([layer.weight.detach() for layer in layers])


class Experts(nn.Module):
    """The mixture; it stands where the last layer of a single network does, and has its weight and bias.

    Parameters
    ----------
    widths
        Of the vector ``D``, and of the hidden layers.
    num_outputs
        Raw outputs ``O``.
    number
        Experts ``N``.
    dropout
        Between the layers.
    """

    def __init__(self, widths: Sequence[int], num_outputs: int, number: int, dropout: nn.Dropout) -> None:
        super().__init__()
        self.number = number
        self.hidden = nn.ModuleList([LinearOfEach(number, *pair) for pair in pairwise(widths)])
        self.weight = nn.Parameter(weights_of_each(number, widths[-1], num_outputs, gain=0.1))
        self.bias = nn.Parameter(torch.zeros(num_outputs))
        self.gate = nn.Linear(widths[0], number)
        nn.init.zeros_(self.gate.weight)
        nn.init.zeros_(self.gate.bias)
        self.dropout = dropout

    def gates(self, read_BD: Tensor) -> Tensor:
        """Weight of each expert in each sample, ``B x N``; they sum to 1."""
        return torch.softmax(self.gate(read_BD), dim=-1)

    def forward(self, read_BD: Tensor) -> Tensor:
        """Raw outputs ``B x O``: the weighted mean over the experts."""
        hidden_BNW = read_BD.unsqueeze(1).expand(-1, self.number, -1)
        for layer in self.hidden:
            hidden_BNW = self.dropout(F.gelu(layer(hidden_BNW)))
        return torch.einsum("bn,bnw,now->bo", self.gates(read_BD), hidden_BNW, self.weight) + self.bias


def imbalance(gate_BN: Tensor) -> Tensor:
    """Squared coefficient of variation of the experts' weights, summed over a batch; 0 where all count the same.

    Equation 6 of Shazeer et al. (2017). Plus 1, it is the loss of Fedus et al. (2021, equation 4) with each sample
    shared out by its gate, as it is where all experts are evaluated. It is of the samples that are computed together.
    """
    mean_N = gate_BN.mean(dim=0)
    return gate_BN.shape[1] * mean_N.square().sum() - 1
