"""What is measured on the validation samples, by torchmetrics; the target's in the user's units."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor
from torchmetrics import MetricCollection
from torchmetrics.classification import MulticlassAccuracy, MulticlassAUROC, MulticlassF1Score
from torchmetrics.regression import MeanAbsoluteError, MeanSquaredError, PearsonCorrCoef, R2Score, SpearmanCorrCoef

from aam.data.alphabet import NUM_BASES
from aam.data.targets import TargetSpec
from aam.models.heads import Comparison, Head


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
        self.collections = {head.name: self._collection(head.name) for head in heads}
        self.samples = 0

    def reset(self) -> None:
        """Forget what was fed."""
        self.samples = 0
        for collection in self.collections.values():
            collection.reset()

    def update(self, name: str, comparison: Comparison) -> None:
        """Feed a head's predictions and truths of one batch."""
        prediction, truth = comparison.prediction.detach().float().cpu(), comparison.truth.detach().cpu()
        if truth.numel() == 0:
            return
        if name == "target":
            self.samples += len(truth)
            if self.target is not None and self.target.kind == "regression":
                prediction, truth = self._decode(prediction), self._decode(truth)
            elif self.target is not None:
                prediction = prediction.softmax(dim=-1)
        self.collections[name].update(prediction, truth)

    def compute(self) -> dict[str, float]:
        """The metrics by name. Those that cannot be computed from so few samples are left out."""
        results: dict[str, float] = {}
        for name, collection in self.collections.items():
            if name == "target" and self.samples < 2:
                continue
            results |= {key: float(value) for key, value in collection.compute().items()}
        return {name: value for name, value in results.items() if value == value}

    def _decode(self, values: Tensor) -> Tensor:
        assert self.target is not None
        return torch.from_numpy(self.target.decode(values.numpy())).float()

    def _collection(self, name: str) -> MetricCollection:
        if name == "target" and self.target is not None and self.target.kind == "classification":
            return _classification(len(self.target.classes))
        own = {
            "target": lambda: _regression(),
            "distance": lambda: {"distance_correlation": PearsonCorrCoef(), "distance_mae": MeanAbsoluteError()},
            "nucleotide": lambda: {"nucleotide_accuracy": MulticlassAccuracy(NUM_BASES, average="micro")},
            "taxonomy": lambda: {"taxonomy_accuracy": MulticlassAccuracy(self.num_taxa, average="micro")},
            "faith_pd": lambda: {"faith_pd_correlation": PearsonCorrCoef()},
            "count": lambda: {"count_correlation": PearsonCorrCoef()},
        }
        return MetricCollection(own[name](), compute_groups=False)


def _regression() -> dict[str, R2Score | MeanAbsoluteError | MeanSquaredError | SpearmanCorrCoef]:
    return {
        "r2": R2Score(),
        "mae": MeanAbsoluteError(),
        "rmse": MeanSquaredError(squared=False),
        "spearman": SpearmanCorrCoef(),
    }


def _classification(num_classes: int) -> MetricCollection:
    return MetricCollection(
        {
            "accuracy": MulticlassAccuracy(num_classes, average="micro"),
            "balanced_accuracy": MulticlassAccuracy(num_classes, average="macro"),
            "f1": MulticlassF1Score(num_classes, average="macro"),
            "auroc": MulticlassAUROC(num_classes, average="macro"),
        },
        compute_groups=False,
    )
