"""From nucleotides to one vector for each distinct ASV.

Legend of shapes: ``U`` distinct ASVs, ``L`` bases, ``k`` bases a patch, ``P = ceil(L / k)`` patches, ``D`` width.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aam.config import ModelOptions
from aam.data.alphabet import PAD, VOCABULARY
from aam.models.attention import TransformerStack, initialise_linear
from aam.models.pooling import AttentionPooling


class AsvEncoding(NamedTuple):
    """What the ASV encoder gives: a vector per ASV and, for the nucleotide head, a vector per patch."""

    asv_UD: Tensor
    patch_UPD: Tensor


class AsvEncoder(nn.Module):
    """A transformer over the patches of a sequence, pooled to one normalised vector.

    Patches of ``k`` neighbouring bases are one token, as in vision transformers (Dosovitskiy et al. 2021,
    arXiv:2010.11929); ``k = 1`` is a token a base. Positions enter as sinusoids of the base's place (Vaswani et al.
    2017), so that no weight depends on the sequences' length.
    """

    def __init__(self, options: ModelOptions) -> None:
        super().__init__()
        dim = options.embedding_dim
        self.patch = options.nucleotide_patch
        self.chunk = options.asv_chunk_size
        self.embed = nn.Linear(self.patch * VOCABULARY, dim)
        initialise_linear(self.embed, gain=math.sqrt(VOCABULARY))
        self.position_gain = nn.Parameter(torch.full((dim,), 0.5))
        self.transformer = TransformerStack(
            dim, options.attention_heads, options.layers[0], options.dropout, options.gradient_checkpointing
        )
        self.pool = AttentionPooling(dim)
        self.norm = nn.LayerNorm(dim)

    def forward(self, tokens_UL: Tensor) -> AsvEncoding:
        """Encode ``tokens_UL`` (codes of ``aam.data.alphabet``, padded at the end with PAD)."""
        if not self.chunk:
            return self._encode(tokens_UL)
        parts = [self._encode(tokens) for tokens in tokens_UL.split(self.chunk)]
        return AsvEncoding(torch.cat([p.asv_UD for p in parts]), torch.cat([p.patch_UPD for p in parts]))

    def _encode(self, tokens_UL: Tensor) -> AsvEncoding:
        tokens_UPk = self._patches(tokens_UL)
        mask_UP = (tokens_UPk != PAD).any(dim=-1)
        one_hot = F.one_hot(tokens_UPk.long(), VOCABULARY).flatten(2).to(self.embed.weight.dtype)
        x_UPD = self.embed(one_hot)
        x_UPD = x_UPD + self.position_gain * sinusoids(x_UPD.shape[1], self.patch, x_UPD)
        patch_UPD = self.transformer(x_UPD, mask_UP)
        return AsvEncoding(self.norm(self.pool(patch_UPD, mask_UP)), patch_UPD)

    def _patches(self, tokens_UL: Tensor) -> Tensor:
        short = -tokens_UL.shape[1] % self.patch
        padded = F.pad(tokens_UL, (0, short), value=PAD)
        return padded.view(padded.shape[0], -1, self.patch)


def sinusoids(num_patches: int, patch: int, like: Tensor) -> Tensor:
    """Sines and cosines, ``PD``, of the first base's place in each patch; wavelengths of 6 to 60,000 bases."""
    dim = like.shape[-1]
    place_P1 = torch.arange(num_patches, device=like.device, dtype=torch.float32)[:, None] * patch
    half = (dim + 1) // 2
    rate = torch.exp(torch.arange(half, device=like.device, dtype=torch.float32) * (-math.log(10_000.0) / half))
    angle = place_P1 * rate
    return torch.cat([angle.sin(), angle.cos()], dim=-1)[:, :dim].to(like.dtype)
