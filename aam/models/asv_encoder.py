"""From nucleotides to one vector for each distinct ASV.

Legend of shapes: ``U`` distinct ASVs, ``L`` bases, ``k`` bases a patch, ``P = ceil(L / k)`` patches, ``D`` width.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from aam.alphabet import PAD, VOCABULARY
from aam.config import ModelOptions
from aam.data.batches.ragged import Ragged
from aam.models.attention import TransformerStack, initialise_linear
from aam.models.pooling import AttentionPooling
from aam.models.size_estimate import POSITIONS_AT_ONCE


class AsvEncoding(NamedTuple):
    """What the ASV encoder gives: a vector per ASV and, for the nucleotide head, a vector per patch.

    Patches beyond a sequence's end are zero; there are none where nobody asked for them.
    """

    asv_UD: Tensor
    patch_UPD: Tensor


class AsvEncoder(nn.Module):
    """A transformer over the patches of a sequence, pooled to one normalised vector.

    Patches of ``k`` neighbouring bases are one token, as in vision transformers (Dosovitskiy et al. 2021,
    arXiv:2010.11929); ``k = 1`` is a token a base. Positions enter as sinusoids of the base's place (Vaswani et al.
    2017), so that no weight depends on the sequences' length.

    The ASVs are encoded some at a time: so many that a CPU's cache holds what a layer works on, or that a GPU is
    busy. With gradient checkpointing nothing of such a part is kept for the gradient but its result.

    Attributes
    ----------
    agree_on_parts
        Where the layers are sharded over processes, which then all have to call them as often: from this process's
        number of parts, the largest of all.
    """

    agree_on_parts: Callable[[int], int] | None = None

    def __init__(self, options: ModelOptions) -> None:
        super().__init__()
        dim = options.embedding_dim
        self.patch = options.nucleotide_patch
        self.chunk = options.asv_chunk_size
        self.recompute = bool(options.gradient_checkpointing)
        self.embed = nn.Linear(self.patch * VOCABULARY, dim)
        initialise_linear(self.embed, gain=math.sqrt(VOCABULARY))
        self.position_gain = nn.Parameter(torch.full((dim,), 0.5))
        self.transformer = TransformerStack(dim, options.attention_heads, options.layers[0], options.dropout)
        self.pool = AttentionPooling(dim)
        self.norm = nn.LayerNorm(dim)

    def forward(
        self, tokens_UL: Tensor, bases_U: Sequence[int] | None = None, with_patches: bool = True
    ) -> AsvEncoding:
        """Encode sequences.

        Parameters
        ----------
        tokens_UL
            Codes of ``aam.alphabet``, padded at the end with PAD.
        bases_U
            Number of bases of each, on the host; read from the tokens where left out. It goes fastest where
            neighbours have one length.
        with_patches
            Whether the patches' vectors are wanted beside the ASVs'.
        """
        if bases_U is None:
            bases_U = (tokens_UL != PAD).sum(dim=1).tolist()
        patches_U = [-(-bases // self.patch) for bases in bases_U]
        tokens_UPk = self._patches(tokens_UL, max(patches_U))
        parts = []
        slices = list(self._parts(patches_U, tokens_UL.device))
        # Before the first call of a layer, which is a word between the processes too.
        idle = 0 if self.agree_on_parts is None else self.agree_on_parts(len(slices)) - len(slices)
        for rows in slices:
            layout = Ragged.of_lengths(patches_U[rows]).to(tokens_UL.device, non_blocking=True)
            part = self._encode_part(tokens_UPk[rows, : layout.width], layout)
            parts.append(part if with_patches else part._replace(patch_UPD=part.asv_UD.new_empty(0)))
        parts += [self._idle_part(tokens_UPk, patches_U[0]) for _ in range(idle)]
        asv_UD = torch.cat([part.asv_UD for part in parts])
        if not with_patches:
            return AsvEncoding(asv_UD, asv_UD.new_empty(0))
        widest = max(patches_U)
        return AsvEncoding(asv_UD, torch.cat([_widen(part.patch_UPD, widest) for part in parts]))

    def _parts(self, patches_U: list[int], device: torch.device) -> Iterator[slice]:
        """Neighbouring ASVs to encode at once."""
        most = self.chunk or len(patches_U)
        positions = POSITIONS_AT_ONCE["cpu" if device.type == "cpu" else "cuda"]
        first = taken = 0
        for row, patches in enumerate(patches_U):
            if row > first and (row - first == most or (not self.chunk and taken + patches > positions)):
                yield slice(first, row)
                first, taken = row, 0
            taken += patches
        yield slice(first, len(patches_U))

    def _idle_part(self, tokens_UPk: Tensor, patches: int) -> AsvEncoding:
        """A part without an ASV, for one more call of the layers."""
        asv_UD, patch_UPD = self._encode_part(tokens_UPk[:1, :patches], Ragged.equal(1, patches))
        return AsvEncoding(asv_UD[:0], patch_UPD[:0])

    def _encode_part(self, tokens_UPk: Tensor, layout: Ragged) -> AsvEncoding:
        if self.recompute and torch.is_grad_enabled():
            return AsvEncoding(*checkpoint(self._encode, tokens_UPk, layout, use_reentrant=False))
        return self._encode(tokens_UPk, layout)

    def _encode(self, tokens_UPk: Tensor, layout: Ragged) -> AsvEncoding:
        one_hot = F.one_hot(layout.pack(tokens_UPk).long(), VOCABULARY).flatten(1).to(self.embed.weight.dtype)
        x_TD = self.embed(one_hot)
        place_PD = self.position_gain * sinusoids(layout.width, self.patch, x_TD)
        if layout.is_rectangle:
            x_TD = (x_TD.unflatten(0, (-1, layout.width)) + place_PD).flatten(0, 1)
        else:
            x_TD = x_TD + F.embedding(layout.position_T, place_PD)
        patch_UPD = layout.pad(self.transformer(x_TD, layout))
        mask_UP = None if layout.is_rectangle else (tokens_UPk != PAD).any(dim=-1)
        return AsvEncoding(self.norm(self.pool(patch_UPD, mask_UP)), patch_UPD)

    def _patches(self, tokens_UL: Tensor, most: int) -> Tensor:
        """The bases by patches; a sequence's last one is filled up with PAD."""
        short = max(0, most * self.patch - tokens_UL.shape[1])
        padded = F.pad(tokens_UL, (0, short), value=PAD)[:, : most * self.patch]
        return padded.unflatten(1, (most, self.patch))


def _widen(patch_UPD: Tensor, patches: int) -> Tensor:
    return F.pad(patch_UPD, (0, 0, 0, patches - patch_UPD.shape[1])) if patch_UPD.shape[1] < patches else patch_UPD


def sinusoids(num_patches: int, patch: int, like: Tensor) -> Tensor:
    """Sines and cosines, ``PD``, of the first base's place in each patch; wavelengths of 6 to 60,000 bases."""
    dim = like.shape[-1]
    place_P1 = torch.arange(num_patches, device=like.device, dtype=torch.float32)[:, None] * patch
    half = (dim + 1) // 2
    rate = torch.exp(torch.arange(half, device=like.device, dtype=torch.float32) * (-math.log(10_000.0) / half))
    angle = place_P1 * rate
    return torch.cat([angle.sin(), angle.cos()], dim=-1)[:, :dim].to(like.dtype)
