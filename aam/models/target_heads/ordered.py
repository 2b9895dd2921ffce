"""The head of ordered classes: cumulative logits, whose odds are proportional.

The network gives one number ``s`` a sample. Ascending thresholds ``t`` cut it into levels:
``P(level <= k) = sigmoid(t_k - s)``.

Legend of shapes: ``B`` samples, ``D`` width, ``K`` inputs of the linear path, ``C`` classes from low to high.

References
----------
McCullagh (1980), Regression models for ordinal data, J. R. Stat. Soc. B 42, doi:10.1111/j.2517-6161.1980.tb01109.x.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aam.config import HeadOptions, LossOptions
from aam.models.output_bounds import inverse_softplus
from aam.models.target_heads.classes import LEAST_SHARE, ClassesHead
from aam.models.target_heads.head import TargetOutputs

LEAST_GAP = 1e-3
"""Between two thresholds at the start."""
HALVINGS = 60
WIDEST = 50.0
"""How far from the outermost score a threshold is looked for."""


class OrderedHead(ClassesHead):
    """Log probabilities of the levels, by one score and ascending thresholds."""

    def __init__(
        self,
        dim: int,
        num_path_inputs: int,
        outputs: TargetOutputs,
        options: HeadOptions,
        loss: LossOptions,
        dropout: float,
    ) -> None:
        super().__init__(dim, num_path_inputs, outputs, options, loss, dropout, num_outputs=1)
        self.num_levels = len(outputs.class_weights)
        self.num_classes = ()  # the linear path leads to one number
        self.first = nn.Parameter(torch.zeros(1))
        self.gap_raw = nn.Parameter(torch.zeros(self.num_levels - 2))

    @property
    def thresholds(self) -> Tensor:
        """Ascending, ``C - 1``."""
        return torch.cat([self.first, self.first + F.softplus(self.gap_raw).cumsum(dim=0)])

    def forward(self, vector_BD: Tensor, path_BK: Tensor | None = None, category_BC: Tensor | None = None) -> Tensor:
        """Log probabilities ``B x C``, which are logits as well."""
        return log_shares(self.raw(vector_BD, path_BK), self.thresholds.float())

    def set_prior(self, prior_C: Tensor) -> None:
        """Start at these probabilities, with a score of 0."""
        self.set_bias(torch.zeros(1))
        self._set_thresholds(torch.logit(_cumulative(prior_C)))

    def start(self, target_BT: Tensor, weight: Tensor | None) -> None:
        """Start at the levels' weighted shares."""
        self.set_prior(_shares(target_BT[:, 0], weight, self.num_levels))

    def path_target(self, target_B1: Tensor) -> Tensor:
        """The middle of each level on the scale of the thresholds, for the linear path (``B x 1``, float)."""
        share_C = _shares(target_B1[:, 0], None, self.num_levels).clamp_min(LEAST_SHARE)
        middle_C = (share_C.cumsum(dim=0) - share_C / 2) / share_C.sum()
        return torch.logit(middle_C.double())[target_B1]

    def start_with_path(
        self, path_prediction_BT: Tensor, bias_O: Tensor, target_BT: Tensor, weight_B: Tensor | None
    ) -> None:
        """With thresholds that give the levels' shares beside the scores of the path."""
        share_C = _shares(target_BT[:, 0], weight_B, self.num_levels)
        weight_B = torch.ones(len(target_BT)) if weight_B is None else weight_B.reshape(len(target_BT))
        self._set_thresholds(
            _thresholds_for(path_prediction_BT[:, 0].double(), weight_B.double(), _cumulative(share_C))
        )

    @torch.no_grad()
    def _set_thresholds(self, threshold_K: Tensor) -> None:
        self.first.copy_(threshold_K[:1].to(self.first))
        self.gap_raw.copy_(inverse_softplus(threshold_K.diff().clamp_min(LEAST_GAP)).to(self.gap_raw))


def log_shares(score_B1: Tensor, threshold_K: Tensor) -> Tensor:
    """Log probability of each level (``B x C``) of a proportional-odds model, exact where a level is nearly impossible.

    ``sigmoid(a) - sigmoid(b)`` with ``a > b`` is ``sigmoid(a) sigmoid(-b) (1 - exp(b - a))``.

    Parameters
    ----------
    score_B1
        Scores.
    threshold_K
        The ``K = C - 1`` thresholds, ascending.
    """
    below_BK = threshold_K - score_B1
    first_B1, last_B1 = F.logsigmoid(below_BK[:, :1]), F.logsigmoid(-below_BK[:, -1:])
    gap = torch.log(-torch.expm1(-threshold_K.diff()))
    between = F.logsigmoid(below_BK[:, 1:]) + F.logsigmoid(-below_BK[:, :-1]) + gap
    return torch.cat([first_B1, between, last_B1], dim=1)


def _shares(code_B: Tensor, weight_B: Tensor | None, number: int) -> Tensor:
    """Weighted share of each level."""
    weight_B = torch.ones(len(code_B)) if weight_B is None else weight_B.float().reshape(len(code_B))
    counts_C = torch.bincount(code_B, weight_B, minlength=number).float()
    return counts_C / counts_C.sum()


def _cumulative(share_C: Tensor) -> Tensor:
    """Share of each level and the lower ones, without the last, strictly between 0 and 1 (``C - 1``)."""
    share_C = share_C.double().clamp_min(LEAST_SHARE)
    return (share_C / share_C.sum()).cumsum(dim=0)[:-1]


def _thresholds_for(score_B: Tensor, weight_B: Tensor, wanted_K: Tensor) -> Tensor:
    """Thresholds at which the mean cumulative probability of all samples is what is wanted, by halving."""
    low_K = torch.full_like(wanted_K, float(score_B.min()) - WIDEST)
    high_K = torch.full_like(wanted_K, float(score_B.max()) + WIDEST)
    weight_B = weight_B / weight_B.sum()
    for _ in range(HALVINGS):
        middle_K = (low_K + high_K) / 2
        is_low_K = weight_B @ torch.sigmoid(middle_K - score_B[:, None]) < wanted_K
        low_K, high_K = torch.where(is_low_K, middle_K, low_K), torch.where(is_low_K, high_K, middle_K)
    return (low_K + high_K) / 2
