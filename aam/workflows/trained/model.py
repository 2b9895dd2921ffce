"""A trained model in memory: what it predicts of a study, what that rests on, and its sample vectors.

Legend of shapes: ``N`` samples, ``D`` width of a sample vector.
"""

from __future__ import annotations

import dataclasses
import warnings
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from aam.config.commands.explain import OF_MODEL, ExplainInMemoryConfig, ExplainOptions
from aam.config.commands.predict import PredictOptions
from aam.config.keywords import in_python, parameters_of, takes_options
from aam.config.option import read_values
from aam.data.readers.feature_ids import check_ids
from aam.data.readers.metadata import Metadata
from aam.data.readers.strand import SequenceSet
from aam.data.study.earlier import with_earlier
from aam.data.study.study import Study
from aam.data.targets.kinds import Predictions, Samples
from aam.errors import CheckpointError, ConfigError, InputError
from aam.learners.novelty.familiarity import Familiarity
from aam.learners.novelty.judgement import NOT_SAID, Novelty, judge, verdict
from aam.learners.predictor import (
    Predictor,
)
from aam.learners.protocol import Computing
from aam.models.folder.manifest import Manifest, members_in_words, metadata_needed
from aam.text import listed

if TYPE_CHECKING:
    from aam.workflows.explain.result import ExplanationResult

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
    def explain(self, study: Study, **options: Any) -> ExplanationResult:
        """Explain what predictions of a study's samples rest on: ASVs, clades and taxa.

        Parameters
        ----------
        study
            The samples, as in :meth:`predict`. Its own tree has the clades, where it has one and no other is named.
        {parameters}

        Returns
        -------
        ExplanationResult
            Effects with intervals; its tables become data frames by ``to_frame()``. ``summary`` says in sentences what
            was found, ``figures`` are matplotlib figures by name.

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
        """Vectors of the samples of a study, ``N x D`` (float32); their Euclidean distances are the learned ones.

        Those of a network are its sample vectors, each from one rarefied draw; those of other learners are principal
        coordinates of what they compare samples by (:mod:`aam.learners.sample_space`).

        Parameters
        ----------
        study, seed, device
            As in :meth:`predict`.
        """

    @abstractmethod
    def save(self, path: str | Path) -> None:
        """Write the model folder, which `aam predict` and :func:`aam.load_model` read."""

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
        treated = dataclasses.replace(study, metadata=sheet, rarefy_depth=self.manifest.data["rarefy_depth"])
        return with_earlier(treated, self.manifest.earlier)
