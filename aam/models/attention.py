"""The one transformer layer that every level of the model is built from.

Legend of shapes: ``B`` sequences or samples, ``L`` positions of the longest, ``T`` positions of all of them together,
``D`` width, ``H`` heads, ``E = D / H``.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.utils.checkpoint import checkpoint

from aam.data.batches.ragged import Ragged

KERNEL_CAPABILITY = (8, 0)
"""Compute capability from which a GPU has the kernel for packed rows."""


def attention(q_THE: Tensor, k_THE: Tensor, v_THE: Tensor, layout: Ragged) -> Tensor:
    """Scaled dot-product attention within each row, ``T x H x E``; no position of one row sees another's.

    Rows of one length are one dense call without a mask. Others go to the kernel for packed rows where there is one
    (CUDA, 16 bits), are padded and masked on other GPUs, and on a CPU are taken in runs of one length.
    """
    packed = (q_THE, k_THE, v_THE)
    if layout.is_rectangle:
        return _dense(packed, len(layout.lengths))
    if not q_THE.is_cuda:
        sizes = [rows * length for rows, length in layout.runs]
        parts = zip(*(x_THE.split(sizes) for x_THE in packed), layout.runs, strict=True)
        return torch.cat([_dense((q, k, v), rows) for q, k, v, (rows, _) in parts])
    if _has_packed_kernel(q_THE):
        from torch.nn.attention.varlen import varlen_attn

        starts, longest = layout.starts(q_THE.device), max(layout.lengths)
        mixed_THE: Tensor = varlen_attn(*packed, starts, starts, longest, longest)  # type: ignore[assignment]
        return mixed_THE
    q, k, v = (layout.pad(x_THE).transpose(1, 2) for x_THE in packed)
    return layout.pack(F.scaled_dot_product_attention(q, k, v, attn_mask=layout.key_mask).transpose(1, 2))


def _has_packed_kernel(q_THE: Tensor) -> bool:
    """Whether the kernel for packed rows takes these: 16 bits, a head width that it knows, a GPU that has it."""
    width = q_THE.shape[-1]
    if q_THE.dtype not in (torch.float16, torch.bfloat16) or width % 8 or width > 256:
        return False
    return torch.cuda.get_device_capability(q_THE.device) >= KERNEL_CAPABILITY


def _dense(packed: tuple[Tensor, Tensor, Tensor], rows: int) -> Tensor:
    q, k, v = (x_THE.unflatten(0, (rows, -1)).transpose(1, 2) for x_THE in packed)
    return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(0, 1)


class TransformerLayer(nn.Module):
    """Pre-norm self-attention and a GELU network of four times the width, each added to its input.

    Dropout is on what both branches add, and not on the attention weights: there it would cost the fused kernels
    (measured on a CPU: a third of the step's time and half of its memory) for noise that the branch's own already
    gives.

    Parameters
    ----------
    dim
        Width ``D``.
    heads
        Attention heads; must divide ``dim``.
    dropout
        Dropout on both branches.
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

    def forward(self, x_TD: Tensor, layout: Ragged) -> Tensor:
        """Return ``x_TD`` with each position informed by the others of its row, same shape."""
        mixed_THE = attention(*self.queries(x_TD), layout)
        return self.merge(x_TD, mixed_THE)

    def queries(self, x_TD: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values, each ``T x H x E``, by one product."""
        q, k, v = self.qkv(self.attention_norm(x_TD)).unflatten(-1, (3, self.heads, -1)).unbind(1)
        return q, k, v

    def merge(self, x_TD: Tensor, mixed_THE: Tensor) -> Tensor:
        """Add what attention gives, then what the network makes of it."""
        x_TD = x_TD + self._drop(self.attention_out(mixed_THE.flatten(1)))
        hidden = self.mlp_in(self.mlp_norm(x_TD))
        weight, bias = self.mlp_out.weight.to(hidden.dtype), self.mlp_out.bias.to(hidden.dtype)
        return x_TD + self._drop(GeluLinear.apply(hidden, weight, bias))

    def _drop(self, x_TD: Tensor) -> Tensor:
        """Dropout. On a CPU torch's own keeps a number where a bit will do."""
        if x_TD.is_cuda or not (self.training and self.dropout):
            return F.dropout(x_TD, self.dropout, self.training)
        dropped_TD = torch.rand(x_TD.shape, device=x_TD.device) < self.dropout
        return (x_TD / (1 - self.dropout)).masked_fill(dropped_TD, 0.0)


class GeluLinear(torch.autograd.Function):
    """``linear(gelu(x))`` that keeps ``x`` alone for the gradient and makes ``gelu(x)`` again.

    That is a fifth of all that a layer keeps, for a few percent of its time.
    """

    @staticmethod
    def forward(ctx: Any, x_TF: Tensor, weight_DF: Tensor, bias_D: Tensor) -> Tensor:
        """``T x D``."""
        ctx.save_for_backward(x_TF, weight_DF)
        return F.linear(F.gelu(x_TF), weight_DF, bias_D)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient_TD: Tensor) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Gradients of the three inputs; of frozen weights there is none."""
        x_TF, weight_DF = ctx.saved_tensors
        gradient_TF = torch.ops.aten.gelu_backward(gradient_TD @ weight_DF, x_TF)
        if not ctx.needs_input_grad[1]:
            return gradient_TF, None, None
        return gradient_TF, gradient_TD.T @ F.gelu(x_TF), gradient_TD.sum(dim=0)


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

    def forward(self, x_TD: Tensor, layout: Ragged) -> Tensor:
        """Run all layers over packed rows. Same shape out."""
        for layer in self.layers:
            if self.recompute and torch.is_grad_enabled():
                x_TD = checkpoint(layer, x_TD, layout, use_reentrant=False)
            else:
                x_TD = layer(x_TD, layout)
        return self.norm(x_TD)


def compile_layers(model: nn.Module) -> None:
    """Compile what the layers do position by position, in place.

    All layers of one width share two graphs in which the number of positions is free, so that no batch is compiled
    for. Attention stays outside: it depends on the rows' lengths and is a kernel of its own.
    """
    for layer in model.modules():
        if isinstance(layer, TransformerLayer):
            layer.queries = torch.compile(layer.queries, dynamic=True)  # type: ignore[method-assign]
            layer.merge = torch.compile(layer.merge, dynamic=True)  # type: ignore[method-assign]


def initialise_linear(linear: nn.Linear, gain: float = 1.0) -> None:
    """Weights that keep the variance of their input (times ``gain**2``), and biases of zero."""
    nn.init.trunc_normal_(linear.weight, std=gain / math.sqrt(linear.in_features))
    if linear.bias is not None:
        nn.init.zeros_(linear.bias)
