"""A batch dealt out to several processes: each computes some of its samples, and together they do what one would.

Every process draws all samples of a batch and chooses all that is hidden in it, as one process alone would, and then
takes its own samples. So masks, distances and the sizes of the losses are those of the whole batch, without a word
between the processes. The distinct ASVs of the whole batch are dealt out too: each is encoded by one process, which
also tells its masked bases, and the vectors are brought together. Legend of shapes: ``B`` samples of the whole batch,
``b`` of this process, ``U`` and ``u`` their distinct ASVs, ``v`` those that this process encodes, ``S`` ASVs of a
sample, ``L`` bases.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
from torch import Tensor

from aam.data.batches.batch import Batch, Share, Truths
from aam.data.batches.corruption import Corruption
from aam.data.batches.ragged import Ragged


def local_batch(batch: Batch, rank: int, world_size: int) -> Batch:
    """The part of a whole batch, all that is hidden in it already chosen, that one of several processes computes.

    Samples and ASVs are dealt in turn; ASVs of one length lie side by side, so that each process has as many bases.

    Parameters
    ----------
    batch
        The whole batch, on the host. Its distances may be those of this process's samples already.
    rank, world_size
        This process, and the number of processes; the batch has a sample for each at least.
    """
    own = slice(rank, None, world_size)
    parts: dict[str, Any] = {name: part[own] for name, part in batch.sample_parts().items()}
    share = Share(
        rank=rank,
        world_size=world_size,
        global_size=len(batch),
        global_asvs=len(batch.asvs_U),
        samples=len(parts["rows_B"]) / len(batch),
    )
    if not share.global_asvs:
        return dataclasses.replace(batch, **parts, **_without_asvs(parts), share=share)
    lengths = batch.layout.lengths[own]
    counts_bS, whole_index_bS = (part[own, : max(lengths)].contiguous() for part in (batch.counts_BS, batch.index_BS))
    met_u, place_M = whole_index_bS[counts_bS > 0].unique(return_inverse=True)
    encoded_v = torch.arange(share.global_asvs)[rank::world_size]
    if not len(encoded_v):  # the layers are called all the same; what it gives goes nowhere
        encoded_v = torch.zeros(1, dtype=torch.int64)
    bases = [batch.bases[asv] for asv in encoded_v.tolist()]
    corruption = _own_corruption(batch.corruption, share, encoded_v, max(lengths), max(bases))
    truths = _own_truths(batch, share, met_u)
    return dataclasses.replace(
        batch,
        **parts,
        asvs_U=batch.asvs_U[met_u],
        tokens_UL=batch.tokens_UL[encoded_v, : max(bases)].contiguous(),
        index_BS=torch.zeros_like(whole_index_bS).masked_scatter(counts_bS > 0, place_M),
        counts_BS=counts_bS,
        layout=Ragged.of_lengths(lengths),
        bases=tuple(bases),
        truths=truths,
        corruption=corruption,
        share=_with_shares_of_losses(share, batch, corruption, truths, counts_bS > 0),
        global_index_U=met_u,
    )


def _own_corruption(
    whole: Corruption | None, share: Share, encoded_v: Tensor, width: int, length: int
) -> Corruption | None:
    """What is hidden in the sequences that this process encodes, and in its samples."""
    if whole is None:
        return None
    masked_vL = hidden_bS = None
    if whole.masked_UL is not None:
        masked_vL = whole.masked_UL[encoded_v, :length].contiguous()
        if share.rank >= share.global_asvs:
            masked_vL = torch.zeros_like(masked_vL)
    if whole.hidden_BS is not None:
        hidden_bS = whole.hidden_BS[share.own, :width].contiguous()
    return Corruption(masked_vL, hidden_bS)


def _own_truths(batch: Batch, share: Share, met_u: Tensor) -> Truths:
    """The truths of this process's samples, of their pairs with all, and of its ASVs.

    An ASV that several processes meet counts in the first of them, and is unknown in the others.
    """
    is_earlier_B = torch.arange(share.global_size) % share.world_size < share.rank
    is_counted_U = torch.ones(share.global_asvs, dtype=torch.bool)
    is_counted_U[batch.index_BS[is_earlier_B][batch.mask_BS[is_earlier_B]]] = False
    num_own = len(range(share.global_size)[share.own])

    def pairs_of_own(values: Tensor) -> Tensor:
        return values if len(values) == num_own else values[share.own]

    return Truths(
        pairs={name: pairs_of_own(values) for name, values in batch.truths.pairs.items()},
        samples={name: values[share.own] for name, values in batch.truths.samples.items()},
        asvs={name: values[met_u].masked_fill(~is_counted_U[met_u], -1) for name, values in batch.truths.asvs.items()},
    )


def _with_shares_of_losses(
    share: Share, batch: Batch, corruption: Corruption | None, truths: Truths, mask_bS: Tensor
) -> Share:
    """With what is counted here of the masked bases, the hidden abundances and the known ASVs of the whole batch."""
    whole = batch.corruption or Corruption()
    own = corruption or Corruption()
    hidden = (mask_bS, batch.mask_BS) if whole.hidden_BS is None else (own.hidden_BS, whole.hidden_BS)
    return dataclasses.replace(
        share,
        bases=_ratio(own.masked_UL, whole.masked_UL),
        abundances=_ratio(*hidden),
        asvs={name: _ratio(truths.asvs[name] >= 0, whole_U >= 0) for name, whole_U in batch.truths.asvs.items()},
    )


def _without_asvs(parts: dict[str, Any]) -> dict[str, Any]:
    size = len(parts["rows_B"])
    return {
        "index_BS": torch.empty(size, 0, dtype=torch.int64),
        "counts_BS": torch.empty(size, 0),
        "layout": Ragged.equal(size, 0),
    }


def _ratio(own: Tensor | None, whole: Tensor | None) -> float:
    """The share of what is true; of nothing, nothing."""
    return 0.0 if own is None or whole is None else int(own.sum()) / max(1, int(whole.sum()))
