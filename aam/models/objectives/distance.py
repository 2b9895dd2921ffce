"""Distances between samples: by the tree, by the counts, or given ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aam.config import ModelOptions, ObjectiveOptions
from aam.data.batches.truths import DrawnSamples, TruthFormula
from aam.data.distances.measure import DISTANCES, WITHOUT_A_TREE, Distance, Measure, Parameters
from aam.errors import ConfigError, InputError
from aam.evaluation.catalogue import Metric
from aam.models.objectives.objective import Given, Measured, Objective
from aam.models.objectives.registry import register_objective
from aam.models.size_estimate import linear_parameters

if TYPE_CHECKING:
    import numpy as np

    from aam.data.readers.distance_matrix import Distances
    from aam.data.study.study import Study
    from aam.models.heads import SelfSupervisedHead

ROUNDING = 1e-5


class DistanceObjective(Objective):
    """One kind of distance between samples, computed for each batch, or looked up where distances are given."""

    head_name = "distance"
    loss_label = "Distance loss"
    metrics = (
        Measured(
            "distance_correlation",
            "correlation",
            Metric(
                "Distance correlation",
                "between learned and true distances of samples",
                has_scale=True,
            ),
        ),
        Measured("distance_mae", "mae", Metric("Distance error", "mean absolute error of learned distances", False)),
    )
    truth_of = "pairs"

    def __init__(self, distance: Distance) -> None:
        self.name = distance.name
        self.options = distance.options
        self.distance = distance

    def check(self, options: ObjectiveOptions, given: Given) -> None:
        """Some distances need a tree."""
        if self.distance.needs_tree and not (given.tree or given.distances):
            raise ConfigError(
                f"--encoder-type {self.name} needs --tree (or --distances); without one try {WITHOUT_A_TREE}"
            )

    def truth(self, study: Study, options: ObjectiveOptions) -> TruthFormula:
        """Given distances stand in for those of the tree or the counts."""
        parameters = Parameters(options.unifrac_normalized, options.unifrac_alpha)
        if study.distances is not None:
            self._check_range(study.distances, parameters)
            return GivenDistances(study.distances)
        return DrawnDistances(Measure(self.name, study.phylogeny if self.distance.needs_tree else None, parameters))

    def _check_range(self, distances: Distances, parameters: Parameters) -> None:
        largest = distances.largest()
        if self.distance.is_bounded(parameters) and largest > 1 + ROUNDING:
            raise InputError(
                distances.source,
                f"values up to {largest:.3g}: {self.distance.title} lies in 0..1",
                "--encoder-type weighted_unifrac --no-unifrac-normalized takes any distances",
            )

    def head(self, model: ModelOptions, num_classes: int) -> SelfSupervisedHead:
        """A projection whose Euclidean distances are the predictions."""
        from aam.models.heads import DistanceHead

        return DistanceHead(self.head_name, model.embedding_dim)

    def num_parameters(self, model: ModelOptions, num_classes: int) -> int:
        """The projection and the scale."""
        return linear_parameters(model.embedding_dim, model.embedding_dim) + 1


@dataclass(frozen=True)
class DrawnDistances:
    """Distances of the reads as drawn."""

    measure: Measure

    def __call__(self, drawn: DrawnSamples) -> np.ndarray:
        """Distances ``B x B``, or of the own samples to all."""
        return self.measure.among(drawn.counts_BA, drawn.own)


@dataclass(frozen=True)
class GivenDistances:
    """Distances from a file."""

    distances: Distances

    def __call__(self, drawn: DrawnSamples) -> np.ndarray:
        """Distances ``B x B``, or of the own samples to all."""
        return self.distances.among(drawn.rows_B, slice(None) if drawn.own is None else drawn.own)


for _distance in DISTANCES.values():
    register_objective(DistanceObjective(_distance))
