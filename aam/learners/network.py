"""The network as a learner: fitted by a training run of its own, predicted from rarefied draws.

Legend of shapes: ``B`` rows that are asked for, ``T`` targets, ``C`` classes, ``Q`` quantiles.
"""

from __future__ import annotations

import dataclasses
import time
from contextlib import nullcontext
from copy import copy
from typing import Self

import numpy as np
import torch

from aam.config import TrainConfig
from aam.data.batches.loaders import LoaderOptions
from aam.data.study.study import Study
from aam.data.targets.targets import Targets
from aam.learners.protocol import Computing, Labelled, Learner, Task
from aam.learners.stored import PerAsvsCache, PerStudyCache, Stored
from aam.log import only_notes, say
from aam.models.folder.description import ModelDescription, read_network
from aam.models.folder.weights import network_of
from aam.models.inference import BatchPredictor
from aam.models.sequence_encoder import SequenceEncoder
from aam.models.sequence_predictor import SequencePredictor, encoder_of
from aam.models.vector_cache import StudyVectors
from aam.text import format_duration
from aam.training.hardware.device import choose_device


class NetworkLearner(Learner):
    """One network.

    Parameters
    ----------
    task
        What is to be learned.
    computing
        Where and how predictions are computed.
    config
        How to train it; None for a network that is only to predict. Its files and columns are not read.
    """

    kind = "network"

    def __init__(self, task: Task, computing: Computing, config: TrainConfig | None = None) -> None:
        super().__init__(task)
        self.computing = computing
        self.config = config
        self.is_one_of_many = False
        self._network: SequenceEncoder | SequencePredictor | None = None
        self._description: ModelDescription | None = None
        self._forget_studies()

    @property
    def targets(self) -> Targets:
        """The task's targets, as its loss learns them."""
        return self.description.targets or self.task.targets

    @property
    def description(self) -> ModelDescription:
        """What describes it."""
        assert self._description is not None
        return self._description

    @property
    def network(self) -> SequenceEncoder | SequencePredictor:
        """The fitted network."""
        assert self._network is not None
        return self._network

    def fit(
        self,
        study: Study,
        rows: np.ndarray,
        targets: np.ndarray,
        groups: np.ndarray | None = None,
        weights: np.ndarray | None = None,
    ) -> Self:
        """Train a network; some of the samples (whole groups) choose its best epoch, as in ``aam train``.

        Weights are those of its configuration.
        """
        from aam.learners.network_training import train_network

        assert self.config is not None
        own = study.take(rows)
        started = time.monotonic()
        with only_notes() if self.is_one_of_many else nullcontext():
            self._network, self._description = train_network(self.config, self.task, own, targets, groups)
        if self.is_one_of_many:
            say(f"network: trained on {len(rows):,} samples in {format_duration(time.monotonic() - started)}")
        self._forget_studies()
        self.task = dataclasses.replace(self.task, data={**self.description.data, **self.task.data})
        return self

    def expected_seconds(self, study: Study, samples: Labelled, folds: np.ndarray) -> float:
        """At most: all epochs of all trainings, by the first steps of one."""
        from aam.learners.network_training import seconds_of_network_epoch

        assert self.config is not None
        own = study.take(samples.rows)
        epoch = seconds_of_network_epoch(self.config, self.task, own, samples.targets, samples.groups)
        return epoch * self.config.optim.epochs * len(np.unique(folds))

    def without_fold(self) -> Self:
        """Another one, of which little is said."""
        learner = copy(self)
        learner.is_one_of_many = True
        return learner

    def predict(self, study: Study, rows: np.ndarray, draw: int = 0) -> np.ndarray:
        """Outputs of the network for a rarefied draw of each sample."""
        outputs = self.interpreter(study).run(rows, draw)
        found = [output.learned for output in outputs if output.learned is not None]
        return np.concatenate(found) if found else np.empty((0, *self.task.output_shape))

    def vectors(self, study: Study, rows: np.ndarray, draw: int = 0) -> np.ndarray:
        """Vectors of some samples (float32), each from a rarefied draw."""
        return np.concatenate([output.vectors_BD for output in self.interpreter(study).run(rows, draw)])

    def interpreter(self, study: Study) -> BatchPredictor:
        """The network, with the ASVs of a study encoded; the same for the study that was asked for last."""
        return self._interpreter(study)

    def computed_by(self, computing: Computing) -> Learner:
        """Another learner with the same network."""
        learner = copy(self)
        learner.computing = computing
        learner._forget_studies()
        return learner

    def to_arrays(self) -> Stored:
        """The weights, and what describes the network."""
        assert self._network is not None
        state = self._network.state_dict()
        return Stored({name: tensor.detach().cpu().numpy() for name, tensor in state.items()}, self.description.facts)

    @classmethod
    def from_arrays(cls, stored: Stored, task: Task, computing: Computing) -> Self:
        """The network with its weights."""
        learner = cls(task, computing)
        description = read_network(stored.facts, task.targets, task.covariate_spec, task.data)
        state = {name: torch.from_numpy(array) for name, array in stored.arrays.items()}
        learner._network, learner._description = network_of(description, state), description
        return learner

    def _forget_studies(self) -> None:
        """Keep nothing of the studies that were read before: the network, or where it computes, is another."""
        self._interpreter = PerStudyCache(self._batch_predictor_of)
        self._vectors = PerAsvsCache(self._vectors_of)

    def _vectors_of(self, tokens: np.ndarray) -> StudyVectors:
        assert self._network is not None
        encoder, computing = encoder_of(self._network).asv_encoder, self.computing
        return StudyVectors(encoder, tokens, choose_device(computing.device), cache=computing.cache)

    def _batch_predictor_of(self, study: Study) -> BatchPredictor:
        assert self._network is not None
        spec, computing = self.task.covariate_spec, self.computing
        covariates = None
        if spec is not None:
            assert study.metadata is not None
            covariates = spec.encode(study.metadata)
        loading = LoaderOptions(batch_size=computing.batch_size, seed=computing.seed)
        device, sampling = choose_device(computing.device), self.description.sampling
        vectors = [self._vectors(study)]
        return BatchPredictor([self._network], study, sampling, loading, device, covariates, vectors=vectors)
