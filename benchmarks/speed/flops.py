"""Floating-point operations of the ASV encoder's matrix products, from a closed formula and as torch counts them.

A multiplication and an addition are two operations. The gradient takes twice as many as the forward pass. The formula
is what the model needs, however it is computed: padding and what is computed again for the gradient are not counted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from aam.config import ModelOptions

OF_TRAINING = 3  # the forward pass, and the gradient with respect to weights and inputs


def asv_encoder_flops(options: ModelOptions, num_asvs: int, bases: int, *, training: bool = True) -> float:
    """Operations of the transformer layers over the ASVs' patches.

    Per layer and patch: 24 for each pair of units of the width (6 for queries, keys and values, 2 for what attention
    gives, 16 for the network of four times the width), and 4 for each other patch and unit (scores, and their sum).
    The embedding of the bases and the pooling are left out; together they are about a hundredth.
    """
    dim, layers = options.embedding_dim, options.layers[0]
    patches = -(-bases // options.nucleotide_patch)
    forward = layers * num_asvs * patches * (24 * dim**2 + 4 * patches * dim)
    return forward * (OF_TRAINING if training else 1)


def counted_flops(action: Callable[[], Any]) -> float:
    """Operations that torch counts in what an action does; attention is computed by its formula, which it can count."""
    counter = FlopCounterMode(display=False)
    with counter, sdpa_kernel(SDPBackend.MATH):
        action()
    return float(counter.get_total_flops())


def matrix_rate(device: str, precision: str, size: int, repeats: int, seconds_of: Callable[..., Any]) -> float:
    """Operations a second of a large square matrix product: what the device gives at best.

    Parameters
    ----------
    device, precision
        Where, and with which numbers (``none``: float32).
    size
        Rows and columns.
    repeats
        Products to take the median of.
    seconds_of
        Measures an action, as :func:`benchmarks.speed.common.median_seconds` does.
    """
    kind = torch.bfloat16 if precision == "bf16" else torch.float32
    left, right = (torch.randn(size, size, device=device, dtype=kind) for _ in range(2))
    found = seconds_of(lambda: left @ right, repeats, device=device, warm_up=3)
    return float(2 * size**3 / found["seconds"])
