"""Vectors of samples as a combination of learners sees them: kernel principal components of what it compares.

Each member compares two samples: a kernel ridge by its similarity, trees by the share of their leaves that both are in
(the proximity of a random forest), a network by the inner product of its sample vectors. Centred, and scaled to a mean
of 1 over some landmarks, these are added by the weights of the members' predictions. The landmarks' principal
coordinates give every sample a place (Nystroem's method); distances between places are those of the combination.

Legend: ``B`` samples, ``N`` landmarks, ``D`` coordinates, ``E`` leaves.

References
----------
Schoelkopf, Smola, Mueller (1998), Nonlinear component analysis as a kernel eigenvalue problem, Neural Computation 10.
Williams, Seeger (2001), Using the Nystroem method to speed up kernel machines, NIPS 13. Breiman (2001), Random forests,
Machine Learning 45 (proximities).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.linalg import eigh
from scipy.sparse import csr_array

from aam.data.readers.table import Table
from aam.data.study.rarefaction import sample_key
from aam.data.study.study import Study
from aam.errors import CheckpointError
from aam.learners.kernel import KernelLearner
from aam.learners.network import NetworkLearner
from aam.learners.reference import MAX_SAMPLES, Reference
from aam.learners.trees.extra_trees import CladeTreesLearner
from aam.learners.trees.forest import ForestLearner

if TYPE_CHECKING:
    from aam.learners.predictor import Predictor
    from aam.learners.protocol import Learner

DIMENSIONS = 64
"""Coordinates of a sample, where no other number is asked for."""
ROWS_AT_ONCE = 512
SMALLEST = 1e-7
"""Share of the largest eigenvalue below which a coordinate is noise."""
SMALLEST_WEIGHT = 1e-6


class Comparison(ABC):
    """What one member compares samples with landmarks by.

    Parameters
    ----------
    study, rows
        The landmarks.
    """

    @abstractmethod
    def with_landmarks(self, study: Study, rows: np.ndarray, draw: int = 0) -> np.ndarray:
        """How alike some samples and the landmarks are, ``B x N``; ``draw`` is the rarefied draw of a network."""

    @abstractmethod
    def among_landmarks(self) -> np.ndarray:
        """The same of the landmarks, ``N x N``."""


class _ByKernel(Comparison):
    """By the similarity of a kernel ridge."""

    def __init__(self, learner: KernelLearner, study: Study, rows: np.ndarray) -> None:
        self.similarity = learner.similarity
        self.embedded = self._embed(study, rows)

    def with_landmarks(self, study: Study, rows: np.ndarray, draw: int = 0) -> np.ndarray:
        return self.similarity.between(self._embed(study, rows), self.embedded)

    def among_landmarks(self) -> np.ndarray:
        return self.similarity.between(self.embedded, self.embedded)

    def _embed(self, study: Study, rows: np.ndarray) -> Any:
        return self.similarity.embed(self.similarity.reference.reads_of(study, rows))


class _ByLeaves(Comparison):
    """By the share of trees in which two samples are in one leaf; of several targets their weighted mean."""

    def __init__(
        self, learner: ForestLearner | CladeTreesLearner, weight_T: np.ndarray, study: Study, rows: np.ndarray
    ) -> None:
        self.learner = learner
        self.weight_T = weight_T / weight_T.sum()
        self.leaves = learner.leaves(study, rows)

    def with_landmarks(self, study: Study, rows: np.ndarray, draw: int = 0) -> np.ndarray:
        return self._shared(self.learner.leaves(study, rows))

    def among_landmarks(self) -> np.ndarray:
        return self._shared(self.leaves)

    def _shared(self, leaves: Sequence[csr_array]) -> np.ndarray:
        found = np.zeros((leaves[0].shape[0], self.leaves[0].shape[0]))
        weights = np.broadcast_to(self.weight_T, len(leaves))
        for weight, own, landmarks in zip(weights / weights.sum(), leaves, self.leaves, strict=True):
            num_trees = own.indptr[1] - own.indptr[0]
            found += weight * (own @ landmarks.T).toarray() / num_trees
        return found


class _ByVectors(Comparison):
    """By the inner product of a network's sample vectors, about the landmarks' mean."""

    def __init__(self, learner: NetworkLearner, study: Study, rows: np.ndarray) -> None:
        self.learner = learner
        vectors = learner.vectors(study, rows).astype(np.float64)
        self.mean = vectors.mean(axis=0)
        self.vectors = vectors - self.mean

    def with_landmarks(self, study: Study, rows: np.ndarray, draw: int = 0) -> np.ndarray:
        return np.asarray((self.learner.vectors(study, rows, draw) - self.mean) @ self.vectors.T)

    def among_landmarks(self) -> np.ndarray:
        return self.vectors @ self.vectors.T


@dataclass(frozen=True, eq=False)
class SampleSpace:
    """Where samples are as a combination of learners sees them.

    Attributes
    ----------
    comparisons
        What its members compare by, with the factor of each in the sum.
    centre_N
        Mean similarity of the landmarks to each of them.
    map_ND
        From centred similarities to coordinates.
    share
        Share of the landmarks' variation that the coordinates have.
    names
        The members in it, with their share of the sum.
    left_out
        Members that the landmarks cannot be compared by: covariates of training samples are not kept.
    knows_training
        Whether the landmarks are training samples, so that a sample's vector does not depend on who else is asked for.
    """

    comparisons: tuple[tuple[float, Comparison], ...]
    centre_N: np.ndarray
    map_ND: np.ndarray
    share: float
    names: tuple[tuple[str, float], ...]
    left_out: tuple[str, ...]
    knows_training: bool

    @property
    def is_drawn(self) -> bool:
        """Whether a network in it reads rarefied draws."""
        return any(isinstance(one, _ByVectors) for _, one in self.comparisons)

    def vectors(self, study: Study, rows: np.ndarray, draw: int = 0) -> np.ndarray:
        """Coordinates of some samples of any study, ``B x D`` (float32), in memory for a block of them."""
        found = np.empty((len(rows), self.map_ND.shape[1]), dtype=np.float32)
        for start in range(0, len(rows), ROWS_AT_ONCE):
            some = rows[start : start + ROWS_AT_ONCE]
            similarity = sum(factor * one.with_landmarks(study, some, draw) for factor, one in self.comparisons)
            found[start : start + ROWS_AT_ONCE] = _centred(np.asarray(similarity), self.centre_N) @ self.map_ND
        return found


def fit_sample_space(predictor: Predictor, study: Study, dimensions: int = DIMENSIONS, seed: int = 42) -> SampleSpace:
    """The space of the samples of a model.

    Its landmarks are the training samples that the model keeps; where it keeps none (a forest alone), or none that its
    members can read, they are samples of the study, ``MAX_SAMPLES`` at most.

    Parameters
    ----------
    predictor
        The learners and their weights.
    study
        The samples that are to be placed, treated as those of training.
    dimensions
        Coordinates ``D`` at most.
    seed
        Seed of the choice of landmarks among the samples of the study.

    Raises
    ------
    CheckpointError
        If the model has a learner that compares nothing.
    """
    weights_MT = _weights(predictor)
    used = [place for place, weight in enumerate(weights_MT.mean(axis=1)) if weight > SMALLEST_WEIGHT]
    task = predictor.learners[0].task
    kept = [place for place in used if _reads_reads_alone(predictor.learners[place])] if task.reference else []
    landmarks = study_of_reference(task.reference, task.data) if task.reference and kept else study
    rows = np.arange(len(landmarks))
    if not kept and len(rows) > MAX_SAMPLES:
        rows = np.sort(np.random.default_rng(seed).choice(len(rows), MAX_SAMPLES, replace=False))
    shown = kept or used
    compared = [(place, _comparison(predictor.learners[place], weights_MT[place], landmarks, rows)) for place in shown]
    kernel, factors = np.zeros((len(rows), len(rows))), []
    for place, one in compared:
        own = one.among_landmarks()
        scale = float(np.trace(_centred(own, own.mean(axis=0)))) / len(own)
        factors.append(float(weights_MT[place].mean()) / scale if scale > 0 else 0.0)
        kernel += factors[-1] * own
    centre = kernel.mean(axis=0)
    map_ND, share = _coordinates(_centred(kernel, centre), dimensions)
    total = sum(float(weights_MT[place].mean()) for place in shown)
    named = [(label_of(predictor.learners[place]), float(weights_MT[place].mean()) / total) for place in shown]
    return SampleSpace(
        comparisons=tuple((factor, one) for factor, (_, one) in zip(factors, compared, strict=True)),
        centre_N=centre,
        map_ND=map_ND,
        share=share,
        names=tuple(named),
        left_out=tuple(label_of(predictor.learners[place]) for place in used if place not in shown),
        knows_training=bool(kept),
    )


def label_of(learner: Learner) -> str:
    """The name of a learner in the catalogue, or its kind."""
    learner = learner.alone
    if isinstance(learner, CladeTreesLearner):
        return f"trees-{learner.tree}"
    return learner.name if isinstance(learner, KernelLearner) else learner.kind


def study_of_reference(reference: Reference, data: Any) -> Study:
    """The training samples that a model keeps as a study; they have no names, and their ASVs have numbers for ids."""
    number = reference.counts.shape[0]
    sample_ids = np.array([f"training {place}" for place in range(number)], dtype=object)
    asv_ids = np.array([f"ASV {place}" for place in range(len(reference.tokens))], dtype=object)
    table = Table(
        counts=reference.counts,
        sample_ids=sample_ids,
        asv_ids=asv_ids,
        sequences=asv_ids,
        studies=np.full(number, "training", dtype=object),
        notes=(),
        has_dna=reference.has_dna,
    )
    return Study(
        table=table,
        tokens=reference.tokens,
        lengths=(reference.tokens != 0).sum(axis=1),
        keys=np.array([sample_key(name) for name in sample_ids], dtype=np.uint64),
        metadata=None,
        targets={},
        weights=None,
        tree=None,
        phylogeny=None,
        distances=None,
        taxonomy_labels=None,
        taxonomy_classes=(),
        rarefy_depth=data.get("rarefy_depth"),
        table_ids=sample_ids,
        flow=(),
        notes=(),
    )


def _weights(predictor: Predictor) -> np.ndarray:
    """Weight of each member in each target, ``M x T``; equal ones where the model has none."""
    weights, number = predictor.manifest.weights, len(predictor.learners)
    return np.array(weights) if weights else np.full((number, 1), 1 / number)


def _reads_reads_alone(learner: Learner) -> bool:
    """Whether it compares samples without their covariates."""
    return isinstance(learner.alone, KernelLearner) or not learner.task.num_covariates


def _comparison(learner: Learner, weight_T: np.ndarray, study: Study, rows: np.ndarray) -> Comparison:
    learner = learner.alone
    if isinstance(learner, KernelLearner):
        return _ByKernel(learner, study, rows)
    if isinstance(learner, ForestLearner | CladeTreesLearner):
        return _ByLeaves(learner, weight_T, study, rows)
    if isinstance(learner, NetworkLearner):
        return _ByVectors(learner, study, rows)
    raise CheckpointError(f"a learner of the kind '{learner.kind}' has no vectors of samples")


def _centred(similarity: np.ndarray, centre_N: np.ndarray) -> np.ndarray:
    """Similarities to the landmarks as inner products about the landmarks' mean."""
    return np.asarray(similarity - similarity.mean(axis=1, keepdims=True) - centre_N + centre_N.mean())


def _coordinates(kernel_NN: np.ndarray, dimensions: int) -> tuple[np.ndarray, float]:
    """From centred similarities to the first coordinates, and their share of the positive variation."""
    value, vector = eigh((kernel_NN + kernel_NN.T) / 2)
    value, vector = value[::-1], vector[:, ::-1]
    positive = float(value[value > 0].sum())
    kept = np.flatnonzero(value[:dimensions] > SMALLEST * max(float(value[0]), SMALLEST))
    largest = np.abs(vector[:, kept]).argmax(axis=0)
    signs = np.sign(vector[largest, kept])
    share = float(value[kept].sum()) / positive if positive > 0 else 0.0
    return vector[:, kept] * signs / np.sqrt(value[kept]), share
