"""Samples and batches: the one shape in which data reaches a model.

Each distinct ASV of a batch is held once, and every sample is a row of positions in that list.
Legend of shapes: ``B`` samples, ``S`` ASVs of the richest sample, ``U`` distinct ASVs of the batch, ``L`` bases of the
longest of them.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Sample:
    """One sample as drawn for one epoch. ASVs are columns of the study, ascending.

    Attributes
    ----------
    row
        Its row in the study.
    asvs, counts
        The ASVs that the model sees, at most as many as the token limit, and their reads.
    all_asvs, all_counts
        The draw before the token limit cut it, from which distances and diversity are computed.
    """

    row: int
    asvs: np.ndarray
    counts: np.ndarray
    all_asvs: np.ndarray
    all_counts: np.ndarray


@dataclass
class Batch:
    """Samples side by side, padded only to the richest of them.

    Attributes
    ----------
    rows_B
        Rows of the samples in the study.
    asvs_U
        Columns of the distinct ASVs in the study, ascending.
    tokens_UL
        Their bases as codes of :mod:`aam.data.alphabet` (uint8), trimmed to the longest of them.
    index_BS
        Position of each sample's ASVs in ``asvs_U``; 0 where padded.
    counts_BS
        Their reads (float32); 0 where padded, above 0 elsewhere.
    distances_BB, faith_pd_B, taxonomy_U
        What the encoder learns without labels, where it does; an unknown taxon is -1.
    target_B
        The target as the model learns it: normalised (float32), or the class (int64).
    weight_B
        Weight of each sample in the target's loss (float32).
    """

    rows_B: Tensor
    asvs_U: Tensor
    tokens_UL: Tensor
    index_BS: Tensor
    counts_BS: Tensor
    distances_BB: Tensor | None = None
    faith_pd_B: Tensor | None = None
    taxonomy_U: Tensor | None = None
    target_B: Tensor | None = None
    weight_B: Tensor | None = None

    @property
    def mask_BS(self) -> Tensor:
        """True where there is an ASV, False where padded."""
        return self.counts_BS > 0

    def __len__(self) -> int:
        return len(self.rows_B)

    def to(self, device: torch.device | str, **kwargs: Any) -> Batch:
        """The batch on another device; ``kwargs`` are those of :meth:`torch.Tensor.to`."""
        return Batch(*(None if t is None else t.to(device, **kwargs) for t in self._tensors()))  # type: ignore[arg-type]

    def pin_memory(self) -> Batch:
        """The batch in page-locked memory, from which a GPU copies faster."""
        return Batch(*(None if t is None else t.pin_memory() for t in self._tensors()))  # type: ignore[arg-type]

    def _tensors(self) -> list[Tensor | None]:
        return [getattr(self, field.name) for field in fields(self)]


def make_batch(samples: list[Sample], tokens_AL: np.ndarray, lengths_A: np.ndarray) -> Batch:
    """Lay samples side by side, with each distinct ASV once.

    Parameters
    ----------
    samples
        The samples; each has at least one ASV.
    tokens_AL
        Bases of all ASVs of the study, padded at the end.
    lengths_A
        Number of bases of each.
    """
    sizes_B = np.array([len(sample.asvs) for sample in samples])
    asvs_U, position = np.unique(np.concatenate([sample.asvs for sample in samples]), return_inverse=True)
    mask_BS = np.arange(sizes_B.max()) < sizes_B[:, None]
    index_BS = np.zeros(mask_BS.shape, dtype=np.int64)
    index_BS[mask_BS] = position
    counts_BS = np.zeros(mask_BS.shape, dtype=np.float32)
    counts_BS[mask_BS] = np.concatenate([sample.counts for sample in samples])
    tokens_UL = tokens_AL[asvs_U, : lengths_A[asvs_U].max()]
    return Batch(
        rows_B=torch.tensor([sample.row for sample in samples]),
        asvs_U=torch.from_numpy(asvs_U.astype(np.int64, copy=False)),
        tokens_UL=torch.from_numpy(np.ascontiguousarray(tokens_UL)),
        index_BS=torch.from_numpy(index_BS),
        counts_BS=torch.from_numpy(counts_BS),
    )
