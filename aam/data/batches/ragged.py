"""Rows of different lengths laid one after the other, so that nothing is computed for padding.

Legend of shapes: ``B`` rows, ``L`` positions of the longest, ``T`` positions of all rows together, ``D`` width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Ragged:
    """How the ``T`` positions of a packed tensor belong to rows.

    Attributes
    ----------
    lengths
        Positions of each row, on the host: nobody has to wait for a device to know them.
    place_T
        Place of each position in the ``B x L`` rectangle, flattened; None where the rows fill it.
    width
        ``L``, at least the longest row.
    """

    lengths: tuple[int, ...]
    place_T: Tensor | None
    width: int
    _starts: dict[torch.device, Tensor] = field(default_factory=dict, repr=False)

    @classmethod
    def equal(cls, rows: int, length: int) -> Ragged:
        """Rows of one length, a rectangle."""
        return cls((length,) * rows, None, length)

    @classmethod
    def of_mask(cls, mask_BL: Tensor) -> Ragged:
        """From a mask that is True where there is something. Waits for the mask's device."""
        if bool(mask_BL.all()):
            return cls.equal(*mask_BL.shape)
        lengths = tuple(mask_BL.sum(dim=1).tolist())
        return cls(lengths, mask_BL.flatten().nonzero().squeeze(1), mask_BL.shape[1])

    @classmethod
    def of_lengths(cls, lengths: Sequence[int]) -> Ragged:
        """From the lengths of rows that are padded at their ends to the longest."""
        width = max(lengths)
        if min(lengths) == width:
            return cls.equal(len(lengths), width)
        mask_BL = torch.arange(width) < torch.tensor(lengths)[:, None]
        return cls(tuple(lengths), mask_BL.flatten().nonzero().squeeze(1), width)

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Ragged:
        """The same for tensors on another device."""
        if self.place_T is None:
            return self
        return Ragged(self.lengths, self.place_T.to(device, non_blocking=non_blocking), self.width)

    def pin_memory(self) -> Ragged:
        """The same in page-locked memory."""
        return self if self.place_T is None else Ragged(self.lengths, self.place_T.pin_memory(), self.width)

    @property
    def is_rectangle(self) -> bool:
        """Whether all rows have one length."""
        return self.place_T is None

    @property
    def runs(self) -> list[tuple[int, int]]:
        """Neighbouring rows of one length: (rows, length)."""
        return [(len(list(rows)), length) for length, rows in groupby(self.lengths)]

    @cached_property
    def key_mask(self) -> Tensor:
        """True where there is a position, ``B x 1 x 1 x L``."""
        assert self.place_T is not None
        return self.pad(torch.ones_like(self.place_T, dtype=torch.bool))[:, None, None]

    @property
    def position_T(self) -> Tensor:
        """Position of each within its row."""
        assert self.place_T is not None
        return self.place_T % self.width

    def pack(self, x_BL: Tensor) -> Tensor:
        """The values at the rows' positions, ``T`` and what further dimensions there are."""
        flat = x_BL.flatten(0, 1)
        return flat if self.place_T is None else flat.index_select(0, self.place_T)

    def pad(self, x_T: Tensor) -> Tensor:
        """The inverse of :meth:`pack`: ``B x L`` and further dimensions, zero where there is nothing."""
        rows = len(self.lengths)
        if self.place_T is not None:
            x_T = x_T.new_zeros(rows * self.width, *x_T.shape[1:]).index_copy_(0, self.place_T, x_T)
        return x_T.unflatten(0, (rows, self.width))

    def starts(self, device: torch.device) -> Tensor:
        """Where each row begins and the last one ends (int32, ``B + 1``), as kernels for packed rows want it."""
        if device not in self._starts:
            lengths = torch.tensor(self.lengths, dtype=torch.int32)
            self._starts[device] = F.pad(lengths.cumsum(0, dtype=torch.int32), (1, 0)).to(device, non_blocking=True)
        return self._starts[device]
