"""How covariates meet the sample's vector.

All kinds have one interface: the sample's vector, its ASVs (or None) and the covariates' vectors in, the sample's
vector out. All start as the identity: what they add is read by weights that start at zero, so that the vector of a
pre-trained encoder, and a head that was fitted to it, are not disturbed.

Legend of shapes: ``B`` samples, ``S`` ASVs per sample, ``V`` vectors of covariates (tokens), ``E`` their width,
``D`` width of the model, ``K`` latent vectors of the perceiver.
"""

from __future__ import annotations

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aam.config import CovariateOptions
from aam.models.attention import initialise_linear
from aam.models.fusion_attention import CrossAttentionFusion, PerceiverFusion, zero_linear


class AddFusion(nn.Module):
    """Adds a linear map of the covariates. What they change together with the microbes is left to the head.

    Parameters
    ----------
    num_inputs
        ``V * E``.
    dim
        Width ``D``.
    """

    reads_asvs: ClassVar[bool] = False

    def __init__(self, num_inputs: int, dim: int) -> None:
        super().__init__()
        self.out = zero_linear(num_inputs, dim)

    def forward(
        self, vector_BD: Tensor, context_BSD: Tensor | None, mask_BS: Tensor | None, token_BVE: Tensor
    ) -> Tensor:
        """The sample's vector in the light of its covariates, ``BD``; its ASVs are not read."""
        return vector_BD + self.out(token_BVE.flatten(1))


class ConcatFusion(nn.Module):
    """Puts the covariates beside the sample's vector, and adds what a small network makes of both.

    Parameters
    ----------
    num_inputs
        ``V * E``.
    dim
        Width ``D``, also of the network's hidden layer.
    dropout
        Dropout on the hidden layer.
    """

    reads_asvs: ClassVar[bool] = False

    def __init__(self, num_inputs: int, dim: int, dropout: float) -> None:
        super().__init__()
        self.hidden = nn.Linear(dim + num_inputs, dim)
        initialise_linear(self.hidden)
        self.dropout = nn.Dropout(dropout)
        self.out = zero_linear(dim, dim)

    def forward(
        self, vector_BD: Tensor, context_BSD: Tensor | None, mask_BS: Tensor | None, token_BVE: Tensor
    ) -> Tensor:
        """The sample's vector in the light of its covariates, ``BD``; its ASVs are not read."""
        hidden_BD = F.gelu(self.hidden(torch.cat([vector_BD, token_BVE.flatten(1)], dim=1)))
        return vector_BD + self.out(self.dropout(hidden_BD))


class GatedFusion(nn.Module):
    """A gated multimodal unit: the covariates are added through gates that both they and the microbes open.

    ``h + sigmoid(W [h ; c]) * tanh(U c)``, the unit of Arevalo et al. (2017, arXiv:1702.01992) beside the vector
    that it was given, and not in its place.

    Parameters
    ----------
    num_inputs
        ``V * E``.
    dim
        Width ``D``.
    """

    reads_asvs: ClassVar[bool] = False

    def __init__(self, num_inputs: int, dim: int) -> None:
        super().__init__()
        self.gate = nn.Linear(dim + num_inputs, dim)
        initialise_linear(self.gate)
        self.out = zero_linear(num_inputs, dim)

    def forward(
        self, vector_BD: Tensor, context_BSD: Tensor | None, mask_BS: Tensor | None, token_BVE: Tensor
    ) -> Tensor:
        """The sample's vector in the light of its covariates, ``BD``; its ASVs are not read."""
        covariate_BC = token_BVE.flatten(1)
        gate_BD = torch.sigmoid(self.gate(torch.cat([vector_BD, covariate_BC], dim=1)))
        return vector_BD + gate_BD * torch.tanh(self.out(covariate_BC))


Fusion = AddFusion | ConcatFusion | GatedFusion | CrossAttentionFusion | PerceiverFusion


def make_fusion(options: CovariateOptions, num_tokens: int, dim: int, heads: int, dropout: float) -> Fusion:
    """The fusion of ``--categorical-fusion``.

    Parameters
    ----------
    options
        Kind, width of the covariates' vectors, and what belongs to the kind.
    num_tokens
        Number ``V`` of the covariates' vectors.
    dim, heads, dropout
        Width of the model, its attention heads (used where ``--cross-attn-heads`` is left out), and its dropout.
    """
    num_inputs = num_tokens * options.categorical_embed_dim
    heads = options.cross_attn_heads or heads
    match options.categorical_fusion:
        case "concat":
            return ConcatFusion(num_inputs, dim, dropout)
        case "add":
            return AddFusion(num_inputs, dim)
        case "gmu":
            return GatedFusion(num_inputs, dim)
        case "cross-attention":
            return CrossAttentionFusion((num_tokens, options.categorical_embed_dim), dim, heads, dropout)
        case "perceiver":
            size = (options.perceiver_num_latents, options.perceiver_num_layers)
            return PerceiverFusion(size, options.categorical_embed_dim, dim, heads, dropout)
