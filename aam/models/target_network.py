"""What all heads of the target share: a small network that reads the sample's vector, and a linear path beside it.

Legend of shapes: ``B`` samples, ``D`` width, ``K`` inputs of the linear path, ``T`` outputs of the linear path, ``O``
raw outputs of the network.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aam.config import HeadOptions
from aam.data.share import Counted
from aam.data.targets import Targets
from aam.models.attention import initialise_linear
from aam.models.covariate_encoder import ConditionalScaling


@dataclass(frozen=True, kw_only=True)
class TargetOutputs:
    """What a head must know of the targets that it gives.

    Attributes
    ----------
    columns
        Names of the targets, which ``--loss-config`` may use.
    zero
        ``shift / scale`` of each number: zero in its own units is ``-zero`` in normalised ones.
    presence
        Share of the training samples that have each number.
    class_weights
        Weight of each class in the loss; empty for numbers.
    """

    columns: tuple[str, ...]
    zero: tuple[float, ...]
    presence: tuple[float, ...]
    class_weights: tuple[float, ...] = ()

    @classmethod
    def of(cls, targets: Targets) -> TargetOutputs:
        """Those of targets that are fitted."""
        specs = targets.specs
        return cls(
            columns=targets.columns,
            zero=tuple(spec.shift / spec.scale for spec in specs),
            presence=tuple(spec.presence for spec in specs),
            class_weights=specs[0].class_weights or (1.0,) * len(specs[0].classes),
        )


class TargetHead(nn.Module):
    """What the target's heads share: a small network and, beside it, a linear path.

    Parameters
    ----------
    dim
        Width ``D`` of the vector that is read.
    num_path_inputs
        Numbers that the linear path reads; 0 leaves the path out.
    num_outputs
        Outputs of the linear path.
    options
        Hidden layers and what stands beside, before and after them.
    dropout
        Dropout on what each layer reads, where the options leave it open.
    raw_per_output
        Outputs of the network for each of the linear path's.

    Notes
    -----
    A fresh head gives its prior (:meth:`set_bias`) with a spread of about a tenth of the target's: the network's last
    weights start small, the linear path at zero.
    """

    name = "target"
    counted: Counted = "samples"

    def __init__(
        self,
        dim: int,
        num_path_inputs: int,
        num_outputs: int,
        options: HeadOptions,
        dropout: float,
        raw_per_output: int = 1,
    ) -> None:
        super().__init__()
        # Of the instance: as an attribute of the class it would hide the module that is set later.
        self.conditional_scaling: ConditionalScaling | None = None
        widths = (dim, *_hidden_widths(dim, options))
        num_raw = num_outputs * raw_per_output
        # This order is that in which random numbers are drawn: a seed goes on giving the head that it gave.
        self.hidden = nn.ModuleList([nn.Linear(*pair) for pair in pairwise(widths)])
        self.out = nn.Linear(widths[-1], num_raw)
        self.dropout = nn.Dropout(dropout if options.regressor_dropout is None else options.regressor_dropout)
        for layer in self.hidden:
            assert isinstance(layer, nn.Linear)
            initialise_linear(layer)
        initialise_linear(self.out, gain=0.1)
        self.linear_path = nn.Linear(num_path_inputs, num_outputs, bias=False) if num_path_inputs else None
        if self.linear_path is not None:
            nn.init.zeros_(self.linear_path.weight)
        self.norm = nn.LayerNorm(dim) if options.target_layer_norm else nn.Identity()
        self.residual = nn.Linear(dim, num_raw, bias=False) if options.residual_regression_head else None
        if self.residual is not None:
            initialise_linear(self.residual, gain=0.1)
        has_scale = options.learnable_output_scale
        self.output_scale = nn.Parameter(torch.ones(num_raw)) if has_scale else None
        self.output_bias = nn.Parameter(torch.zeros(num_raw)) if has_scale else None

    def raw(self, vector_BD: Tensor, path_BK: Tensor | None) -> Tensor:
        """Raw outputs ``B x O``.

        In full precision, whatever the rest of the model has: a target in its own units may be large, and is to be
        told to more than three digits.
        """
        with torch.autocast(vector_BD.device.type, enabled=False):
            read_BD = self.dropout(self.norm(vector_BD.float()))
            hidden = read_BD
            for layer in self.hidden:
                hidden = self.dropout(F.gelu(layer(hidden)))
            raw_BO: Tensor = self.out(hidden)
            if self.residual is not None:
                raw_BO = raw_BO + self.residual(read_BD)
            if self.linear_path is not None and path_BK is not None:
                raw_BO = self.add_path(raw_BO, self.linear_path(path_BK.float()))
            if self.output_scale is not None and self.output_bias is not None:
                raw_BO = raw_BO * self.output_scale + self.output_bias
        return raw_BO

    def add_path(self, raw_BO: Tensor, path_BT: Tensor) -> Tensor:
        """The network's outputs and the linear path's, together."""
        return raw_BO + path_BT

    @torch.no_grad()
    def set_bias(self, raw_O: Tensor) -> None:
        """Make these the raw outputs of a network that says nothing."""
        raw_O = raw_O.to(self.out.bias)
        if self.output_scale is not None and self.output_bias is not None:
            raw_O = (raw_O - self.output_bias) / self.output_scale
        self.out.bias.copy_(raw_O)

    @torch.no_grad()
    def set_line(self, weight_TK: Tensor, correction: float) -> None:
        """Start the linear path with these weights, and leave the network this share of its own say."""
        assert self.linear_path is not None
        self.linear_path.weight.copy_(weight_TK)
        for layer in (self.out, self.residual):
            if layer is not None:
                layer.weight.mul_(correction)


def _hidden_widths(dim: int, options: HeadOptions) -> tuple[int, ...]:
    given = options.regressor_hidden_dims
    if given is None:
        return (dim,)
    return () if given == "none" else given
