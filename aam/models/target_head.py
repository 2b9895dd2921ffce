"""The target's heads: numbers, their quantiles, or classes, read from the sample's vector.

Legend of shapes: ``B`` samples, ``D`` width, ``K`` inputs of the linear path, ``T`` numeric targets, ``Q`` quantiles,
``C`` classes, ``O`` raw outputs of the network (``T``, ``T x Q`` or ``C``).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aam.config import HeadOptions, LossOptions
from aam.config.target import MEDIAN
from aam.data.batches.batch import Batch, Counted
from aam.data.targets.targets import Targets
from aam.models.attention import initialise_linear
from aam.models.covariate_encoder import ConditionalScaling
from aam.models.heads import Comparison, Encoded
from aam.models.losses import (
    asymmetric_losses,
    classification_loss,
    element_losses,
    fill_missing,
    masked_mean,
    pinball_losses,
)
from aam.models.output_bounds import LEAST, OutputBound, inverse_softplus


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


LEAST_SHARE = 1e-6
"""Share of the training samples that a class is taken to have where it has none."""


class RegressionHead(TargetHead):
    """Numbers, each in the normalised units of its :class:`~aam.data.targets.targets.TargetSpec`."""

    presence_T: Tensor

    def __init__(
        self,
        dim: int,
        num_path_inputs: int,
        outputs: TargetOutputs,
        options: HeadOptions,
        loss: LossOptions,
        dropout: float,
    ) -> None:
        super().__init__(dim, num_path_inputs, len(outputs.columns), options, dropout)
        self.bound = OutputBound("sigmoid" if options.bounded_targets else options.output_activation, outputs.zero)
        self.loss_options = loss
        own = loss.losses_by_target()
        self.kinds = tuple(
            own.get(column, own.get(str(place), loss.loss_type)) for place, column in enumerate(outputs.columns)
        )
        self.register_buffer("presence_T", torch.tensor(outputs.presence))

    def forward(self, vector_BD: Tensor, path_BK: Tensor | None = None, category_BC: Tensor | None = None) -> Tensor:
        """Predictions ``B x T``."""
        raw_BT = self.raw(vector_BD, path_BK)
        if self.conditional_scaling is not None and category_BC is not None:
            raw_BT = self.conditional_scaling(raw_BT, category_BC)
        prediction_BT: Tensor = self.bound(raw_BT)
        return prediction_BT

    @property
    def level(self) -> float | None:
        """The quantile that a loss with a costly side asks for; None where none is asked for."""
        options = self.loss_options
        if options.loss_type != "asymmetric":
            return None
        return options.under_penalty / (options.over_penalty + options.under_penalty)

    def point(self, prediction_BT: Tensor) -> Tensor:
        """The prediction of each number, ``B x T``."""
        return prediction_BT

    def set_prior(self, prior_T: Tensor) -> None:
        """Start at these predictions: the training means."""
        self.set_bias(self.bound.inverse(prior_T.to(self.out.bias)))

    def compare(self, encoded: Encoded, batch: Batch) -> Comparison:
        """Predictions and targets, ``B x T``; a missing target is NaN."""
        assert batch.target_BT is not None
        return Comparison(self(*encoded.head_input()), batch.target_BT, batch.weight_B)

    def loss(self, comparison: Comparison) -> Tensor:
        """The loss chosen by ``--loss-type`` or ``--loss-config``, over what is not missing, weighted by sample."""
        prediction_BT, truth_BT, present_BT = fill_missing(comparison.prediction, comparison.truth)
        if self.loss_options.loss_type == "asymmetric":
            over, under = self.loss_options.over_penalty, self.loss_options.under_penalty
            loss_BT = asymmetric_losses(prediction_BT, truth_BT, over, under)
        else:
            loss_BT = element_losses(prediction_BT, truth_BT, self.kinds)
        return masked_mean(loss_BT, present_BT, self.presence_T, comparison.weight)


class QuantileHead(TargetHead):
    """Quantiles of numbers, which cannot cross.

    The median is free; each further quantile lies at a positive distance (a softplus) from the one before it, outwards
    from the median. The linear path leads to the median.
    """

    presence_T: Tensor
    is_median_Q: Tensor

    def __init__(
        self,
        dim: int,
        num_path_inputs: int,
        outputs: TargetOutputs,
        options: HeadOptions,
        loss: LossOptions,
        dropout: float,
    ) -> None:
        super().__init__(dim, num_path_inputs, len(outputs.columns), options, dropout, len(loss.all_quantiles))
        self.quantiles = loss.all_quantiles
        self.median = self.quantiles.index(MEDIAN)
        is_median_Q = torch.tensor(self.quantiles) == MEDIAN
        self.register_buffer("is_median_Q", is_median_Q.float(), persistent=False)
        self.register_buffer("presence_T", torch.tensor(outputs.presence))

    def forward(self, vector_BD: Tensor, path_BK: Tensor | None = None, category_BC: Tensor | None = None) -> Tensor:
        """Quantiles ``B x T x Q``, ascending."""
        raw_BTQ = self.raw(vector_BD, path_BK).unflatten(-1, (-1, len(self.quantiles)))
        middle_BT1 = raw_BTQ[..., self.median, None]
        distance_BTQ = F.softplus(raw_BTQ)
        below = distance_BTQ[..., : self.median].flip(-1).cumsum(dim=-1).flip(-1)
        above = distance_BTQ[..., self.median + 1 :].cumsum(dim=-1)
        return torch.cat([middle_BT1 - below, middle_BT1, middle_BT1 + above], dim=-1)

    def add_path(self, raw_BO: Tensor, path_BT: Tensor) -> Tensor:
        """The network's outputs, with the linear path's on the medians."""
        raw_BTQ = raw_BO.unflatten(-1, (-1, len(self.quantiles)))
        return (raw_BTQ + path_BT.unsqueeze(-1) * self.is_median_Q).flatten(-2)

    def point(self, prediction_BTQ: Tensor) -> Tensor:
        """The prediction of each number, ``B x T``: the median."""
        return prediction_BTQ[..., self.median]

    def set_prior(self, prior_TQ: Tensor) -> None:
        """Start at these quantiles: those of the training samples."""
        distance_TQ = prior_TQ.diff(dim=-1).clamp_min(LEAST)
        raw_TQ = inverse_softplus(distance_TQ)
        middle_T1 = prior_TQ[..., self.median, None]
        self.set_bias(torch.cat([raw_TQ[..., : self.median], middle_T1, raw_TQ[..., self.median :]], dim=-1).flatten())

    def compare(self, encoded: Encoded, batch: Batch) -> Comparison:
        """Quantiles ``B x T x Q`` and targets ``B x T``; a missing target is NaN."""
        assert batch.target_BT is not None
        prediction_BTQ = self(*encoded.head_input())
        return Comparison(prediction_BTQ, batch.target_BT, batch.weight_B, self.point(prediction_BTQ))

    def loss(self, comparison: Comparison) -> Tensor:
        """The pinball loss over what is not missing, weighted by sample."""
        prediction_BTQ, truth_BT, present_BT = fill_missing(comparison.prediction, comparison.truth)
        loss_BT = pinball_losses(prediction_BTQ, truth_BT, self.quantiles)
        return masked_mean(loss_BT, present_BT, self.presence_T, comparison.weight)


class ClassificationHead(TargetHead):
    """Logits of the target's classes."""

    class_weight_C: Tensor

    def __init__(
        self,
        dim: int,
        num_path_inputs: int,
        outputs: TargetOutputs,
        options: HeadOptions,
        loss: LossOptions,
        dropout: float,
    ) -> None:
        super().__init__(dim, num_path_inputs, len(outputs.class_weights), options, dropout)
        self.label_smoothing = loss.label_smoothing
        self.register_buffer("class_weight_C", torch.tensor(outputs.class_weights))

    def forward(self, vector_BD: Tensor, path_BK: Tensor | None = None, category_BC: Tensor | None = None) -> Tensor:
        """Logits ``B x C``."""
        return self.raw(vector_BD, path_BK)

    def point(self, logit_BC: Tensor) -> Tensor:
        """Probabilities ``B x C``."""
        return logit_BC.softmax(dim=-1)

    def set_prior(self, prior_C: Tensor) -> None:
        """Start at these probabilities: the classes' shares of the training samples."""
        self.set_bias(prior_C.clamp_min(LEAST_SHARE).log())

    def compare(self, encoded: Encoded, batch: Batch) -> Comparison:
        """Logits ``B x C`` and classes ``B``."""
        assert batch.target_BT is not None
        return Comparison(self(*encoded.head_input()), batch.target_BT[:, 0], batch.weight_B)

    def loss(self, comparison: Comparison) -> Tensor:
        """Cross-entropy, weighted by class and sample."""
        logit_BC, class_B = comparison.prediction, comparison.truth
        return classification_loss(logit_BC, class_B, self.class_weight_C, comparison.weight, self.label_smoothing)


def build_target_head(
    dim: int, num_path_inputs: int, outputs: TargetOutputs, options: HeadOptions, loss: LossOptions, dropout: float
) -> RegressionHead | QuantileHead | ClassificationHead:
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
    kind: type[RegressionHead | QuantileHead | ClassificationHead] = RegressionHead
    if outputs.class_weights:
        kind = ClassificationHead
    elif loss.all_quantiles:
        kind = QuantileHead
    return kind(dim, num_path_inputs if options.linear_path else 0, outputs, options, loss, dropout)
