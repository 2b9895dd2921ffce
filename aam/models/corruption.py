"""What is hidden from the model so that it can be asked for it: bases of sequences, abundances of ASVs.

Legend of shapes: ``U`` distinct ASVs, ``L`` bases, ``B`` samples, ``S`` ASVs per sample.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor

from aam.data.alphabet import MASK, NUM_BASES

SPAN_LENGTHS = (3, 4, 5)


class Corruption(NamedTuple):
    """Masked bases, and ASVs of samples whose abundance is hidden (None: nothing is hidden)."""

    masked_UL: Tensor | None = None
    hidden_BS: Tensor | None = None


def is_base(tokens: Tensor) -> Tensor:
    """True where a token is A, C, G or T (not padding, not an ambiguous base)."""
    return (tokens >= 1) & (tokens <= NUM_BASES)


def mask_bases(
    tokens_UL: Tensor, ratio: float, strategy: Literal["random", "span"], generator: torch.Generator
) -> Tensor:
    """Choose about ``ratio`` of the bases, ``UL``: one by one, or in runs of three to five neighbours."""
    uniform_UL = torch.rand(tokens_UL.shape, generator=generator).to(tokens_UL.device)
    if strategy == "random":
        return (uniform_UL < ratio) & is_base(tokens_UL)
    mean_length = sum(SPAN_LENGTHS) / len(SPAN_LENGTHS)
    starts_UL = uniform_UL < 1 - (1 - ratio) ** (1 / mean_length)
    choice_UL = torch.randint(len(SPAN_LENGTHS), tokens_UL.shape, generator=generator).to(tokens_UL.device)
    masked_UL = starts_UL.clone()
    for step in range(1, max(SPAN_LENGTHS)):
        reaches_UL = starts_UL & (choice_UL + min(SPAN_LENGTHS) > step)
        masked_UL[:, step:] |= reaches_UL[:, :-step]
    return masked_UL & is_base(tokens_UL)


def apply_mask(tokens_UL: Tensor, masked_UL: Tensor | None) -> Tensor:
    """The tokens with the masked ones replaced by MASK."""
    return tokens_UL if masked_UL is None else tokens_UL.masked_fill(masked_UL, MASK)


def hide_abundances(mask_BS: Tensor, ratio: float, generator: torch.Generator) -> Tensor:
    """Choose about ``ratio`` of each sample's ASVs, ``BS``."""
    return (torch.rand(mask_BS.shape, generator=generator).to(mask_BS.device) < ratio) & mask_BS
