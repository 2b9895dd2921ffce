"""The one transformer layer that every level of the model is built from.

Legend of shapes: ``B`` sequences or samples, ``L`` positions, ``D`` width, ``H`` heads.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint


def attention(q_BHLE: Tensor, k_BHLE: Tensor, v_BHLE: Tensor, mask_BL: Tensor, dropout: float) -> Tensor:
    """Scaled dot-product attention in which masked positions (False) give nothing to the others."""
    mask_B11L = mask_BL[:, None, None, :]
    return F.scaled_dot_product_attention(q_BHLE, k_BHLE, v_BHLE, attn_mask=mask_B11L, dropout_p=dropout)


class TransformerLayer(nn.Module):
    """Pre-norm self-attention and a GELU network of four times the width, each added to its input.

    Parameters
    ----------
    dim
        Width ``D``.
    heads
        Attention heads; must divide ``dim``.
    dropout
        Dropout on the attention weights and on both branches.
    depth
        Number of layers in the stack: the branches' last weights start smaller by ``1 / sqrt(2 * depth)``,
        so that the variance of a deep stack's output is that of its input (GPT-2).
    """

    def __init__(self, dim: int, heads: int, dropout: float, depth: int) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.attention_norm = nn.LayerNorm(dim)
        self.qkv = nn.Linear(dim, 3 * dim)
        self.attention_out = nn.Linear(dim, dim)
        self.mlp_norm = nn.LayerNorm(dim)
        self.mlp_in = nn.Linear(dim, 4 * dim)
        self.mlp_out = nn.Linear(4 * dim, dim)
        for linear in (self.qkv, self.mlp_in):
            initialise_linear(linear)
        for linear in (self.attention_out, self.mlp_out):
            initialise_linear(linear, gain=1 / math.sqrt(2 * depth))

    def forward(self, x_BLD: Tensor, mask_BL: Tensor) -> Tensor:
        """Return ``x_BLD`` with each position informed by the unmasked others, same shape."""
        x_BLD = x_BLD + self._attend(self.attention_norm(x_BLD), mask_BL)
        hidden = F.gelu(self.mlp_in(self.mlp_norm(x_BLD)))
        return x_BLD + F.dropout(self.mlp_out(hidden), self.dropout, self.training)

    def _attend(self, x_BLD: Tensor, mask_BL: Tensor) -> Tensor:
        batch, length, dim = x_BLD.shape
        qkv = self.qkv(x_BLD).view(batch, length, 3, self.heads, dim // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        dropout = self.dropout if self.training else 0.0
        mixed = attention(q, k, v, mask_BL, dropout).transpose(1, 2).reshape(batch, length, dim)
        return F.dropout(self.attention_out(mixed), self.dropout, self.training)


class TransformerStack(nn.Module):
    """Several layers and a last norm; with no layers it is the norm alone.

    Parameters
    ----------
    dim, heads, dropout
        As in :class:`TransformerLayer`.
    depth
        Number of layers.
    recompute
        Compute each layer again in the backward pass instead of keeping its activations (gradient checkpointing).
    """

    def __init__(self, dim: int, heads: int, depth: int, dropout: float, recompute: bool = False) -> None:
        super().__init__()
        self.recompute = recompute
        self.layers = nn.ModuleList(TransformerLayer(dim, heads, dropout, depth) for _ in range(depth))
        self.norm = nn.LayerNorm(dim)

    def forward(self, x_BLD: Tensor, mask_BL: Tensor) -> Tensor:
        """Run all layers; ``mask_BL`` is True where there is something. Same shape out."""
        for layer in self.layers:
            if self.recompute and torch.is_grad_enabled():
                x_BLD = checkpoint(layer, x_BLD, mask_BL, use_reentrant=False)
            else:
                x_BLD = layer(x_BLD, mask_BL)
        return self.norm(x_BLD)


def initialise_linear(linear: nn.Linear, gain: float = 1.0) -> None:
    """Weights that keep the variance of their input (times ``gain**2``), and biases of zero."""
    nn.init.trunc_normal_(linear.weight, std=gain / math.sqrt(linear.in_features))
    if linear.bias is not None:
        nn.init.zeros_(linear.bias)
