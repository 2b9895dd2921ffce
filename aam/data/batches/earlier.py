"""The earlier samples of the samples of a batch, laid side by side as these are; each once.

A sample that is earlier than several is encoded once for all of them.

Legend of shapes: ``B`` samples, ``K`` earlier samples of each, ``E`` distinct earlier samples, ``S`` their ASVs.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from aam.data.batches.ragged import Ragged
from aam.data.batches.sample import Sample


@dataclass(frozen=True, kw_only=True, eq=False)
class EarlierBatch:
    """The earlier samples of a batch, whose ASVs are among its own.

    Attributes
    ----------
    index_ES, counts_ES, layout
        As ``index_BS``, ``counts_BS`` and ``layout`` of the batch.
    place_BK
        Which of them each sample has, the latest first; 0 where there is none.
    gap_BK
        Time since each, in median times between samples (float32).
    has_BK
        Where there is one.
    """

    index_ES: Tensor
    counts_ES: Tensor
    layout: Ragged
    place_BK: Tensor
    gap_BK: Tensor
    has_BK: Tensor

    def to(self, device: torch.device | str, non_blocking: bool = False) -> EarlierBatch:
        """The same on another device."""
        return self._each(lambda part: part.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> EarlierBatch:
        """The same in page-locked memory."""
        return self._each(lambda part: part.pin_memory())

    def _each(self, change: Callable[[Any], Any]) -> EarlierBatch:
        parts = {part.name: change(getattr(self, part.name)) for part in dataclasses.fields(self)}
        return EarlierBatch(**parts)


class Past(NamedTuple):
    """The distinct earlier samples of some samples, and for each of these their places, ``B x K``, -1 for none."""

    samples: list[Sample]
    place_BK: np.ndarray
    gap_BK: np.ndarray


def past_of(samples: list[Sample]) -> Past:
    """The earlier samples of the samples of a batch, in the order of their first appearance."""
    most = max((len(sample.earlier) for sample in samples), default=0)
    place_BK = np.full((len(samples), most), -1, dtype=np.int64)
    gap_BK = np.zeros((len(samples), most), dtype=np.float32)
    place_of: dict[int, int] = {}
    found: list[Sample] = []
    for row, sample in enumerate(samples):
        for column, (gap, one) in enumerate(sample.earlier):
            if one.row not in place_of:
                place_of[one.row] = len(found)
                found.append(one)
            place_BK[row, column], gap_BK[row, column] = place_of[one.row], gap
    return Past(found, place_BK, gap_BK)


def earlier_batch(past: Past, index_ES: np.ndarray, counts_ES: np.ndarray) -> EarlierBatch:
    """The earlier samples of a batch whose ASVs are laid out."""
    return EarlierBatch(
        index_ES=torch.from_numpy(index_ES),
        counts_ES=torch.from_numpy(counts_ES),
        layout=Ragged.of_lengths([len(one.asvs) for one in past.samples]),
        place_BK=torch.from_numpy(np.maximum(past.place_BK, 0)),
        gap_BK=torch.from_numpy(past.gap_BK),
        has_BK=torch.from_numpy(past.place_BK >= 0),
    )
