"""Networks in memory: one, or an ensemble of networks that are alike.

Legend of shapes: ``N`` samples, ``D`` width of a sample vector.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from aam.config.commands.predict import PredictOptions
from aam.data.batches.loaders import LoaderOptions
from aam.data.study.study import Study
from aam.learners.novelty.familiarity import Familiarity
from aam.learners.predictor import (
    Predictor,
    familiarity_of,
    known_of,
    predictor_of_states,
)
from aam.learners.protocol import Computing
from aam.models.folder.container import contents_checked, read_model_folder
from aam.models.folder.description import ModelDescription
from aam.models.folder.manifest import Manifest
from aam.models.folder.weights import load_models, save_models
from aam.models.inference import BatchPredictor, predict_in_draws
from aam.models.sequence_encoder import SequenceEncoder
from aam.models.sequence_predictor import SequencePredictor
from aam.training.hardware.device import choose_device
from aam.workflows.trained.model import Device, TrainedModel

Network = SequenceEncoder | SequencePredictor


@dataclass(frozen=True, repr=False)
class NetworkModel(TrainedModel):
    """One network, or an ensemble of networks that are alike, in the memory of the CPU.

    Attributes
    ----------
    models
        A pre-trained encoder, a predictor, or the predictors of an ensemble.
    description
        What describes them.
    familiarity
        What is known of their training data.
    """

    models: list[Network]
    description: ModelDescription
    familiarity: Familiarity | None = None

    @property
    def manifest(self) -> Manifest:
        """The manifest of the folder of these networks."""
        return dataclasses.replace(self.description, members=len(self.models)).manifest

    def embed(self, study: Study, *, seed: int = PredictOptions.seed, device: Device = "auto") -> np.ndarray:
        """Vectors of the samples; those of the first network where there are several."""
        with self.interpreting(study, seed, device) as interpreter:
            return np.concatenate([output.vectors_BD for output in interpreter.run(np.arange(len(study)))])

    def save(self, path: str | Path) -> None:
        """Write the model folder."""
        save_models(
            Path(path),
            [dict(model.state_dict()) for model in self.models],
            self.description,
            known_of(self.familiarity),
        )

    def noting(self, **facts: Any) -> Self:
        """The same networks with further facts."""
        return dataclasses.replace(
            self, description=dataclasses.replace(self.description, record={**self.description.record, **facts})
        )

    @contextmanager
    def interpreting(self, study: Study, seed: int, device: Device) -> Iterator[BatchPredictor]:
        """The networks, ready to predict a study, which is rarefied as their training samples were."""
        treated, predictor = self._treated(study), self.description.predictor
        spec = None if predictor is None else predictor.covariate_spec
        assert treated.metadata is not None
        covariates = None if spec is None else spec.encode(treated.metadata)
        loading = LoaderOptions(batch_size=PredictOptions.batch_size, seed=seed)
        sampling = self.description.sampling
        try:
            yield BatchPredictor(self.models, treated, sampling, loading, choose_device(device), covariates)
        finally:
            for model in self.models:
                model.cpu()

    def _predictor(self, computing: Computing) -> Predictor:
        states = [dict(model.state_dict()) for model in self.models]
        return predictor_of_states(self.manifest, states, self.familiarity, computing)

    def _learned(self, study: Study, passes: int, seed: int, device: Device) -> np.ndarray:
        with self.interpreting(study, seed, device) as interpreter:
            return predict_learned(interpreter, np.arange(len(study)), passes)


def load_networks(path: str | Path) -> NetworkModel:
    """Load a model that is a network, or an ensemble of networks that are alike.

    Raises
    ------
    CheckpointError
        If there is no such model, it is damaged, or holds other learners.
    """
    models, description = load_models(Path(path))
    folder = read_model_folder(Path(path))
    with contents_checked(folder.weights):
        known = familiarity_of(folder.manifest, folder.reference)
    return NetworkModel([model.eval() for model in models], description, known)


def predict_learned(interpreter: BatchPredictor, rows: np.ndarray, passes: int) -> np.ndarray:
    """Predictions of rows of a study in the space that the models learned, with the rarefied draws as first axis."""
    return next(predict_in_draws(interpreter, rows, passes, len(rows))).learned
