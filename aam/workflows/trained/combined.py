"""Learners of any kind in memory, whose predictions are combined.

Legend of shapes: ``N`` samples, ``D`` width of a sample vector.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from aam.config.commands.predict import PredictOptions
from aam.data.study.study import Study
from aam.learners.novelty.familiarity import Familiarity
from aam.learners.predictor import (
    Combination,
    Predictor,
    save_predictor,
)
from aam.learners.protocol import Computing
from aam.learners.sample_space import DIMENSIONS, SampleSpace, fit_sample_space
from aam.models.folder.manifest import Manifest
from aam.workflows.trained.model import Device, TrainedModel


@dataclass(frozen=True, repr=False)
class CombinedModel(TrainedModel):
    """Learners of any kind whose predictions are combined.

    Attributes
    ----------
    predictor
        The learners, and how they are combined.
    """

    predictor: Predictor

    @property
    def manifest(self) -> Manifest:
        """The manifest of the folder of these learners."""
        return self.predictor.manifest

    @property
    def familiarity(self) -> Familiarity | None:
        """What is known of the training data."""
        return self.predictor.familiarity

    def embed(self, study: Study, *, seed: int = PredictOptions.seed, device: Device = "auto") -> np.ndarray:
        """Coordinates of the samples in the space of what the learners compare by, weighted as their predictions."""
        treated = self._treated(study)
        space = self.sample_space(treated, computing=Computing(device=device, seed=seed))
        return space.vectors(treated, np.arange(len(treated)))

    def sample_space(
        self, study: Study, dimensions: int = DIMENSIONS, computing: Computing | None = None
    ) -> SampleSpace:
        """The space of the samples as the learners see them; see :func:`~aam.learners.sample_space.fit_sample_space`.

        Parameters
        ----------
        study
            The samples, treated as those of training.
        dimensions
            Coordinates at most.
        computing
            Where and how networks compute.
        """
        used = computing or Computing()
        learners = tuple(one.computed_by(used) for one in self.predictor.learners)
        return fit_sample_space(dataclasses.replace(self.predictor, learners=learners), study, dimensions, used.seed)

    def save(self, path: str | Path) -> None:
        """Write the model folder."""
        manifest = self.manifest
        combination = Combination(
            weights=manifest.weights,
            head=manifest.head,
            record=manifest.record,
            calibrations=manifest.calibrations,
            interval_level=manifest.interval_level,
            prediction_passes=manifest.prediction_passes,
        )
        save_predictor(Path(path), self.predictor.learners, combination)

    def noting(self, **facts: Any) -> Self:
        """The same learners with further facts."""
        manifest = dataclasses.replace(self.manifest, record={**self.manifest.record, **facts})
        return dataclasses.replace(self, predictor=dataclasses.replace(self.predictor, manifest=manifest))

    def _predictor(self, computing: Computing) -> Predictor:
        learners = tuple(one.computed_by(computing) for one in self.predictor.learners)
        return dataclasses.replace(self.predictor, learners=learners)

    def _learned(self, study: Study, passes: int, seed: int, device: Device) -> np.ndarray:
        own = self._predictor(Computing(device=device, batch_size=PredictOptions.batch_size, seed=seed))
        return next(own.predict_in_draws(study, np.arange(len(study)), passes, len(study))).learned
