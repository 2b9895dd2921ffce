"""What predicts targets from samples: the protocol of a learner, and how one is stored.

A model folder holds one or several learners, which may be of different kinds. Each is fitted on the training rows of a
study, predicts rows of any study (its ASVs may be new), and becomes arrays and plain facts, never a pickle.

Legend of shapes: ``B`` rows that are asked for, ``T`` targets, ``C`` classes, ``Q`` quantiles.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from aam.config.tuning.settings import LearnerSettings
from aam.data.study.covariates import CovariateSpec, features
from aam.data.study.study import Study
from aam.data.targets.targets import Targets
from aam.learners.stored import Stored

if TYPE_CHECKING:
    from aam.learners.centring.centre import Centring
    from aam.learners.novelty.familiarity import Familiarity
    from aam.learners.reference import Reference


FEW = 200
"""Samples that a duration is measured with."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """What all learners of a model have in common.

    Attributes
    ----------
    targets
        What is predicted. Learners work in the space of :meth:`~aam.data.targets.targets.Targets.encode`.
    covariate_spec
        The covariates; None where there are none. Learners read them from the study's metadata.
    data
        How tables are treated: trimming, rarefaction, and the token limit of networks.
    reference
        What several learners share: known ASVs, their trees, training samples; None where none needs it.
    familiarity
        What is known of the training data as such; None where it is not.
    settings
        Hyper-parameters of what is to be fitted.
    centring
        Where features are centred within each study: how studies are told apart.
    """

    targets: Targets
    covariate_spec: CovariateSpec | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    reference: Reference | None = None
    familiarity: Familiarity | None = None
    settings: LearnerSettings = field(default_factory=LearnerSettings)
    centring: Centring | None = None

    @property
    def num_covariates(self) -> int:
        """Columns of :meth:`covariates`."""
        return 0 if self.covariate_spec is None else self.covariate_spec.num_features

    def covariates(self, study: Study) -> np.ndarray:
        """Covariates of all samples of a study as columns of numbers, ``N x F``; none where there are no covariates."""
        if self.covariate_spec is None:
            return np.empty((len(study), 0))
        assert study.metadata is not None
        return features(self.covariate_spec, *self.covariate_spec.encode(study.metadata))

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Shape of the prediction of a sample, such as ``T`` numbers, or ``C`` classes of all targets."""
        return self.targets.kind.output_shape(self.targets.specs)


@dataclass(frozen=True, kw_only=True)
class Computing:
    """Where and how predictions are computed; a learner uses what concerns it.

    Attributes
    ----------
    device
        As in :class:`~aam.config.RunOptions`.
    batch_size
        Samples that a network reads at once.
    seed
        Seed of rarefied draws.
    cache
        Keep the ASVs' vectors for the next start.
    """

    device: str = "auto"
    batch_size: int = 64
    seed: int = 42
    cache: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class Labelled:
    """Samples of a study with their truths in the learned space.

    Attributes
    ----------
    rows
        Their rows in the study, ``B``.
    targets
        Numbers or codes of classes, ``B x T``, NaN where one is missing.
    groups
        Group of each, where samples of one group are alike.
    weights
        Weight of each (``B``), or of each in each target (``B x T``), with a mean of 1; None for equal weights. Weights
        of classes, where some were given, are in it.
    """

    rows: np.ndarray
    targets: np.ndarray
    groups: np.ndarray | None = None
    weights: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def hold_class_weights(self, targets: Targets) -> bool:
        """Whether the weights say how much each class counts, so that nobody else is to balance them."""
        return self.weights is not None and bool(targets.specs[0].class_weights)

    def at_most(self, number: int, seed: int) -> Labelled:
        """All of them, or so many that are drawn at random."""
        if len(self) <= number:
            return self
        return self.take(np.sort(np.random.default_rng(seed).choice(len(self), number, replace=False)))

    def of_target(self, place: int) -> Labelled:
        """Those that have one of the targets, with that target alone (``B x 1``), and their weights in it (``B``)."""
        known = self.take(~np.isnan(self.targets[:, place]))
        return replace(known, targets=known.targets[:, [place]], weights=known.weights_of(place))

    def weights_of(self, place: int) -> np.ndarray | None:
        """Weight of each in one of the targets, ``B``; None for equal weights."""
        return self.weights if self.weights is None or self.weights.ndim == 1 else self.weights[:, place]

    def take(self, chosen: np.ndarray) -> Labelled:
        """Some of them: places, or a mask."""
        groups = None if self.groups is None else self.groups[chosen]
        weights = None if self.weights is None else self.weights[chosen]
        return Labelled(rows=self.rows[chosen], targets=self.targets[chosen], groups=groups, weights=weights)


class Learner(ABC):
    """Predicts targets from samples.

    Parameters
    ----------
    task
        What is to be learned.

    Notes
    -----
    A new kind is a subclass in a file of its own, with a ``kind`` that no other has, given to
    :func:`aam.learners.registry.register`.
    """

    kind: ClassVar[str]
    on_fold: Callable[[], object] | None = None
    """Called whenever :meth:`cross_fit` has learned without a fold."""

    def __init__(self, task: Task) -> None:
        self.task = task

    @property
    def targets(self) -> Targets:
        """What it predicts: the task's targets, or the variant of their kind that it learned, such as quantiles."""
        return self.task.targets

    @abstractmethod
    def fit(
        self,
        study: Study,
        rows: np.ndarray,
        targets: np.ndarray,
        groups: np.ndarray | None = None,
        weights: np.ndarray | None = None,
    ) -> Self:
        """Learn from some samples of a study.

        Parameters
        ----------
        study
            The study, with metadata where there are covariates.
        rows
            ``B`` rows to learn from.
        targets
            Their truths in the learned space: numbers or codes of classes, ``B x T``, NaN where one is missing.
        groups
            Group of each of these samples, where samples of one group are alike.
        weights
            Weight of each of these samples (``B``), or of each in each target (``B x T``); equal where left out.

        Returns
        -------
        Learner
            Itself.
        """

    def cross_fit(self, study: Study, samples: Labelled, folds: np.ndarray) -> np.ndarray:
        """Learn from samples, and predict each of them by a learner that did not see its fold.

        Parameters
        ----------
        study, samples
            The study, and its samples with their truths.
        folds
            Fold of each sample.

        Returns
        -------
        numpy.ndarray
            Out-of-fold predictions, as of :meth:`predict`.
        """
        found = np.zeros((len(samples), *self.task.output_shape))
        for fold in np.unique(folds):
            rest, held_out = samples.take(folds != fold), samples.rows[folds == fold]
            found[folds == fold] = self.without_fold()._fit(study, rest).predict(study, held_out)
            if self.on_fold is not None:
                self.on_fold()
        self._fit(study, samples)
        return found

    def expected_seconds(self, study: Study, samples: Labelled, folds: np.ndarray) -> float:
        """How long :meth:`cross_fit` would take about, measured by learning from few of the samples.

        What grows faster than the number of samples says so by a method of its own.
        """
        some = samples.at_most(FEW, seed=0)
        started = time.perf_counter()
        self.without_fold()._fit(study, some)
        return (time.perf_counter() - started) / len(some) * len(samples) * len(np.unique(folds))

    def without_fold(self) -> Self:
        """Another one, not fitted, to learn without a fold; it may be cheaper."""
        return copy(self)

    @property
    def alone(self) -> Learner:
        """What reads one sample at a time: itself, but for a learner that reads earlier samples as well."""
        return self

    def _fit(self, study: Study, samples: Labelled) -> Self:
        return self.fit(study, samples.rows, samples.targets, samples.groups, samples.weights)

    @abstractmethod
    def predict(self, study: Study, rows: np.ndarray, draw: int = 0) -> np.ndarray:
        """Predict samples of any study.

        Parameters
        ----------
        study
            Its ASVs need not be those of the training study.
        rows
            ``B`` rows to predict.
        draw
            Which of the fixed rarefied draws to read; what reads all reads gives the same in each.

        Returns
        -------
        numpy.ndarray
            float64: numbers ``B x T`` in the learned space (quantiles ``B x T x Q``), or probabilities ``B x C`` of the
            classes of all targets (:attr:`~aam.data.targets.targets.Targets.outputs`).
        """

    def computed_by(self, computing: Computing) -> Learner:
        """The same learner, which predicts where and how it is told; itself where that makes no difference."""
        return self

    @abstractmethod
    def to_arrays(self) -> Stored:
        """What :meth:`from_arrays` makes the same learner of."""

    @classmethod
    @abstractmethod
    def from_arrays(cls, stored: Stored, task: Task, computing: Computing) -> Self:
        """A fitted learner from what was stored, which is untrusted.

        Raises
        ------
        ValueError
            Saying in a few words what cannot be right.
        """
