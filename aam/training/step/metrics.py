"""What is measured on the validation samples; the target's in the user's units.

Legend of shapes: ``N`` samples of the study, ``B`` samples of a batch or of all validation batches.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from aam.data.targets.kinds import Predictions, Samples
from aam.data.targets.targets import Targets, metric_endings
from aam.evaluation.catalogue import METRICS
from aam.evaluation.decode_predictions import PredictionDecoder, values_of
from aam.evaluation.metrics import score
from aam.evaluation.streamed import STREAMED
from aam.models.heads import Comparison, Head
from aam.models.objectives import part_of_head
from aam.models.target_heads.head import TargetHead
from aam.training.distributed.collectives import gather_over_processes, sum_over_processes
from aam.training.plan.objectives import unitless_metrics
from aam.training.step.expert_usage import ExpertUsage


@dataclass(frozen=True, eq=False)
class Truths:
    """Targets with what was observed.

    Attributes
    ----------
    targets
        The targets.
    observed
        Column -> the values of all ``N`` samples in the user's units.
    level_N
        Levels within which the samples' targets were scaled.
    """

    targets: Targets
    observed: Mapping[str, np.ndarray]
    level_N: np.ndarray


class ValidationMetrics:
    """The metrics of all heads of a model, fed batch by batch.

    Parameters
    ----------
    heads
        The model's heads.
    truths
        The targets with the true values of all samples; None for a pre-trained encoder.
    """

    def __init__(self, heads: Iterable[Head], truths: Truths | None) -> None:
        heads = list(heads)
        measured = [
            one for head in heads if not isinstance(head, TargetHead) for one in part_of_head(head.name).metrics
        ]
        self.streamed = {one.name: STREAMED[one.formula] for one in measured}
        self.of_targets = None if truths is None else TargetMetrics(truths)
        numbers = [head.num_experts for head in heads if isinstance(head, TargetHead) and head.num_experts]
        self.of_experts = ExpertUsage(numbers[0]) if numbers else None
        self.reset()

    def reset(self) -> None:
        """Forget what was fed."""
        nothing = np.empty(0)
        self.sums = {name: one.sums(nothing, nothing) for name, one in self.streamed.items()}
        if self.of_targets is not None:
            self.of_targets.reset()
        if self.of_experts is not None:
            self.of_experts.reset()

    def update(self, head: Head, comparison: Comparison, rows_B: Tensor) -> None:
        """Feed a head's predictions and truths of one batch.

        Parameters
        ----------
        head
            The head.
        comparison
            What it said, and the truth.
        rows_B
            Rows of the samples in the study.
        """
        prediction, truth = comparison.prediction.detach().float(), comparison.truth.detach().cpu()
        if isinstance(head, TargetHead):
            assert self.of_targets is not None
            self.of_targets.update(head.learned(prediction).cpu().numpy(), rows_B.cpu().numpy())
            if self.of_experts is not None and comparison.gate_BN is not None:
                self.of_experts.update(comparison.gate_BN)
            return
        said = prediction if truth.is_floating_point() else prediction.argmax(dim=-1)
        for one in part_of_head(head.name).metrics:
            self.sums[one.name] = self.sums[one.name] + STREAMED[one.formula].sums(said.cpu().numpy(), truth.numpy())

    def compute(self) -> dict[str, float]:
        """The metrics by name. Those that cannot be computed from what was fed are left out.

        Every process asks for the same metrics in the same order, whatever it was fed itself.
        """
        found = {} if self.of_targets is None else self.of_targets.compute()
        found |= {} if self.of_experts is None else self.of_experts.compute()
        for name, one in self.streamed.items():
            found[name] = one.value(sum_over_processes(torch.from_numpy(self.sums[name].copy())).numpy())
        return {name: value for name, value in found.items() if not math.isnan(value)}


class TargetMetrics:
    """The metrics of the targets' head.

    Predictions are compared with the true values in the metadata, not with their scaled and unscaled values:
    some scalings end at the training samples' range. A single target's metrics are named plainly (``mae``). Of several,
    each has its own (``mae_COLUMN``), and the plain names of those that have no unit (``r2``, ``spearman``) are means
    over the targets.
    """

    def __init__(self, truths: Truths) -> None:
        self.truths = truths
        self.shape = truths.targets.kind.output_shape(truths.targets.specs)
        self.reset()

    def reset(self) -> None:
        """Forget what was fed."""
        self.fed = [np.empty((0, 1 + math.prod(self.shape)))]

    def update(self, learned: np.ndarray, rows_B: np.ndarray) -> None:
        """Keep predictions in the space that is learned, samples first, and the samples' rows in the study."""
        self.fed.append(np.column_stack([rows_B, learned.reshape(len(rows_B), -1)]).astype(np.float64))

    def compute(self) -> dict[str, float]:
        """The metrics of all processes' samples by name; NaN, or nothing, where they cannot be computed."""
        fed = gather_over_processes(torch.from_numpy(np.concatenate(self.fed))).numpy()
        fed = fed[np.argsort(fed[:, 0])]
        if not len(fed):
            return {}
        rows_B, learned = fed[:, 0].astype(np.int64), fed[:, 1:].reshape(-1, *self.shape)
        truths = self.truths
        observed = values_of(truths.observed, rows_B)
        samples = Samples(sample_ids=rows_B, observed=observed, level_B=truths.level_N[rows_B])
        tables = PredictionDecoder(targets=truths.targets).predictions(learned[None], samples)
        endings = metric_endings(truths.targets.columns)
        own = {ending: _scores(table.known()) for ending, table in zip(endings, tables, strict=True)}
        found = {f"{name}{ending}": value for ending, scores in own.items() for name, value in scores.items()}
        if len(own) > 1:
            for name in unitless_metrics(truths.targets.kind):
                found[name] = sum(scores.get(name, math.nan) for scores in own.values()) / len(own)
        return found


def _scores(table: Predictions) -> dict[str, float]:
    """The metrics of one target, so that epochs can be compared where all predictions are the same."""
    if not len(table):
        return {}
    num_values = len(set(table.observed.tolist()))
    return {
        name: METRICS[name].if_constant if math.isnan(value) and num_values >= METRICS[name].min_values else value
        for name, value in score(table).items()
    }
