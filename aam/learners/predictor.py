"""A model as it predicts: its learners, how they are combined, and the folder that holds them.

Legend of shapes: ``B`` rows that are asked for, ``P`` rarefied draws.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from aam.config import HeadOptions, TableOptions
from aam.config.json_dataclass import need
from aam.data.readers.strand import SequenceSet
from aam.data.study.study import Study
from aam.data.targets.intervals import Calibration
from aam.data.targets.targets import Targets
from aam.errors import CheckpointError
from aam.learners.blend import combine
from aam.learners.novelty.familiarity import Familiarity
from aam.learners.protocol import Computing, Learner, Task
from aam.learners.reference import Reference
from aam.learners.registry import LEARNERS
from aam.learners.stored import Stored
from aam.models.folder.container import State, contents_checked, read_model_folder, write_model_folder
from aam.models.folder.manifest import Manifest, Member, Weights
from aam.models.folder.weights import Known
from aam.models.inference import Draws, read_preprocessed
from aam.text import listed, shorten

FAMILIARITY = "familiarity."
"""Begins the names of what is known of training data, among what members share."""
STORED_TYPES = {torch.uint8, torch.int32, torch.int64, torch.float32, torch.float64, torch.bool}


@dataclass(frozen=True, kw_only=True)
class Combination:
    """How the predictions of learners become one, and how it is read.

    Attributes
    ----------
    weights
        A row for each learner, as in :class:`~aam.models.folder.manifest.Manifest`; empty for the plain mean.
    head
        Its ``bounded_targets`` and ``output_activation`` are the ends of what can be predicted.
    record
        Human-readable provenance and results.
    calibrations, interval_level, prediction_passes
        As in :class:`~aam.models.folder.manifest.Manifest`, of what is finally predicted.
    """

    weights: Weights = ()
    head: HeadOptions = field(default_factory=HeadOptions)
    record: Mapping[str, Any] = field(default_factory=dict)
    calibrations: tuple[Calibration | None, ...] = ()
    interval_level: float = 0.9
    prediction_passes: int = 1


@dataclass(frozen=True, kw_only=True, eq=False)
class Predictor:
    """Fitted learners of one task whose predictions are combined.

    Attributes
    ----------
    manifest
        The manifest of their folder.
    learners
        The learners, in its order.
    """

    manifest: Manifest
    learners: tuple[Learner, ...]

    @property
    def targets(self) -> Targets:
        """What is predicted."""
        return self.learners[0].targets

    @property
    def reference(self) -> Reference | None:
        """What the learners compare samples with; None where they compare nothing."""
        return self.learners[0].task.reference

    @property
    def familiarity(self) -> Familiarity | None:
        """What is known of the training data; for models that do not say, their ASVs, where they keep them."""
        task = self.learners[0].task
        if task.familiarity is None and task.reference is not None:
            return Familiarity.of_asvs(task.reference.asvs)
        return task.familiarity

    @property
    def known_sequences(self) -> SequenceSet | None:
        """The ASVs of the training samples, with how many samples have each; None where the model keeps none."""
        return None if self.familiarity is None else self.familiarity.asvs.sequences

    def read(self, table: TableOptions) -> Study:
        """Read a table as the training tables were treated; see :func:`~aam.models.inference.read_preprocessed`."""
        return read_preprocessed(table, self.manifest.data, self.known_sequences)

    def predict(self, study: Study, rows: np.ndarray, draw: int = 0) -> np.ndarray:
        """The combined predictions of some samples, in the learned space; see :meth:`Learner.predict`.

        Class probabilities are averaged, and numbers where they are learned.
        """
        found = [learner.predict(study, rows, draw) for learner in self.learners]
        weights = self.manifest.weights
        return combine(np.stack(found), np.array(weights), self.targets) if weights else np.mean(found, axis=0)

    def predict_in_draws(self, study: Study, rows: np.ndarray, passes: int, at_once: int) -> Iterator[Draws]:
        """Predict samples, each from several draws, in memory that does not grow with the number of samples.

        Parameters
        ----------
        study
            The study, with metadata where there are covariates.
        rows
            Its rows.
        passes
            Draws ``P`` of each sample.
        at_once
            Samples that are held in memory.
        """
        for start in range(0, len(rows), at_once):
            some = rows[start : start + at_once]
            yield Draws(some, np.stack([self.predict(study, some, draw) for draw in range(passes)]))


def save_predictor(folder: Path, learners: Sequence[Learner], combination: Combination | None = None) -> None:
    """Write the folder of a model.

    Parameters
    ----------
    folder
        Made where it is not there.
    learners
        Fitted learners of the same task.
    combination
        How they are combined; their plain mean where left out.
    """
    stored = [learner.to_arrays() for learner in learners]
    task = learners[0].task
    manifest = _manifest(learners, stored, combination or Combination())
    states = [_tensors(some) for some in stored]
    shared = {} if task.reference is None else _tensors(task.reference.to_arrays())
    known = known_of(task.familiarity, with_asvs=task.reference is None)
    write_model_folder(folder, manifest, list(states), shared if known is None else shared | known[1])


def predictor_of(learners: Sequence[Learner], combination: Combination) -> Predictor:
    """Fitted learners of the same task as a model in memory; as :func:`save_predictor`."""
    stored = [learner.to_arrays() for learner in learners]
    return Predictor(manifest=_manifest(learners, stored, combination), learners=tuple(learners))


def _manifest(learners: Sequence[Learner], stored: Sequence[Stored], combination: Combination) -> Manifest:
    """Everything about a model but its arrays."""
    task = learners[0].task
    known = None if task.familiarity is None else task.familiarity.to_arrays(with_asvs=task.reference is None)
    return Manifest(
        members=tuple(Member(one.kind, some.facts) for one, some in zip(learners, stored, strict=True)),
        weights=combination.weights,
        reference=None if task.reference is None else task.reference.facts,
        familiarity=None if known is None else known.facts,
        targets=learners[0].targets,
        covariate_spec=task.covariate_spec,
        head=combination.head,
        data={name: value for one in learners for name, value in one.task.data.items()},
        record=dict(combination.record),
        calibrations=combination.calibrations,
        interval_level=combination.interval_level,
        prediction_passes=combination.prediction_passes,
    )


def load_predictor(path: Path, computing: Computing | None = None) -> Predictor:
    """Read the folder of a model, or the one in a run directory.

    Parameters
    ----------
    path
        The folder.
    computing
        Where and how predictions are computed.

    Raises
    ------
    CheckpointError
        If there is none, it is damaged or cannot be right, holds learners of a kind that is not known, or is a
        pre-trained encoder.
    """
    weights, manifest, states, shared = read_model_folder(path)
    if manifest.targets is None:
        raise CheckpointError(f"{path}: a pre-trained encoder has no target; fine-tune it with aam train")
    task = Task(targets=manifest.targets, covariate_spec=manifest.covariate_spec, data=manifest.data)
    with contents_checked(weights):
        if manifest.reference is not None:
            reference = Reference.from_arrays(Stored(_arrays(shared), {**manifest.data, **manifest.reference}))
            task = dataclasses.replace(task, reference=reference)
        task = dataclasses.replace(task, familiarity=familiarity_of(manifest, shared, task.reference))
        learners = tuple(
            _learner(member, state, task, computing or Computing())
            for member, state in zip(manifest.members, states, strict=True)
        )
        need(all(one.targets.kind == task.targets.kind for one in learners), "a member predicts another kind of target")
    return Predictor(manifest=manifest, learners=learners)


def predictor_of_states(
    manifest: Manifest, states: Sequence[State], familiarity: Familiarity | None, computing: Computing
) -> Predictor:
    """Networks in memory, which share nothing, as a model that predicts.

    Parameters
    ----------
    manifest
        Theirs.
    states
        The tensors of each.
    familiarity
        What is known of the training data.
    computing
        Where and how predictions are computed.
    """
    assert manifest.targets is not None
    task = Task(
        targets=manifest.targets,
        covariate_spec=manifest.covariate_spec,
        data=manifest.data,
        familiarity=familiarity,
    )
    pairs = zip(manifest.members, states, strict=True)
    return Predictor(manifest=manifest, learners=tuple(_learner(one, state, task, computing) for one, state in pairs))


def known_of(familiarity: Familiarity | None, *, with_asvs: bool = True) -> Known | None:
    """What is known of training data as it stands in a folder; without the ASVs where a reference has them."""
    if familiarity is None:
        return None
    stored = familiarity.to_arrays(with_asvs=with_asvs)
    return stored.facts, {f"{FAMILIARITY}{name}": tensor for name, tensor in _tensors(stored).items()}


def familiarity_of(manifest: Manifest, shared: State, reference: Reference | None = None) -> Familiarity | None:
    """The inverse of :func:`known_of`; None for a model that does not say."""
    if manifest.familiarity is None:
        return None
    stored = Stored(_arrays(shared), {**manifest.data, **manifest.familiarity}).part(FAMILIARITY)
    return Familiarity.from_arrays(stored, None if reference is None else reference.asvs)


def _learner(member: Member, state: State, task: Task, computing: Computing) -> Learner:
    """One member, of a kind that is known."""
    known = LEARNERS.get(member.kind)
    if known is None:
        raise ValueError(f"unknown learner '{shorten(member.kind)}'; known: {listed(LEARNERS, 6)}")
    return known.from_arrays(Stored(_arrays(state), member.facts), task, computing)


def _arrays(state: State) -> dict[str, np.ndarray]:
    """Tensors as arrays."""
    return {name: tensor.numpy() for name, tensor in state.items()}


def _tensors(stored: Stored) -> State:
    """Arrays as tensors: copies, since learners may share an array, and the library writes no memory twice."""
    return {name: torch.from_numpy(np.array(array, order="C")) for name, array in stored.arrays.items()}
