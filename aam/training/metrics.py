"""What is measured on the validation samples, by torchmetrics; the target's in the user's units."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric, MetricCollection, SumMetric
from torchmetrics.classification import MulticlassAccuracy, MulticlassAUROC, MulticlassF1Score, MulticlassStatScores
from torchmetrics.regression import MeanAbsoluteError, MeanSquaredError, PearsonCorrCoef, R2Score, SpearmanCorrCoef

from aam.data.alphabet import NUM_BASES
from aam.data.targets import TargetSpec
from aam.models.heads import Comparison, Head

ROUNDING = 1e-13
NEED_TWO = (R2Score, PearsonCorrCoef, SpearmanCorrCoef)


class ValidationMetrics:
    """The metrics of all heads of a model, fed batch by batch.

    Parameters
    ----------
    heads
        The model's heads.
    target
        The target, to undo its scaling; None for a pre-trained encoder.
    taxonomy_classes
        Number of taxa.
    """

    def __init__(self, heads: Iterable[Head], target: TargetSpec | None, taxonomy_classes: int) -> None:
        self.target = target
        self.num_taxa = taxonomy_classes
        with _without_remarks():
            self.collections = {head.name: self._collection(head.name) for head in heads}
        self.fed = {name: SumMetric() for name in self.collections}

    def reset(self) -> None:
        """Forget what was fed."""
        for collection in self.collections.values():
            collection.reset()
        for count in self.fed.values():
            count.reset()

    def update(self, name: str, comparison: Comparison) -> None:
        """Feed a head's predictions and truths of one batch."""
        prediction, truth = comparison.prediction.detach().float().cpu(), comparison.truth.detach().cpu()
        if truth.numel() == 0:
            return
        if name == "target" and self.target is not None and self.target.kind == "regression":
            prediction, truth = self._decode(prediction), self._decode(truth)
        elif name == "target":
            prediction = prediction.softmax(dim=-1)
        elif not truth.is_floating_point():
            prediction = prediction.argmax(dim=-1)
        self.fed[name].update(len(truth))
        self.collections[name].update(prediction, truth)

    def compute(self) -> dict[str, float]:
        """The metrics by name. Those that cannot be computed from what was fed are left out.

        Every process asks for the same metrics in the same order, whatever it was fed itself.
        """
        results: dict[str, float] = {}
        with _without_remarks():
            for name, collection in self.collections.items():
                number = int(self.fed[name].compute())
                values = {key: metric.compute() for key, metric in collection.items() if number >= _least(metric)}
                if "per_class" in values:
                    values |= _means_over_classes(values.pop("per_class"), values.pop("auroc"))
                results |= {key: float(value) for key, value in values.items()}
        return {name: value for name, value in results.items() if value == value}

    def _decode(self, values: Tensor) -> Tensor:
        assert self.target is not None
        return torch.from_numpy(self.target.decode(values.numpy()))

    def _collection(self, name: str) -> MetricCollection:
        if name == "target" and self.target is not None and self.target.kind == "classification":
            return _together(_classification(len(self.target.classes)))
        if name == "target":
            return _together(_regression())
        own: dict[str, dict[str, type[Metric]]] = {
            "distance": {"distance_correlation": PearsonCorrCoef, "distance_mae": MeanAbsoluteError},
            "faith_pd": {"faith_pd_correlation": PearsonCorrCoef},
            "count": {"count_correlation": PearsonCorrCoef},
        }
        if name in own:
            return _together({key: kind() for key, kind in own[name].items()})
        num_classes = NUM_BASES if name == "nucleotide" else max(2, self.num_taxa)
        return _together({f"{name}_accuracy": MulticlassAccuracy(num_classes, average="micro")})


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
