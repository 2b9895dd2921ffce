"""A trained model in memory: what it predicts of a study, and its sample vectors.

Legend of shapes: ``N`` samples, ``D`` width of a sample vector.
"""

from __future__ import annotations

import dataclasses
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from aam.config.commands.explain import OF_MODEL, ExplainInMemoryConfig, ExplainOptions
from aam.config.commands.predict import PredictOptions
from aam.config.keywords import in_python, parameters_of, takes_options
from aam.config.option import read_values
from aam.data.batches.loaders import LoaderOptions
from aam.data.readers.feature_ids import check_ids
from aam.data.readers.metadata import Metadata
from aam.data.readers.strand import SequenceSet
from aam.data.study.study import Study
from aam.data.targets.kinds import Predictions, Samples
from aam.errors import CheckpointError, ConfigError, InputError
from aam.learners.novelty.familiarity import Familiarity
from aam.learners.novelty.judgement import NOT_SAID, Novelty, judge, verdict
from aam.learners.predictor import (
    Combination,
    Predictor,
    familiarity_of,
    known_of,
    load_predictor,
    predictor_of_states,
    save_predictor,
)
from aam.learners.protocol import Computing
from aam.log import warn
from aam.models.folder.container import contents_checked, read_model_folder
from aam.models.folder.description import NETWORK, ModelDescription
from aam.models.folder.manifest import Manifest, members_in_words, metadata_needed
from aam.models.folder.paths import unfinished_notes
from aam.models.folder.weights import load_models, save_models
from aam.models.inference import BatchPredictor, predict_in_draws
from aam.models.sequence_encoder import SequenceEncoder
from aam.models.sequence_predictor import SequencePredictor
from aam.text import listed
from aam.training.hardware.device import choose_device

if TYPE_CHECKING:
    from aam.explain.results.explanation import Explanation

Network = SequenceEncoder | SequencePredictor
Device = Literal["auto", "cpu", "cuda"]


class TrainedModel(ABC):
    """A trained model in memory: one learner, or several whose predictions are combined."""

    def __repr__(self) -> str:
        members = members_in_words([one.name for one in self.manifest.members], self.manifest.weights)
        learned = f"predicts {listed(self.columns)}" if self.columns else "a pre-trained encoder"
        return f"<{type(self).__name__} of {members}; {learned}>"

    @property
    @abstractmethod
    def manifest(self) -> Manifest:
        """Targets, members, how samples are rarefied, and the calibration of intervals."""

    @property
    @abstractmethod
    def familiarity(self) -> Familiarity | None:
        """What is known of the training data; None for a model that does not say."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are predicted; none for an encoder."""
        targets = self.manifest.targets
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
            The samples, with metadata where the model reads metadata columns.
        interval_level
            Nominal coverage of the intervals (or prediction sets); that of training where None.
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

        Warns
        -----
        UserWarning
            If the samples are unlike those of training.
        """
        if not self.columns:
            raise CheckpointError("a pre-trained encoder has no target; train it first")
        treated, decoder = self._treated(study), self.manifest.decoder(interval_level)
        self._warn_of_novelty(study)
        assert treated.metadata is not None
        learned = self._learned(treated, prediction_passes or self.manifest.prediction_passes, seed, device)
        samples = Samples(
            sample_ids=study.sample_ids,
            observed={column: np.full(len(study), np.nan) for column in self.columns},
            level_B=decoder.targets.level_codes(treated.metadata),
        )
        return dict(zip(self.columns, decoder.predictions(learned, samples), strict=True))

    @takes_options({name: one for name, one in parameters_of(ExplainInMemoryConfig).items() if name in OF_MODEL})
    def explain(self, study: Study, **options: Any) -> Explanation:
        """Explain what predictions of a study's samples rest on: ASVs, clades and taxa.

        Parameters
        ----------
        study
            The samples, as in :meth:`predict`. Its own tree has the clades, where it has one and no other is named.
        {parameters}

        Returns
        -------
        Explanation
            Effects with intervals; its tables become data frames by ``to_frame()``.

        Raises
        ------
        CheckpointError
            If this is a pre-trained encoder.
        ConfigError, InputError
            If an option or the study cannot be used.
        """
        from aam.workflows.explain.explain import explain_in_memory

        if not self.columns:
            raise CheckpointError("a pre-trained encoder has no target; train it first")
        chosen = read_values(ExplainInMemoryConfig, options)
        wanted = ExplainOptions(model=Path("model in memory"), **chosen)
        computing = Computing(device=wanted.device, batch_size=wanted.batch_size, seed=wanted.seed)
        return explain_in_memory(self._predictor(computing), self._treated(study), wanted)

    @property
    def known_sequences(self) -> SequenceSet | None:
        """The ASVs of the training samples; None where the model does not keep them."""
        return None if self.familiarity is None else self.familiarity.asvs.sequences

    def novelty(self, study: Study) -> Novelty:
        """How unlike the training samples the samples of a study are.

        Raises
        ------
        InputError
            If the ASVs of one have names and those of the other DNA.
        """
        check_ids(self.manifest.data, study.table.asv_ids, has_dna=study.has_dna, source="study")
        return judge(self.familiarity, study)

    def _warn_of_novelty(self, study: Study) -> None:
        """Say what `aam predict` says loudly, and what it refuses."""
        found = verdict(self.familiarity, study, self.novelty(study))
        refused = [f"{found.problem}; {found.remedy}"] if found.problem else []
        for line in [*refused, *(note for note in found.notes if note != NOT_SAID)]:
            warnings.warn(in_python(line), stacklevel=3)

    @abstractmethod
    def embed(self, study: Study, *, seed: int = PredictOptions.seed, device: Device = "auto") -> np.ndarray:
        """Vectors of the samples of a study, ``N x D`` (float32), each from one rarefied draw.

        Parameters
        ----------
        study, seed, device
            As in :meth:`predict`.

        Raises
        ------
        CheckpointError
            If the model holds a learner that is no network.
        """

    @abstractmethod
    def save(self, path: str | Path) -> None:
        """Write the model folder, which `aam predict` and :func:`load_model` read."""

    @abstractmethod
    def noting(self, **facts: Any) -> Self:
        """The same model with further facts in the record of its manifest."""

    @abstractmethod
    def _learned(self, study: Study, passes: int, seed: int, device: Device) -> np.ndarray:
        """Predictions of all samples of a treated study in the learned space; the rarefied draws are the first axis."""

    @abstractmethod
    def _predictor(self, computing: Computing) -> Predictor:
        """The learners, computed so."""

    def _treated(self, study: Study) -> Study:
        """A study, rarefied as the training samples were, with metadata: an empty table where none is needed."""
        check_ids(self.manifest.data, study.table.asv_ids, has_dna=study.has_dna, source="study")
        limit = self.manifest.data["trim_length"]
        if limit is not None and study.longest_sequence > limit:
            problem = f"has sequences of {study.longest_sequence} bases; the model was trained on the first {limit}"
            raise InputError("study", problem, f"read it with trim_length={limit}")
        needed, sheet = self.manifest.needed_columns, study.metadata
        if sheet is None and needed:
            raise ConfigError(metadata_needed(needed))
        sheet = sheet or Metadata("", study.sample_ids, {}, ())
        for column in needed:
            sheet.column(column)
        return dataclasses.replace(study, metadata=sheet, rarefy_depth=self.manifest.data["rarefy_depth"])


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
        """Refused: only a network has vectors of samples."""
        found = members_in_words([one.name for one in self.manifest.members], self.manifest.weights)
        raise CheckpointError(f"sample vectors need a network, and this model holds {found}")

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


def load_model(path: str | Path) -> TrainedModel:
    """Load the model of a model folder, or of a run directory: networks, a random forest, or what combines them.

    Parameters
    ----------
    path
        The folder; nothing in it is executed, and no pickle is read.

    Raises
    ------
    CheckpointError
        If there is no such model, or it is damaged.
    """
    manifest = read_model_folder(Path(path)).manifest
    for line in unfinished_notes(Path(path)):
        warn(line)
    first = manifest.members[0]
    if first.kind == NETWORK and not manifest.weights and all(member == first for member in manifest.members):
        return load_networks(path)
    return CombinedModel(load_predictor(Path(path)))


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
