"""Optimisers and the course of the learning rate."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import (
    CosineAnnealingWarmRestarts,
    LambdaLR,
    OneCycleLR,
    ReduceLROnPlateau,
)

from aam.config import OptimOptions


def parameter_groups(
    model: nn.Module, weight_decay: float, linear_path_decay: float = 0.0, rates: Mapping[str, float] | None = None
) -> list[dict[str, Any]]:
    """Weights to decay, the linear path with a decay of its own, and what is not decayed.

    Biases, norms, scales and prototypes are places and sizes, not slopes: pulling them to zero is no regularisation.

    Parameters
    ----------
    model
        Its trainable weights are grouped.
    weight_decay, linear_path_decay
        Of all weights but those of the linear path, and of those.
    rates
        Learning rates of parts that have their own: ``linear`` the linear path, ``asv`` the ASV encoder and the soft
        clades.
    """
    rates = rates or {}
    groups: dict[tuple[str, str], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            part = _part(name) if rates else ""
            groups.setdefault((_decay_kind(name, parameter), part), []).append(parameter)
    decays = {"decay": weight_decay, "linear": linear_path_decay, "none": 0.0}
    return [
        {"params": params, "weight_decay": decays[kind], **({"lr": rates[part]} if part in rates else {})}
        for (kind, part), params in sorted(groups.items(), key=lambda item: item[0])
    ]


def _decay_kind(name: str, parameter: nn.Parameter) -> str:
    if "linear_path" in name:
        return "linear"
    return "decay" if parameter.ndim >= 2 and "prototype" not in name else "none"


def _part(name: str) -> str:
    if "linear_path" in name:
        return "linear"
    return "asv" if "asv_encoder" in name or "soft_clades" in name else ""


def make_optimizer(groups: list[dict[str, Any]], options: OptimOptions, fused: bool = True) -> Optimizer:
    """AdamW, Adam or SGD, in one kernel where torch has it.

    With fp16 the Trainer needs ``fused=False``: a fused optimiser undoes the loss's scale by itself, after the
    gradient would have been clipped.
    """
    match options.optimizer:
        case "adamw":
            return torch.optim.AdamW(groups, lr=options.peak_lr, fused=fused)
        case "adam":
            return torch.optim.Adam(groups, lr=options.peak_lr, fused=fused)
        case "sgd":
            return torch.optim.SGD(groups, lr=options.peak_lr, momentum=options.momentum, fused=fused)


def make_scheduler(optimizer: Optimizer, options: OptimOptions, total_steps: int, metric: str, higher: bool) -> Any:
    """The schedule, in the form that the Trainer takes (None for a constant rate)."""
    by_step = {"interval": "step", "frequency": 1}
    warmup, floor = options.warmup_steps or 0, options.scheduler_eta_min / options.peak_lr
    match options.scheduler:
        case "none":
            return None
        case "warmup_cosine":
            return {"scheduler": LambdaLR(optimizer, WarmupCosine(warmup, total_steps, floor)), **by_step}
        case "cosine":
            return {"scheduler": LambdaLR(optimizer, WarmupCosine(0, total_steps, floor)), **by_step}
        case "cosine_restarts":
            period = options.scheduler_t0 or total_steps
            restarts = CosineAnnealingWarmRestarts(
                optimizer, period, options.scheduler_t_mult, eta_min=options.scheduler_eta_min
            )
            return {"scheduler": restarts, **by_step}
        case "onecycle":
            return {"scheduler": _one_cycle(optimizer, options, warmup, total_steps), **by_step}
        case "plateau":
            plateau = ReduceLROnPlateau(
                optimizer,
                mode="max" if higher else "min",
                factor=options.scheduler_factor,
                patience=options.scheduler_patience,
                min_lr=options.scheduler_min_lr,
            )
            return {"scheduler": plateau, "interval": "epoch", "frequency": 1, "monitor": metric}


def _one_cycle(optimizer: Optimizer, options: OptimOptions, warmup: int, total_steps: int) -> OneCycleLR:
    """The cycle with its peak after the warm-up and its lowest rate at the end.

    The scheduler is told of one step more, since it is also asked for the rate after the last one. The momentum of
    SGD is an option of its own and stays as it is.
    """
    share = min(0.9, (max(warmup, 1) + 1) / (total_steps + 1))
    cycle_momentum = options.optimizer != "sgd"
    peaks = [group["lr"] for group in optimizer.param_groups]
    return OneCycleLR(optimizer, peaks, total_steps + 1, pct_start=share, cycle_momentum=cycle_momentum)


class WarmupCosine:
    """Share of the peak rate at a step: a line up, then half a cosine down to ``floor``, and no further.

    Parameters
    ----------
    warmup
        Steps of the line.
    total
        All steps.
    floor
        Last share.
    """

    def __init__(self, warmup: int, total: int, floor: float) -> None:
        self.warmup = warmup
        self.total = total
        self.floor = floor

    def __call__(self, step: int) -> float:
        """The share at ``step``."""
        if step < self.warmup:
            return (step + 1) / (self.warmup + 1)
        progress = min(1.0, (step - self.warmup) / max(1, self.total - self.warmup))
        return self.floor + (1 - self.floor) * 0.5 * (1 + math.cos(math.pi * progress))
