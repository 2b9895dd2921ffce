"""The targets' head: a small network and, beside it, a linear path, read from the sample's vector.

Each kind of target names its head (:attr:`aam.data.targets.kinds.Kind.head`), which adds what its outputs mean, its
loss and its start.

Legend of shapes: ``B`` samples, ``D`` width, ``K`` inputs of the linear path, ``T`` numeric targets, ``Q`` quantiles,
``C`` classes of all targets, ``O`` raw outputs of the network (``T``, ``T x Q`` or ``C``), ``N`` experts.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aam.config import HeadOptions, LossOptions
from aam.data.batches.batch import Batch, Counted
from aam.data.targets.targets import Targets
from aam.models.attention import initialise_linear
from aam.models.covariate_encoder import ConditionalScaling
from aam.models.heads import Comparison, Encoded
from aam.models.target_heads.experts import Experts, imbalance


@dataclass(frozen=True, kw_only=True)
class TargetOutputs:
    """What a head must know of the targets that it gives.

    Attributes
    ----------
    head
        Which head gives them.
    columns
        Names of the targets, which ``--loss-config`` may use.
    zero
        ``shift / scale`` of each number: zero in its own units is ``-zero`` in normalised ones.
    presence
        Share of the training samples that have each target.
    class_weights
        Weight of each class of all targets in the loss; empty for numbers.
    num_classes
        Classes of each target; empty for numbers, or where there is one target.
    """

    head: str
    columns: tuple[str, ...]
    zero: tuple[float, ...]
    presence: tuple[float, ...]
    class_weights: tuple[float, ...] = ()
    num_classes: tuple[int, ...] = ()

    @classmethod
    def of(cls, targets: Targets) -> TargetOutputs:
        """Those of targets that are fitted."""
        specs = targets.specs
        return cls(
            head=targets.kind.head,
            columns=targets.columns,
            zero=tuple(spec.shift / spec.scale for spec in specs),
            presence=tuple(spec.presence for spec in specs),
            class_weights=tuple(w for spec in specs for w in spec.class_weights or (1.0,) * len(spec.classes)),
            num_classes=tuple(len(spec.classes) for spec in specs if spec.classes),
        )


class TargetHead(nn.Module, ABC):
    """What the heads of all kinds of target share.

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
    num_classes: tuple[int, ...] = ()
    """Classes of each target, between which the linear path is fitted; empty for numbers."""

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
        self.dropout = nn.Dropout(dropout if options.regressor_dropout is None else options.regressor_dropout)
        self.expert_balance = options.expert_balance
        # This order is that in which random numbers are drawn: a seed goes on giving the head that it gave.
        self.hidden = nn.ModuleList([nn.Linear(*pair) for pair in pairwise(widths)] if options.experts == 1 else [])
        self.out: nn.Linear | Experts
        if options.experts == 1:
            self.out = nn.Linear(widths[-1], num_raw)
            for layer in self.hidden:
                assert isinstance(layer, nn.Linear)
                initialise_linear(layer)
            initialise_linear(self.out, gain=0.1)
        else:
            self.out = Experts(widths, num_raw, options.experts, self.dropout)
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

    @abstractmethod
    def forward(self, vector_BD: Tensor, path_BK: Tensor | None = None, category_BC: Tensor | None = None) -> Tensor:
        """Outputs in the units of the loss."""

    @property
    def num_experts(self) -> int:
        """Experts of the mixture; 0 for a single network."""
        return self.out.number if isinstance(self.out, Experts) else 0

    def compare(self, encoded: Encoded, batch: Batch) -> Comparison:
        """Outputs and targets ``B x T``, of which a missing number is NaN and a missing class -1."""
        assert batch.target_BT is not None
        reading = encoded.head_input()
        return Comparison(self(*reading), batch.target_BT, batch.weight_B, self.gates(reading.vector_BD))

    def gates(self, vector_BD: Tensor) -> Tensor | None:
        """Weight of each expert in each sample, ``B x N``; None for a single network."""
        if not isinstance(self.out, Experts):
            return None
        with torch.autocast(vector_BD.device.type, enabled=False):
            return self.out.gates(self.norm(vector_BD.float()))

    def regulariser(self, comparison: Comparison) -> Tensor | None:
        """What keeps the gate from using few experts, times its weight."""
        gate_BN = comparison.gate_BN
        return None if gate_BN is None or not len(gate_BN) else self.expert_balance * imbalance(gate_BN)

    @abstractmethod
    def loss(self, comparison: Comparison) -> Tensor:
        """The loss, weighted by sample."""

    def learned(self, output: Tensor) -> Tensor:
        """The outputs as predictions in the space that is learned; see :class:`aam.models.inference.Output`."""
        return output

    def point(self, output: Tensor) -> Tensor:
        """The prediction of each number, ``B x T``, or the classes' probabilities, ``B x C``."""
        return self.learned(output)

    @abstractmethod
    def start(self, target_BT: Tensor, weight_B: Tensor | None) -> None:
        """Start at what the training samples' targets are on average.

        Parameters
        ----------
        target_BT
            Encoded targets.
        weight_B
            Weights in the loss (:meth:`loss_weights`), or None.
        """

    def loss_weights(self, target_BT: Tensor, weight_B: Tensor | None) -> Tensor | None:
        """Weights of samples in the loss (float64), from those of their own; None where all are equal.

        ``B``, or ``B x T`` where they differ from target to target.
        """
        return weight_B

    def path_target(self, target_BT: Tensor) -> Tensor:
        """What the linear path is fitted to: the targets before a bound."""
        return target_BT

    def start_with_path(
        self, path_prediction_BT: Tensor, bias_O: Tensor, target_BT: Tensor, weight_B: Tensor | None
    ) -> None:
        """Start from a fitted linear path, whose training predictions are ``path_prediction_BT``, with its own bias."""
        self.set_bias(bias_O)

    def raw(self, vector_BD: Tensor, path_BK: Tensor | None) -> Tensor:
        """Raw outputs ``B x O``.

        In full precision, whatever the rest of the model has: a target in its own units may be large, and
        needs more than three digits.
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
        """Set the bias so that a network whose last layer gives zero has these raw outputs."""
        raw_O = raw_O.to(self.out.bias)
        if self.output_scale is not None and self.output_bias is not None:
            raw_O = (raw_O - self.output_bias) / self.output_scale
        self.out.bias.copy_(raw_O)

    @torch.no_grad()
    def set_linear_path(self, weight_TK: Tensor, correction: float) -> None:
        """Start the linear path with these weights, and scale the network's own output by this factor."""
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


class HeadFactory(Protocol):
    """A class of heads, as :func:`build_target_head` makes one."""

    def __call__(
        self,
        dim: int,
        num_path_inputs: int,
        outputs: TargetOutputs,
        options: HeadOptions,
        loss: LossOptions,
        dropout: float,
    ) -> TargetHead:
        """Make a head."""
        ...


HEADS: dict[str, HeadFactory] = {}
"""The heads by name, to which a kind of target may add its own."""


def build_target_head(
    dim: int, num_path_inputs: int, outputs: TargetOutputs, options: HeadOptions, loss: LossOptions, dropout: float
) -> TargetHead:
    """The head of a target.

    Parameters
    ----------
    dim
        Width of the vector that it reads.
    num_path_inputs
        Numbers that the linear path may read; none of them is used with ``--no-linear-path``.
    outputs
        The targets.
    options, loss
        How the head is built, and what it learns by.
    dropout
        The model's dropout.
    """
    head = HEADS[outputs.head]
    return head(dim, num_path_inputs if options.linear_path else 0, outputs, options, loss, dropout)
