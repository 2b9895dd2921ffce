"""A batch dealt out to several processes: each computes some of its samples, and together they do what one would.

Every process draws all samples of a batch and chooses all that is hidden in it, as one process alone would, and then
takes its own samples. So masks, distances and the sizes of the losses are those of the whole batch, without a word
between the processes. Legend of shapes: ``B`` samples of the whole batch, ``b`` of this process, ``U`` and ``u``
their distinct ASVs, ``S`` ASVs of a sample, ``L`` bases.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
from torch import Tensor

from aam.data.batch import Batch
from aam.data.corruption import Corruption
from aam.data.ragged import Ragged
from aam.data.share import Share


def take_share(batch: Batch, rank: int, world_size: int) -> Batch:
    """The part of a whole batch, all that is hidden in it already chosen, that one of several processes computes.

    An ASV that several processes meet is encoded by each of them, with the same bases masked, but its masked bases and
    its taxon are counted by the first of them alone, as the whole batch has it once.

    Parameters
    ----------
    batch
        The whole batch, on the host. Its distances may be those of this process's samples already.
    rank, world_size
        This process, and the number of processes; the batch has a sample for each at least.
    """
    own = slice(rank, None, world_size)
    parts: dict[str, Any] = {name: part[own] for name, part in batch.sample_parts().items()}
    share = Share(rank=rank, world_size=world_size, whole_size=len(batch), samples=len(parts["rows_B"]) / len(batch))
    if not len(batch.asvs_U):
        return dataclasses.replace(batch, **parts, **_without_asvs(parts), share=share)
    own_U, counted_U = _own_asvs(batch, rank, world_size)
    lengths = batch.layout.lengths[own]
    width, bases = max(lengths), [batch.bases[asv] for asv in own_U.tolist()]
    new_place_U = torch.zeros(len(batch.asvs_U), dtype=torch.int64)
    new_place_U[own_U] = torch.arange(len(own_U))
    counts_bS = batch.counts_BS[own, :width]
    index_bS = torch.where(counts_bS > 0, new_place_U[batch.index_BS[own, :width]], 0)
    corruption, taxonomy_u = None, None
    if batch.corruption is not None:
        corruption, of_bases, of_abundances = _own_corruption(batch, own_U, counted_U, own, width, bases[-1])
        share = dataclasses.replace(share, bases=of_bases, abundances=of_abundances)
    if batch.taxonomy_U is not None:
        taxonomy_u = batch.taxonomy_U[own_U].masked_fill(~counted_U[own_U], -1)
        share = dataclasses.replace(share, taxa=_ratio(taxonomy_u >= 0, batch.taxonomy_U >= 0))
    return dataclasses.replace(
        batch,
        **parts,
        asvs_U=batch.asvs_U[own_U],
        tokens_UL=batch.tokens_UL[own_U, : bases[-1]].contiguous(),
        index_BS=index_bS,
        counts_BS=counts_bS.contiguous(),
        layout=Ragged.of_lengths(lengths),
        bases=tuple(bases),
        distances_BB=_own_distances(batch, len(lengths), own),
        taxonomy_U=taxonomy_u,
        corruption=corruption,
        share=share,
    )


def _own_asvs(batch: Batch, rank: int, world_size: int) -> tuple[Tensor, Tensor]:
    """Places of the ASVs that this process meets, and which of all are counted here."""
    first_U = torch.full((len(batch.asvs_U),), world_size)
    is_met_U = torch.zeros(len(batch.asvs_U), dtype=torch.bool)
    for process in range(world_size - 1, -1, -1):
        of_process = slice(process, None, world_size)
        met = batch.index_BS[of_process][batch.mask_BS[of_process]]
        first_U[met] = process
        if process == rank:
            is_met_U[met] = True
    return is_met_U.nonzero().squeeze(1), first_U == rank


def _own_corruption(
    batch: Batch, own_U: Tensor, counted_U: Tensor, own: slice, width: int, length: int
) -> tuple[Corruption, float, float]:
    """What is hidden in this process's part, and its shares of the masked bases and of the hidden abundances."""
    whole = batch.corruption
    assert whole is not None
    masked_uL = masked_M = hidden_bS = None
    of_bases, of_abundances = 0.0, _ratio(batch.mask_BS[own], batch.mask_BS)
    if whole.masked_UL is not None:
        masked_uL = whole.masked_UL[own_U, :length].contiguous()
        asked_uL = masked_uL & counted_U[own_U, None]
        masked_M = asked_uL.flatten().nonzero().squeeze(1)
        of_bases = _ratio(asked_uL, whole.masked_UL)
    if whole.hidden_BS is not None:
        hidden_bS = whole.hidden_BS[own, :width].contiguous()
        of_abundances = _ratio(hidden_bS, whole.hidden_BS)
    return Corruption(masked_uL, hidden_bS, masked_M), of_bases, of_abundances


def _own_distances(batch: Batch, size: int, own: slice) -> Tensor | None:
    """Distances ``b x B`` of this process's samples to all."""
    distances = batch.distances_BB
    return distances if distances is None or len(distances) == size else distances[own]


def _without_asvs(parts: dict[str, Any]) -> dict[str, Any]:
    size = len(parts["rows_B"])
    return {
        "index_BS": torch.empty(size, 0, dtype=torch.int64),
        "counts_BS": torch.empty(size, 0),
        "layout": Ragged.equal(size, 0),
    }


def _ratio(own: Tensor, whole: Tensor) -> float:
    """The share of what is true; of nothing, nothing."""
    return int(own.sum()) / max(1, int(whole.sum()))
