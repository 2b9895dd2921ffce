"""Gathering of the vectors of one batch from several processes, with gradients."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


def gather_rows(own_nD: Tensor, rank: int, world_size: int, size: int) -> Tensor:
    """The rows of all processes in the order of the whole, ``N x D``.

    The gradient that any process has for a row reaches the process whose row it is. So a loss of pairs across processes
    teaches both sides, and a vector that several processes read is taught by all of them, as in one process that has
    the whole batch.

    Parameters
    ----------
    own_nD
        The rows that were dealt to this process, in turn: every ``world_size``-th from the ``rank``-th on. What is
        more than that is left out. Every process calls this, in the same order of calls.
    rank, world_size
        This process, and the number of processes.
    size
        Number of rows of the whole.
    """
    own = slice(rank, size, world_size)
    rows: Tensor = _Gather.apply(own_nD[: len(range(size)[own])], own, size)
    return rows


class _Gather(torch.autograd.Function):
    """The rows of a rank lie ``world_size`` apart; the shorter ranks are padded."""

    @staticmethod
    def forward(context: Any, own_nD: Tensor, own: slice, size: int) -> Tensor:
        context.own = own
        padded_mD = own_nD.new_zeros(-(-size // own.step), own_nD.shape[1])
        padded_mD[: len(own_nD)] = own_nD
        of_rank = [torch.empty_like(padded_mD) for _ in range(own.step)]
        dist.all_gather(of_rank, padded_mD)
        return torch.stack(of_rank, dim=1).flatten(0, 1)[:size]

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        gradient_ND = gradients[0].contiguous().clone()
        dist.all_reduce(gradient_ND)
        return gradient_ND[context.own], None, None
