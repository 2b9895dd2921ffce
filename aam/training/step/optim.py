"""Optimisers and the course of the learning rate."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, OneCycleLR, ReduceLROnPlateau

from aam.config import OptimOptions

LAYER = re.compile(r"\.layers\.(\d+)\.")


@dataclass(frozen=True, kw_only=True)
class Rates:
    """Peak learning rates of a predictor's parts.

    The farther a layer is from the head, the more general is what it knows and the less it should change: with a
    ``layer_decay`` below 1 each layer learns by that share of the rate above it (ULMFiT's discriminative fine-tuning,
    Howard and Ruder 2018, arXiv:1801.06146).

    Attributes
    ----------
    peak
        Rate of the head, of which the others are shares.
    linear, asv
        Shares of the linear path, and of the ASV encoder and the soft clades; the layers' decay comes on top.
    covariates
        Rate (no share) of all that takes covariates into the vector; None for the head's.
    layer_decay
        Share of the rate of the layer above.
    layers
        Number of layers at the ASV, sample and encoder level.
    """

    peak: float
    linear: float = 1.0
    asv: float = 1.0
    covariates: float | None = None
    layer_decay: float = 1.0
    layers: tuple[int, int, int] = (0, 0, 0)

    def of(self, part: str, depth: int) -> float:
        """The rate of a part of the model at a depth below the head."""
        if part == "covariates" and self.covariates is not None:
            return self.covariates
        share = {"linear": self.linear, "asv": self.asv}.get(part, 1.0)
        return share * self.peak * self.layer_decay**depth


def parameter_groups(
    model: nn.Module, weight_decay: float, linear_path_decay: float = 0.0, rates: Rates | None = None
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
        Learning rates of the parts; None for one rate, the optimiser's. The first group has the head's rate.
    """
    groups: dict[tuple[str, str, int], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            part = "" if rates is None else _part(name)
            depth = 0 if rates is None or rates.layer_decay == 1 else layer_depth(name, rates.layers)
            groups.setdefault((_decay_kind(name, parameter), part, depth), []).append(parameter)
    decays = {"decay": weight_decay, "linear": linear_path_decay, "none": 0.0}
    return [
        {"params": params, "weight_decay": decays[kind], **({} if rates is None else {"lr": rates.of(part, depth)})}
        for (kind, part, depth), params in sorted(groups.items(), key=lambda item: item[0])
    ]


def layer_depth(name: str, layers: tuple[int, int, int]) -> int:
    """How many layers below the head a weight of a predictor is.

    Heads, and what reads covariates, are at 0; the readout (pooling, soft clades, profile, norms) and the last layer
    below it at 1; then come the other encoder layers, the sample layers, what takes in the abundances, the ASV
    encoder's layers, and the embedding of the bases at the bottom. Norms and pooling after a stack of layers are
    where its last layer is.

    Parameters
    ----------
    name
        As in ``named_parameters`` of a :class:`~aam.models.sequence_predictor.SequencePredictor`.
    layers
        Number of layers at the ASV, sample and encoder level.
    """
    asv, sample, encoder = layers
    if not name.startswith("base.") or name.startswith("base.heads."):
        return 0
    if ".asv_encoder." in name:
        top, number = 2 + encoder + sample, asv
    elif ".abundance." in name:
        return 1 + encoder + sample
    elif ".sample_transformer." in name:
        top, number = 1 + encoder, sample
    else:
        top, number = 1, encoder
    if layer := LAYER.search(name):
        return top + number - 1 - int(layer[1])
    return top + number if ".embed." in name or ".position_gain" in name else top


def _decay_kind(name: str, parameter: nn.Parameter) -> str:
    if "linear_path" in name:
        return "linear"
    is_slope = parameter.ndim >= 2 and "prototype" not in name and not name.endswith("bias")
    return "decay" if is_slope else "none"


def _part(name: str) -> str:
    if "linear_path" in name:
        return "linear"
    if "covariate" in name or "fusion" in name or "conditional_scaling" in name:
        return "covariates"
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
    """The schedule, in the form that the Trainer takes (None for a constant rate).

    A part with a rate of its own goes through the same course, in proportion; its lowest rate too is a share of it.
    """
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
            restarts = CosineRestarts(period, options.scheduler_t_mult, floor)
            return {"scheduler": LambdaLR(optimizer, restarts), **by_step}
        case "onecycle":
            return {"scheduler": _one_cycle(optimizer, options, warmup, total_steps), **by_step}
        case "plateau":
            plateau = ReduceLROnPlateau(
                optimizer,
                mode="max" if higher else "min",
                factor=options.scheduler_factor,
                patience=options.scheduler_patience,
                min_lr=[options.scheduler_min_lr * group["lr"] / options.peak_lr for group in optimizer.param_groups],
            )
            return {"scheduler": plateau, "interval": "epoch", "frequency": 1, "monitor": metric}


def progress_of_schedule(state: Mapping[str, Any]) -> dict[str, Any]:
    """How far a schedule has come, of its state in a checkpoint.

    Torch also stores the course of a schedule by steps, and would bring back the old one. The course follows from the
    options, which may ask for more epochs now. A plateau schedule has no course: all of its state is kept.
    """
    if "num_bad_epochs" in state:
        return dict(state)
    progress = {name: state[name] for name in ("last_epoch", "_step_count", "_last_lr")}
    return progress | ({"lr_lambdas": [None] * len(state["lr_lambdas"])} if "lr_lambdas" in state else {})


def _one_cycle(optimizer: Optimizer, options: OptimOptions, warmup: int, total_steps: int) -> OneCycleLR:
    """The cycle with its peak after the warm-up and its lowest rate at the end.

    The scheduler is given one step more, since it is also asked for the rate after the last one. The momentum of
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


class CosineRestarts:
    """Share of the peak rate at a step: half a cosine down to ``floor``, again and again, each time for longer.

    Loshchilov and Hutter 2017 (SGDR, arXiv:1608.03983). Torch's class has one lowest rate for all parts, to which those
    with a small rate of their own would rise.

    Parameters
    ----------
    period
        Steps to the first restart.
    growth
        Factor by which each period grows.
    floor
        Lowest share.
    """

    def __init__(self, period: int, growth: int, floor: float) -> None:
        self.period = period
        self.growth = growth
        self.floor = floor

    def __call__(self, step: int) -> float:
        """The share at ``step``."""
        period = self.period
        while step >= period:
            step -= period
            period *= self.growth
        return self.floor + (1 - self.floor) * 0.5 * (1 + math.cos(math.pi * step / period))
