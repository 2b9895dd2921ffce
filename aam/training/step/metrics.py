"""What is measured on the validation samples, by torchmetrics; the target's in the user's units."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchmetrics import Metric, MetricCollection, SumMetric
from torchmetrics.classification import MulticlassAccuracy, MulticlassAUROC, MulticlassF1Score, MulticlassStatScores
from torchmetrics.regression import MeanAbsoluteError, MeanSquaredError, PearsonCorrCoef, R2Score, SpearmanCorrCoef

from aam.data.targets.targets import Targets, metric_endings
from aam.models.heads import Comparison, Head
from aam.models.objectives import part_of_head
from aam.models.objectives.objective import MetricFormula
from aam.training.plan.metric_names import UNITLESS_METRICS

ROUNDING = 1e-13
TARGET = "target"
FORMULAS: dict[MetricFormula, Callable[[int], Metric]] = {
    "correlation": lambda num_answers: PearsonCorrCoef(),
    "mae": lambda num_answers: MeanAbsoluteError(),
    "accuracy": lambda num_answers: MulticlassAccuracy(num_answers, average="micro"),
}
"""The metrics of objectives; of those that choose among answers, their number counts."""
NEED_TWO = (R2Score, PearsonCorrCoef, SpearmanCorrCoef)


@dataclass(frozen=True, eq=False)
class Truths:
    """Targets with what was observed.

    Attributes
    ----------
    targets
        The targets.
    observed_NT
        The true numbers of all samples of the study in the user's units, NaN where one is missing; unused for classes.
    level_N
        Levels within which the samples' targets were scaled.
    """

    targets: Targets
    observed_NT: np.ndarray
    level_N: np.ndarray


class ValidationMetrics:
    """The metrics of all heads of a model, fed batch by batch.

    Numbers are compared with the truths of the sample sheet, and not with what scaling and unscaling makes of them:
    some scalings end at the training samples' range. A single target's are named plainly (``mae``). Of several, each
    has its own (``mae_COLUMN``), and the plain names of those that have no unit (``r2``, ``spearman``) are means over
    the targets.

    Parameters
    ----------
    heads
        The model's heads.
    truths
        The targets with the true values of all samples; without them no target is measured.
    taxonomy_classes
        Number of taxa.
    """

    def __init__(self, heads: Iterable[Head], truths: Truths | None, taxonomy_classes: int) -> None:
        self.truths = truths
        self.targets = None if truths is None else truths.targets
        self.num_taxa = taxonomy_classes
        with _without_remarks():
            measured = [head.name for head in heads if head.name != TARGET or truths is not None]
            self.collections = {name: self._collection(name) for head in measured for name in self._names(head)}
        self.fed = {name: SumMetric() for name in self.collections}

    def reset(self) -> None:
        """Forget what was fed."""
        for collection in self.collections.values():
            collection.reset()
        for count in self.fed.values():
            count.reset()

    def update(self, name: str, comparison: Comparison, rows_B: Tensor) -> None:
        """Feed a head's predictions and truths of one batch.

        Parameters
        ----------
        name
            The head.
        comparison
            What it said, and the truth.
        rows_B
            Rows of the samples in the study.
        """
        prediction = comparison.prediction if comparison.point is None else comparison.point
        prediction, truth = prediction.detach().float().cpu(), comparison.truth.detach().cpu()
        if name == TARGET and self.truths is not None:
            self._update_targets(self.truths, prediction, truth, rows_B.cpu().numpy())
        elif truth.is_floating_point():
            self._feed(name, prediction, truth)
        else:
            self._feed(name, prediction.argmax(dim=-1), truth)

    def compute(self) -> dict[str, float]:
        """The metrics by name. Those that cannot be computed from what was fed are left out.

        Every process asks for the same metrics in the same order, whatever it was fed itself.
        """
        results: dict[str, float] = {}
        self._make_alike()
        with _without_remarks():
            for name, collection in self.collections.items():
                number = int(self.fed[name].compute())
                values = {key: metric.compute() for key, metric in collection.items() if number >= _least(metric)}
                if "per_class" in values:
                    values |= _means_over_classes(values.pop("per_class"), values.pop("auroc"))
                ending = name.removeprefix(TARGET) if name.startswith(TARGET) else ""
                results |= {f"{key}{ending}": float(value) for key, value in values.items()}
        results = {name: value for name, value in results.items() if value == value}
        return results | self._means_over_targets(results)

    def _make_alike(self) -> None:
        """Give what was fed nothing the shape of what others were fed, with whom it is put together."""
        for metric in [metric for collection in self.collections.values() for metric in collection.values()]:
            if isinstance(metric, MulticlassAUROC) and not metric.preds:
                metric.preds.append(torch.zeros(0, metric.num_classes))
                metric.target.append(torch.zeros(0, dtype=torch.int64))

    def _names(self, head: str) -> list[str]:
        """The collections of a head: one for each target."""
        several = head == TARGET and self.targets is not None and len(self.targets) > 1
        return [TARGET + ending for ending in metric_endings(self.targets.columns)] if several else [head]  # type: ignore[union-attr]

    def _update_targets(self, truths: Truths, prediction: Tensor, truth: Tensor, rows_B: np.ndarray) -> None:
        if truths.targets.kind == "classification":
            self._feed(TARGET, prediction.softmax(dim=-1), truth)
            return
        said_BT = torch.from_numpy(truths.targets.decode(prediction.numpy(), truths.level_N[rows_B]))
        known_BT = torch.from_numpy(truths.observed_NT[rows_B])
        for place, name in enumerate(self._names(TARGET)):
            present_B = ~known_BT[:, place].isnan()
            self._feed(name, said_BT[present_B, place], known_BT[present_B, place])

    def _feed(self, name: str, prediction: Tensor, truth: Tensor) -> None:
        if truth.numel():
            self.fed[name].update(len(truth))
            self.collections[name].update(prediction, truth)

    def _means_over_targets(self, results: dict[str, float]) -> dict[str, float]:
        """The means of what has no unit, where there are several targets and each has it."""
        if self.targets is None or len(self.targets) == 1:
            return {}
        endings = metric_endings(self.targets.columns)
        found = {name: [results.get(name + ending, math.nan) for ending in endings] for name in UNITLESS_METRICS}
        means = {name: sum(values) / len(values) for name, values in found.items()}
        return {name: value for name, value in means.items() if value == value}

    def _collection(self, name: str) -> MetricCollection:
        if name.startswith(TARGET) and self.targets is not None:
            is_class = self.targets.kind == "classification"
            classes = self.targets.specs[0].classes
            return _together(_classification(len(classes)) if is_class else _regression())
        objective = part_of_head(name)
        num_answers = objective.num_answers(self.num_taxa)
        return _together({found.name: FORMULAS[found.formula](num_answers) for found in objective.metrics})


def _together(metrics: dict[str, Metric]) -> MetricCollection:
    """The metrics as one, in double precision: years or depths differ by far less than their size."""
    collection = MetricCollection(metrics, compute_groups=False)  # type: ignore[arg-type]
    for metric in collection.values():
        metric.set_dtype(torch.float64)
    return collection


class ExplainedShare(R2Score):
    """R2 in any unit, where torchmetrics takes sums of squares below 1e-4 for zero; NaN for truths that are equal."""

    def compute(self) -> Tensor:
        """1 - the squared errors' share of the truths' squared distances from their mean."""
        variation = self.sum_squared_error - self.sum_error.square() / self.total
        if variation <= ROUNDING * self.sum_squared_error:
            return torch.full_like(variation, torch.nan)
        return 1 - self.residual / variation


def _regression() -> dict[str, Metric]:
    return {
        "r2": ExplainedShare(),
        "mae": MeanAbsoluteError(),
        "rmse": MeanSquaredError(squared=False),
        "spearman": SpearmanCorrCoef(),
    }


def _classification(num_classes: int) -> dict[str, Metric]:
    return {
        "accuracy": MulticlassAccuracy(num_classes, average="micro"),
        "f1": MulticlassF1Score(num_classes, average="macro"),
        "per_class": MulticlassStatScores(num_classes, average="none"),
        "auroc": MulticlassAUROC(num_classes, average="none"),
    }


def _means_over_classes(scores_C5: Tensor, auroc_C: Tensor) -> dict[str, Tensor]:
    """Means over the classes that occur; the area also needs samples of other classes."""
    hits_C, samples_C = scores_C5[:, 0], scores_C5[:, -1]
    occurs_C = samples_C > 0
    is_one_of_several_C = occurs_C & (samples_C < samples_C.sum())
    return {
        "balanced_accuracy": (hits_C[occurs_C] / samples_C[occurs_C]).mean(),
        "auroc": auroc_C[is_one_of_several_C].double().mean(),
    }


def _least(metric: Any) -> int:
    return 2 if isinstance(metric, NEED_TWO) else 1


@contextmanager
def _without_remarks() -> Iterator[None]:
    """Without torchmetrics' remarks on few samples, absent classes and memory: what has no value is left out."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield
