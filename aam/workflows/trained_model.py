"""A trained model in memory: what it predicts of a study, and its sample vectors.

Legend of shapes: ``N`` samples, ``D`` width of a sample vector.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from aam.config.commands import PredictOptions
from aam.data.batches.loaders import LoaderOptions
from aam.data.readers.metadata import Metadata
from aam.data.study.study import Study
from aam.data.targets.kinds import Predictions, Samples
from aam.errors import CheckpointError, ConfigError, InputError
from aam.models.folder.description import ModelDescription
from aam.models.folder.weights import load_models, save_models
from aam.models.inference import Interpreter, predict_in_draws
from aam.models.sequence_encoder import SequenceEncoder
from aam.models.sequence_predictor import SequencePredictor
from aam.text import listed
from aam.training.hardware.device import choose_device

Model = SequenceEncoder | SequencePredictor
Device = Literal["auto", "cpu", "cuda"]


@dataclass(frozen=True)
class TrainedModel:
    """One trained model, or an ensemble whose predictions are averaged, in the memory of the CPU.

    Attributes
    ----------
    models
        A pre-trained encoder, a predictor, or the predictors of an ensemble.
    description
        Targets, sizes, how samples are rarefied, and the calibration of intervals.
    """

    models: list[Model]
    description: ModelDescription

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are predicted; none for an encoder."""
        targets = self.description.targets
        return () if targets is None else tuple(targets.columns)

    def predict(
        self,
        study: Study,
        *,
        interval_level: float | None = None,
        prediction_passes: int | None = None,
        seed: int = PredictOptions.seed,
        device: Device = "auto",
    ) -> dict[str, Predictions]:
        """Predict the samples of a study.

        Parameters
        ----------
        study
            The samples, with a sample sheet where the model reads columns of one.
        interval_level
            Share of new samples whose truth the intervals (or sets of classes) shall hold; that of training where None.
        prediction_passes
            Rarefied draws that are averaged for each sample; as many as in training where None.
        seed
            Seed of the draws.
        device
            Where to compute.

        Returns
        -------
        dict of str to Predictions
            Target column -> its predictions, in the order of the samples.

        Raises
        ------
        CheckpointError
            If this is a pre-trained encoder.
        ConfigError, InputError
            If the study lacks columns that the model reads, or has longer sequences than those of training.
        """
        if not self.columns:
            raise CheckpointError("a pre-trained encoder has no target; train it first")
        sheet = self._sheet(study)
        decoder = self.description.decoder(interval_level)
        with self.interpreting(study, seed, device) as interpreter:
            passes = prediction_passes or self.description.prediction_passes
            learned = predict_learned(interpreter, np.arange(len(study)), passes)
        samples = Samples(
            sample_ids=study.sample_ids,
            observed={column: np.full(len(study), np.nan) for column in self.columns},
            level_B=decoder.targets.level_codes(sheet),
        )
        return dict(zip(self.columns, decoder.predictions(learned, samples), strict=True))

    def embed(self, study: Study, *, seed: int = PredictOptions.seed, device: Device = "auto") -> np.ndarray:
        """Vectors of the samples of a study, ``N x D`` (float32), each from one rarefied draw.

        Parameters
        ----------
        study, seed, device
            As in :meth:`predict`.
        """
        with self.interpreting(study, seed, device) as interpreter:
            return np.concatenate([output.vectors_BD for output in interpreter.run(np.arange(len(study)))])

    def save(self, path: str | Path) -> None:
        """Write the model folder, which `aam predict` and :func:`load_model` read."""
        save_models(Path(path), [dict(model.state_dict()) for model in self.models], self.description)

    @contextmanager
    def interpreting(self, study: Study, seed: int, device: str) -> Iterator[Interpreter]:
        """The models, ready to predict a study, which is rarefied as their training samples were."""
        limit = self.description.data["trim_length"]
        if limit is not None and study.longest_sequence > limit:
            problem = f"has sequences of {study.longest_sequence} bases; the model was trained on the first {limit}"
            raise InputError("study", problem, f"read it with trim_length={limit}")
        predictor = self.description.predictor
        spec = None if predictor is None else predictor.covariate_spec
        covariates = None if spec is None else spec.encode(self._sheet(study))
        loading = LoaderOptions(batch_size=PredictOptions.batch_size, seed=seed)
        treated = dataclasses.replace(study, rarefy_depth=self.description.data["rarefy_depth"])
        try:
            yield Interpreter(
                self.models, treated, self.description.sampling, loading, choose_device(device), covariates
            )
        finally:
            for model in self.models:
                model.cpu()

    def _sheet(self, study: Study) -> Metadata:
        """The sample sheet of a study; an empty one where it has none and the model needs none."""
        needed = self.description.needed_columns
        if study.metadata is not None:
            for column in needed:
                study.metadata.column(column)
            return study.metadata
        if needed:
            raise ConfigError(f"--metadata is needed: the model reads {listed(needed, 6)} of the sample sheet")
        return Metadata("", study.sample_ids, {}, ())


def load_model(path: str | Path) -> TrainedModel:
    """Load the model of a model folder, or of a run directory.

    Parameters
    ----------
    path
        The folder; nothing in it is executed, and no pickle is read.

    Raises
    ------
    CheckpointError
        If there is no such model, or it is damaged.
    """
    models, description = load_models(Path(path))
    return TrainedModel([model.eval() for model in models], description)


def predict_learned(interpreter: Interpreter, rows: np.ndarray, passes: int) -> np.ndarray:
    """Predictions of rows of a study in the space that the models learned, with the rarefied draws as first axis."""
    return next(predict_in_draws(interpreter, rows, passes, len(rows))).learned
