"""Fusion of covariates with the sample vector.

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
from aam.data.batches.ragged import Ragged
from aam.models.attention import TransformerStack, initialise_linear


class CrossAttentionLayer(nn.Module):
    """Pre-norm attention from queries to keys, and a GELU network of four times the width, each added to the queries.

    As everywhere in the model, dropout is on what both add and not on the attention weights, which are never made.

    Parameters
    ----------
    dim
        Width ``D``.
    heads
        Attention heads; must divide ``dim``.
    dropout
        Dropout on both branches.
    """

    def __init__(self, dim: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.query_norm, self.key_norm, self.mlp_norm = (nn.LayerNorm(dim) for _ in range(3))
        self.query, self.attention_out = (nn.Linear(dim, dim) for _ in range(2))
        self.key_value = nn.Linear(dim, 2 * dim)
        self.mlp_in, self.mlp_out = nn.Linear(dim, 4 * dim), nn.Linear(4 * dim, dim)
        for linear in (self.query, self.key_value, self.attention_out, self.mlp_in, self.mlp_out):
            initialise_linear(linear)
        self.dropout = nn.Dropout(dropout)

    def forward(self, query_BQD: Tensor, key_BND: Tensor, score_BN: Tensor | None) -> Tensor:
        """The queries plus their attention to the keys, ``BQD``; ``score_BN`` is added to all their scores."""
        q = self.query(self.query_norm(query_BQD)).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        k, v = self.key_value(self.key_norm(key_BND)).unflatten(-1, (2, self.heads, -1)).transpose(1, 3).unbind(2)
        score = None if score_BN is None else score_BN[:, None, None].to(q.dtype)
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=score).transpose(1, 2).flatten(2)
        query_BQD = query_BQD + self.dropout(self.attention_out(mixed))
        return query_BQD + self.dropout(self.mlp_out(F.gelu(self.mlp_in(self.mlp_norm(query_BQD)))))


class CrossAttentionFusion(nn.Module):
    """Cross-attention from each covariate to the ASVs of the sample.

    A query is computed from the covariate, and from all covariates together with the sample's vector. Keys and values
    are the ASVs; the mean of the attention outputs is added to the sample's vector.

    Parameters
    ----------
    token_size
        Number ``V`` and width ``E`` of the covariates' vectors.
    dim, heads, dropout
        As in :class:`CrossAttentionLayer`.
    """

    reads_asvs: ClassVar[bool] = True

    def __init__(self, token_size: tuple[int, int], dim: int, heads: int, dropout: float) -> None:
        super().__init__()
        num_tokens, token_dim = token_size
        self.of_token = nn.Linear(token_dim, dim)
        self.of_sample = nn.Linear(dim + num_tokens * token_dim, dim)
        initialise_linear(self.of_token)
        initialise_linear(self.of_sample)
        self.ask = CrossAttentionLayer(dim, heads, dropout)
        self.norm = nn.LayerNorm(dim)
        self.out = zero_linear(dim, dim)

    def forward(self, vector_BD: Tensor, context_BSD: Tensor, mask_BS: Tensor | None, token_BVE: Tensor) -> Tensor:
        """The sample's vector plus the attention of its covariates to its ASVs, ``BD``.

        Parameters
        ----------
        vector_BD
            The samples' vectors.
        context_BSD
            Vectors of their ASVs.
        mask_BS
            True where there is an ASV; None where nothing is padded.
        token_BVE
            The covariates' vectors.
        """
        sample_BD = self.of_sample(torch.cat([vector_BD, token_BVE.flatten(1)], dim=1))
        query_BVD = self.of_token(token_BVE) + sample_BD[:, None]
        score_BS = None if mask_BS is None else asv_scores(context_BSD, mask_BS)
        answer_BVD = self.ask(query_BVD, context_BSD, score_BS)
        return vector_BD + self.out(self.norm(answer_BVD.mean(dim=1)))


class PerceiverFusion(nn.Module):
    """A perceiver: latent vectors attend to the ASVs and covariates; their mean is added to the sample vector.

    Latent vectors attend to all keys, then to one another (Jaegle et al. 2021, arXiv:2103.03206). All covariates
    together start with the weight that all ASVs together have: one key among hundreds would have little weight.

    Parameters
    ----------
    size
        Number ``K`` of latent vectors, and of layers over them.
    token_dim
        Width ``E`` of the covariates' vectors.
    dim, heads, dropout
        As in :class:`CrossAttentionLayer`.
    """

    reads_asvs: ClassVar[bool] = True

    def __init__(self, size: tuple[int, int], token_dim: int, dim: int, heads: int, dropout: float) -> None:
        super().__init__()
        num_latents, num_layers = size
        self.latent_KD = nn.Parameter(torch.randn(num_latents, dim))
        self.of_token = nn.Linear(token_dim, dim)
        initialise_linear(self.of_token)
        self.read = CrossAttentionLayer(dim, heads, dropout)
        self.think = TransformerStack(dim, heads, num_layers, dropout)
        self.out = zero_linear(dim, dim)

    def forward(self, vector_BD: Tensor, context_BSD: Tensor, mask_BS: Tensor | None, token_BVE: Tensor) -> Tensor:
        """The sample's vector plus the mean latent vector, ``BD`` (see :class:`CrossAttentionFusion`)."""
        num_samples, num_tokens = token_BVE.shape[:2]
        key_BND = torch.cat([context_BSD, self.of_token(token_BVE).to(context_BSD.dtype)], dim=1)
        if mask_BS is None:
            mask_BS = context_BSD.new_ones(context_BSD.shape[:2], dtype=torch.bool)
        asvs_per_token_B1 = mask_BS.sum(dim=1, keepdim=True) / num_tokens
        token_score_BV = asvs_per_token_B1.log().expand(-1, num_tokens)
        score_BN = torch.cat([asv_scores(context_BSD, mask_BS), token_score_BV], dim=1)
        found_BKD = self.read(self.latent_KD.expand(num_samples, -1, -1), key_BND, score_BN)
        layout = Ragged.equal(num_samples, found_BKD.shape[1])
        thought_BKD = layout.pad(self.think(layout.pack(found_BKD), layout))
        return vector_BD + self.out(thought_BKD.mean(dim=1))


def asv_scores(context_BSD: Tensor, mask_BS: Tensor) -> Tensor:
    """What is added to the scores of ASVs, ``BS``: minus infinity where there is none."""
    return context_BSD.new_zeros(mask_BS.shape).masked_fill(~mask_BS, float("-inf"))


def zero_linear(num_inputs: int, dim: int) -> nn.Linear:
    """A linear layer that gives zero until it has learned something."""
    linear = nn.Linear(num_inputs, dim)
    nn.init.zeros_(linear.weight)
    nn.init.zeros_(linear.bias)
    return linear


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
        """The sample's vector fused with its covariates, ``BD``; its ASVs are not read."""
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
        """The sample's vector fused with its covariates, ``BD``; its ASVs are not read."""
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
        """The sample's vector fused with its covariates, ``BD``; its ASVs are not read."""
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
