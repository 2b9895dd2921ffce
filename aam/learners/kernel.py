"""Kernel ridge regression on similarities to training samples, for numbers and for classes as indicators.

Samples are mapped to the principal coordinates of the similarities between the training samples that are kept
(Nystroem's approximation where not all are); a ridge regression in that space is kernel ridge regression. The penalty
is chosen by the errors of held-out folds.

Legend: ``B`` samples, ``N`` training samples that are compared with, ``P`` coordinates, ``O`` outputs, ``T`` targets,
``L`` penalties.

References
----------
Saunders, Gammerman, Vovk (1998), Ridge regression learning algorithm in dual variables, ICML. Williams, Seeger (2001),
Using the Nystroem method to speed up kernel machines, NIPS 13. Gower (1966), Biometrika 53 (centring).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from scipy.linalg import eigh

from aam.config.json_dataclass import need
from aam.learners.centring.centre import (
    StudyCentre,
    about_landmarks,
    is_centred,
    landmarks_from_array,
    landmarks_to_array,
)
from aam.learners.folds import LearnsByFolds
from aam.learners.protocol import Computing, Labelled, Task
from aam.learners.similarity import SIMILARITIES, Similarity
from aam.learners.stored import PerStudyCache, Stored
from aam.learners.timing import Trial, extrapolated, few, folds_of, half, timed
from aam.learners.trees.ordered import is_above, shares_of_levels

if TYPE_CHECKING:
    from aam.data.study.study import Study

PENALTIES = np.geomspace(1e-3, 30, 10)
"""Beside a kernel whose mean diagonal is 1."""
SMALLEST = 1e-7
"""Share of the largest eigenvalue below which a coordinate is noise."""
LARGEST = 1e100
"""Of a stored coefficient, so that predictions are numbers."""
ROWS_AT_ONCE = 512
CUBIC = 3.0
"""How steeply the time of an eigendecomposition can grow with its size."""
SUMMED_AT_ONCE = 4_096
MOST_IN_DOUBLE = 5_000
"""Samples whose coordinates are held in double precision; sums over samples always are."""


@dataclass(frozen=True, eq=False)
class Ridge:
    """The ridge regressions of one target for all penalties, on all training samples and without each fold.

    Attributes
    ----------
    coefficients_LPO, intercepts_LO
        On all samples.
    out_of_fold_LBO
        Predictions of each sample by the regressions without its fold.
    """

    coefficients_LPO: np.ndarray
    intercepts_LO: np.ndarray
    out_of_fold_LBO: np.ndarray


class KernelLearner(LearnsByFolds):
    """Kernel ridge regression.

    Parameters
    ----------
    task
        What is to be learned; with a reference.
    name
        Its name in :mod:`~aam.learners.catalogue`, which says what is compared, and how.
    """

    kind = "kernel"

    def __init__(self, task: Task, name: str) -> None:
        super().__init__(task)
        self.name = name
        self._similarity: Similarity | None = None
        self._centre: tuple[np.ndarray, float] = (np.empty(0), 1.0)
        self._dual_NO = np.empty((0, 0))
        self._slope_FO = np.empty((0, 0))
        self._intercept_O = np.empty(0)
        self._beyond_O = np.zeros(0)
        self._covariates = PerStudyCache(self._covariates_of)
        self._landmarks = np.empty(0, dtype=str) if task.centring is None else task.centring.landmarks
        self._means = None if task.centring is None else StudyCentre(task.centring.column, self._raw)

    def cross_fit(self, study: Study, samples: Labelled, folds: np.ndarray) -> np.ndarray:
        """Learn from all samples, and predict each without its fold, by a penalty that the other folds choose."""
        assert self.task.reference is not None
        self._similarity = SIMILARITIES[self.name].fit(self.name, self.task.reference, self.task.settings)
        map_NP = self._fit_map()
        if self._means is not None:
            self._means.fit(study, samples.rows)
        covariates = self._covariates(study)[samples.rows]
        points_BP = self._points(study, samples.rows, map_NP, covariates)
        wanted_BO = self._wanted(samples.targets)
        self._dual_NO = np.empty((len(map_NP), wanted_BO.shape[1]))
        self._slope_FO = np.empty((covariates.shape[1], wanted_BO.shape[1]))
        self._intercept_O = np.empty(wanted_BO.shape[1])
        found_BO = np.empty_like(wanted_BO)
        for place, outputs in enumerate(self.task.targets.outputs):
            own_BO = wanted_BO[:, outputs]
            known, weight_B = ~np.isnan(own_BO).any(axis=1), samples.weights_of(place)
            weight = np.where(known, 1.0 if weight_B is None else weight_B, 0.0)
            ridge = fit_ridge(points_BP, np.where(known[:, None], own_BO, 0.0), folds, weight)
            error_LB = np.where(known, ((ridge.out_of_fold_LBO - own_BO) ** 2).sum(axis=2), 0.0) * weight
            best = int(error_LB.sum(axis=1).argmin())
            coefficients, width = ridge.coefficients_LPO[best], map_NP.shape[1]
            self._dual_NO[:, outputs] = map_NP @ coefficients[:width]
            self._slope_FO[:, outputs] = coefficients[width:]
            self._intercept_O[outputs] = ridge.intercepts_LO[best]
            for fold in np.unique(folds):
                others = int(error_LB[:, folds != fold].sum(axis=1).argmin())
                found_BO[folds == fold, outputs] = ridge.out_of_fold_LBO[others][folds == fold]
        if self.task.targets.kind.is_count:
            weight_B = np.ones(len(samples)) if samples.weights is None else samples.weights
            self._beyond_O = _variance(found_BO, wanted_BO, weight_B)
        return self._as_predictions(found_BO)

    def expected_seconds(self, study: Study, samples: Labelled, folds: np.ndarray) -> float:
        """Measured with few samples on both sides of the kernel, whose cost grows with up to the cube of their number.

        Beyond the samples that are compared with, it grows with the number of samples.
        """
        reference = self.task.reference
        assert reference is not None
        kept, number = reference.counts.shape[0], len(np.unique(folds))

        def trial(some: Labelled) -> Trial:
            centring = self.task.centring and self.task.centring.first(len(some))
            task = replace(self.task, reference=reference.first(len(some)), centring=centring)
            own = KernelLearner(task, self.name)
            return Trial(len(some), timed(partial(own.cross_fit, study, some, folds_of(some, number))))

        some = few(samples)
        smaller, whole = trial(half(some)), trial(some)
        return extrapolated(smaller, whole, max(kept, len(some)), CUBIC) * max(1.0, len(samples) / kept)

    def predict(self, study: Study, rows: np.ndarray, draw: int = 0) -> np.ndarray:
        """Numbers, or shares of classes; all reads are used, so that every draw is the same."""
        found_BO = self._covariates(study)[rows] @ self._slope_FO + self._intercept_O
        for place, block in enumerate(self._similarities(study, rows)):
            found_BO[place * ROWS_AT_ONCE : (place + 1) * ROWS_AT_ONCE] += block @ self._dual_NO
        return self._as_predictions(found_BO)

    def to_arrays(self) -> Stored:
        """What is compared, its centre, and the coefficients."""
        assert self._similarity is not None
        own = {f"similarity.{name}": array for name, array in self._similarity.to_arrays().arrays.items()}
        centre, scale = self._centre
        fitted = {"dual": self._dual_NO, "slope": self._slope_FO, "intercept": self._intercept_O}
        fitted |= {"beyond": self._beyond_O} if self.task.targets.kind.is_count else {}
        arrays, facts = {**own, "centre": centre, "scale": np.array([scale]), **fitted}, {"name": self.name}
        if self._means is None:
            return Stored(arrays, facts)
        means = self._means.to_arrays()
        return Stored({**arrays, **means.arrays, **landmarks_to_array(self._landmarks)}, {**facts, **means.facts})

    @classmethod
    def from_arrays(cls, stored: Stored, task: Task, computing: Computing) -> Self:
        """The same learner; every array is checked."""
        name = stored.facts.get("name")
        need(isinstance(name, str) and name in SIMILARITIES, "unknown kernel")
        need(task.reference is not None, "there are no samples to compare with")
        assert task.reference is not None
        learner = cls(task, str(name))
        learner._similarity = SIMILARITIES[str(name)].from_arrays(str(name), stored.part("similarity."), task.reference)
        size, outputs = task.reference.counts.shape[0], learner._num_outputs
        scale = float(stored.array("scale", np.float64, (1,))[0])
        need(1 / LARGEST < scale < LARGEST, "a kernel has no scale")
        learner._centre = stored.array("centre", np.float64, (size,)), scale
        if is_centred(stored.facts):
            learner._means = StudyCentre.from_arrays(stored, learner._raw, size)
            learner._landmarks = landmarks_from_array(stored, size)
        learner._dual_NO = stored.array("dual", np.float64, (size, outputs))
        learner._slope_FO = stored.array("slope", np.float64, (task.num_covariates, outputs))
        learner._intercept_O = stored.array("intercept", np.float64, (outputs,))
        if task.targets.kind.is_count:
            learner._beyond_O = stored.array("beyond", np.float64, (outputs,))
            need(bool((learner._beyond_O >= 0).all()), "a variance of a kernel is negative")
        fitted = (learner._dual_NO, learner._slope_FO, learner._intercept_O, learner._beyond_O)
        for array in (learner._centre[0], *fitted):
            need(bool((np.abs(array) < LARGEST).all()), "a coefficient of a kernel is too large")
        return learner

    @property
    def similarity(self) -> Similarity:
        """What it compares samples by."""
        assert self._similarity is not None
        return self._similarity

    @property
    def _num_outputs(self) -> int:
        return self.task.targets.outputs[-1].stop - self.task.targets.kind.is_ordered

    def _wanted(self, targets: np.ndarray) -> np.ndarray:
        """Numbers, square roots of counts, or an indicator of each class or cut between levels; NaN where missing."""
        specs, kind = self.task.targets.specs, self.task.targets.kind
        if kind.is_count:
            return np.sqrt(np.asarray(targets, dtype=np.float64))
        if kind.is_ordered:
            return is_above(targets[:, 0], len(specs[0].classes))
        wanted = [np.empty((len(targets), 0))]
        for place, spec in enumerate(specs):
            own_B1 = np.asarray(targets[:, [place]], dtype=np.float64)
            if spec.classes:
                is_it_BC = (own_B1 == np.arange(len(spec.classes))).astype(np.float64)
                own_B1 = np.where(np.isnan(own_B1), np.nan, is_it_BC)
            wanted.append(own_B1)
        return np.concatenate(wanted, axis=1)

    def _as_predictions(self, found_BO: np.ndarray) -> np.ndarray:
        """Numbers, shares that sum to 1 in each target, or expected counts.

        The mean of a square is that of its root squared, and its variance.
        """
        if self.task.targets.kind.is_count:
            return np.asarray(np.maximum(found_BO, 0) ** 2 + self._beyond_O)
        if not self.task.targets.specs[0].classes:
            return found_BO
        if self.task.targets.kind.is_ordered:
            return shares_of_levels(found_BO)
        positive = np.maximum(found_BO, SMALLEST)
        shares = [own / own.sum(axis=1, keepdims=True) for own in (positive[:, o] for o in self.task.targets.outputs)]
        return np.concatenate(shares, axis=1)

    def _points(self, study: Study, rows: np.ndarray, map_NP: np.ndarray, covariates: np.ndarray) -> np.ndarray:
        """Coordinates and covariates of some samples; of many in single precision, for their memory."""
        width = map_NP.shape[1]
        dtype = np.float64 if len(rows) <= MOST_IN_DOUBLE else np.float32
        points_BP = np.empty((len(rows), width + covariates.shape[1]), dtype=dtype)
        for place, block in enumerate(self._similarities(study, rows)):
            points_BP[place * ROWS_AT_ONCE : (place + 1) * ROWS_AT_ONCE, :width] = block @ map_NP
        points_BP[:, width:] = covariates
        return points_BP

    def _fit_map(self) -> np.ndarray:
        """Centre and scale the kernel; from centred similarities to principal coordinates, ``N x P``."""
        similarity = self._similarity
        assert similarity is not None
        kernel = similarity.between(similarity.embedded, similarity.embedded)
        centre = kernel.mean(axis=0)
        kernel = _centred(kernel, centre)
        if self._means is not None:
            kernel = about_landmarks(about_landmarks(kernel, self._landmarks).T, self._landmarks)
        scale = float(np.trace(kernel)) / len(kernel)
        self._centre = centre, scale if scale > 0 else 1.0
        value, vector = eigh((kernel + kernel.T) / 2 / self._centre[1])
        kept = value > SMALLEST * max(value[-1], SMALLEST)
        return np.asarray(vector[:, kept] / np.sqrt(value[kept]))

    def _similarities(self, study: Study, rows: np.ndarray) -> Iterator[np.ndarray]:
        """Centred and scaled similarities of some samples to the training samples, block by block."""
        centre, scale = self._centre
        for start in range(0, len(rows), ROWS_AT_ONCE):
            some = rows[start : start + ROWS_AT_ONCE]
            block = self._raw(study, some)
            if self._means is None:
                yield _centred(block, centre) / scale
            else:
                yield about_landmarks(block - self._means.means(study, some), self._landmarks) / scale

    def _raw(self, study: Study, rows: np.ndarray) -> np.ndarray:
        """Similarities of some samples to the training samples as they are."""
        similarity = self._similarity
        assert similarity is not None
        return similarity.between(similarity.embed(similarity.reference.reads_of(study, rows)), similarity.embedded)

    def _covariates_of(self, study: Study) -> np.ndarray:
        """Covariates of all samples, which weigh as much as the kernel together."""
        return np.asarray(self.task.covariates(study) / np.sqrt(max(1, self.task.num_covariates)), dtype=np.float64)


def _variance(found_BO: np.ndarray, wanted_BO: np.ndarray, weight_B: np.ndarray) -> np.ndarray:
    """Weighted mean of the squared errors out of fold, of what is there (``O``)."""
    known_BO = ~np.isnan(wanted_BO)
    error_BO = np.where(known_BO, found_BO - np.where(known_BO, wanted_BO, 0), 0)
    return np.asarray(weight_B @ error_BO**2 / (weight_B @ known_BO))


def _centred(similarities: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """Similarities to the training samples as inner products about the training samples' mean."""
    return similarities - similarities.mean(axis=1, keepdims=True) - centre + centre.mean()


def fit_ridge(points_BP: np.ndarray, wanted_BO: np.ndarray, folds: np.ndarray, weight_B: np.ndarray) -> Ridge:
    """Ridge regressions with a free intercept, for all penalties, on all samples and without each fold.

    Parameters
    ----------
    points_BP, wanted_BO
        What is regressed on, and what is wanted.
    folds
        Fold of each sample.
    weight_B
        Weights; samples of weight 0 are predicted and not learned from.
    """
    numbers = np.unique(folds)
    sums = [_Sums.of(points_BP, wanted_BO, weight_B, folds == fold) for fold in numbers]
    whole = sum(sums[1:], sums[0])
    coefficients, intercepts = whole.solve()
    found = np.empty((len(PENALTIES), *wanted_BO.shape))
    for fold, own in zip(numbers, sums, strict=True):
        held_out = folds == fold
        slopes, ends = (whole - own).solve()
        found[:, held_out] = points_BP[held_out] @ slopes + ends[:, None]
    return Ridge(coefficients, intercepts, found)


@dataclass(frozen=True, eq=False)
class _Sums:
    """Weighted sums over samples: what a least-squares fit needs of them."""

    weight: float
    x: np.ndarray
    y: np.ndarray
    xx: np.ndarray
    xy: np.ndarray

    @classmethod
    def of(cls, points_BP: np.ndarray, wanted_BO: np.ndarray, weight_B: np.ndarray, chosen: np.ndarray) -> _Sums:
        """Sums over the chosen samples, block by block."""
        width, outputs = points_BP.shape[1], wanted_BO.shape[1]
        total = cls(0.0, np.zeros(width), np.zeros(outputs), np.zeros((width, width)), np.zeros((width, outputs)))
        places = np.flatnonzero(chosen)
        for start in range(0, len(places), SUMMED_AT_ONCE):
            some = places[start : start + SUMMED_AT_ONCE]
            points, wanted, weight = points_BP[some].astype(np.float64), wanted_BO[some], weight_B[some]
            weighted = points * weight[:, None]
            sums = (
                float(weight.sum()),
                weighted.sum(axis=0),
                weight @ wanted,
                weighted.T @ points,
                weighted.T @ wanted,
            )
            total = total + cls(*sums)
        return total

    def __add__(self, other: _Sums) -> _Sums:
        return self._with(other, 1)

    def __sub__(self, other: _Sums) -> _Sums:
        return self._with(other, -1)

    def _with(self, other: _Sums, sign: int) -> _Sums:
        names: dict[str, Any] = {name: getattr(self, name) + sign * getattr(other, name) for name in vars(self)}
        return _Sums(**names)

    def solve(self) -> tuple[np.ndarray, np.ndarray]:
        """Coefficients ``L x P x O`` and intercepts ``L x O``."""
        x, y = self.x / self.weight, self.y / self.weight
        value, vector = eigh(self.xx - self.weight * np.outer(x, x))
        turned = vector.T @ (self.xy - self.weight * np.outer(x, y))
        shrunk = turned / (np.maximum(value, 0)[:, None] + PENALTIES[:, None, None])
        coefficients = vector @ shrunk
        return coefficients, y - x @ coefficients
