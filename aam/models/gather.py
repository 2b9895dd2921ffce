"""Vectors of all samples of a batch that several processes compute, with their gradients."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from aam.data.share import Share


def gather_samples(own_bD: Tensor, share: Share) -> Tensor:
    """The rows of all processes in the order of the whole batch, ``B x D``.

    The gradient that any process has for a row reaches the process whose row it is, so that a loss of pairs across
    processes teaches both sides, as in one process that has the whole batch.

    Parameters
    ----------
    own_bD
        The rows of this process's samples; every process calls this, in the same order of calls.
    share
        What they are of the batch.
    """
    rows: Tensor = _Gather.apply(own_bD, share)
    return rows


class _Gather(torch.autograd.Function):
    """Rows are dealt out in turn, so that those of a rank lie ``world_size`` apart; the shorter ranks are padded."""

    @staticmethod
    def forward(context: Any, own_bD: Tensor, share: Share) -> Tensor:
        context.share = share
        most = -(-share.whole_size // share.world_size)
        padded_nD = own_bD.new_zeros(most, own_bD.shape[1])
        padded_nD[: len(own_bD)] = own_bD
        of_rank = [torch.empty_like(padded_nD) for _ in range(share.world_size)]
        dist.all_gather(of_rank, padded_nD)
        return torch.stack(of_rank, dim=1).flatten(0, 1)[: share.whole_size]

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        gradient_BD = gradients[0].contiguous().clone()
        dist.all_reduce(gradient_BD)
        return gradient_BD[context.share.own], None
