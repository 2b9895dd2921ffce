"""What is hidden from the model so that it can be asked for it: bases of sequences, abundances of ASVs.

Legend of shapes: ``U`` distinct ASVs, ``L`` bases, ``B`` samples, ``S`` ASVs per sample.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from aam.alphabet import MASK, NUM_BASES

SPAN_LENGTHS = (3, 4, 5)


@dataclass(frozen=True, eq=False)
class Corruption:
    """Masked bases, and ASVs of samples whose abundance is hidden (None: nothing is hidden).

    Attributes
    ----------
    masked_UL, hidden_BS
        True where something is hidden.
    masked_M, hidden_M
        The same as places in the flattened rectangles. They are found when this is made, on the host: on a GPU
        everything would have to wait for their number.
    """

    masked_UL: Tensor | None = None
    hidden_BS: Tensor | None = None
    masked_M: Tensor | None = None
    hidden_M: Tensor | None = None

    def __post_init__(self) -> None:
        for flags, places in (("masked_UL", "masked_M"), ("hidden_BS", "hidden_M")):
            where = getattr(self, flags)
            if where is not None and getattr(self, places) is None:
                object.__setattr__(self, places, where.flatten().nonzero().squeeze(1))

    @property
    def is_nothing(self) -> bool:
        """Whether nothing is hidden."""
        return self.masked_UL is None and self.hidden_BS is None

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Corruption:
        """The same on another device."""
        parts = (self.masked_UL, self.hidden_BS, self.masked_M, self.hidden_M)
        return Corruption(*(None if part is None else part.to(device, non_blocking=non_blocking) for part in parts))


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


def hide_numbers(number_BM: Tensor, rate: float, generator: torch.Generator) -> Tensor:
    """The numbers of covariates, ``BM``, about ``rate`` of them missing: so the model learns what that means."""
    pair_BN2 = number_BM.unflatten(1, (number_BM.shape[1] // 2, 2))
    hidden_BN1 = torch.rand(*pair_BN2.shape[:2], 1, generator=generator).to(number_BM.device) < rate
    return torch.where(hidden_BN1, pair_BN2.new_tensor([0.0, 1.0]), pair_BN2).flatten(1)


def hide_levels(category_BC: Tensor, rate: float, generator: torch.Generator) -> Tensor:
    """The levels of covariates, ``BC``, about ``rate`` of them unknown (0): so the model learns what that means."""
    hidden_BC = torch.rand(category_BC.shape, generator=generator).to(category_BC.device) < rate
    return category_BC.masked_fill(hidden_BC, 0)
