"""A learner of any kind whose predictions take in those of earlier samples of the same subject.

The learner itself reads one sample at a time. Of earlier samples it reads nothing but their reads, never their targets.

Legend of shapes: ``B`` rows that are asked for, ``K`` earlier samples, ``O`` outputs.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from aam.config.json_dataclass import need
from aam.data.targets.targets import Targets
from aam.learners.earlier.carry import Carry, Known, carried, fit_carries
from aam.learners.folds import LearnsByFolds
from aam.learners.protocol import Computing, Labelled, Learner, Task
from aam.learners.stored import PerStudyCache, Stored

if TYPE_CHECKING:
    from aam.data.study.study import Study


class WithEarlier(LearnsByFolds):
    """A learner, and how its predictions of earlier samples change that of a sample.

    Parameters
    ----------
    learner
        Predicts each sample alone.
    carries
        One for each target; none where earlier samples change nothing.
    """

    kind = "with_earlier"
    known: ClassVar[Mapping[str, type[Learner]]] = {}
    """Kinds of learners that may be in it; told by the registry."""

    def __init__(self, learner: Learner, carries: tuple[Carry, ...] = ()) -> None:
        self.learner = learner
        self.carries = carries
        self._past = PerStudyCache(_Predicted)

    @property
    def task(self) -> Task:
        """What is to be learned."""
        return self.learner.task

    @task.setter
    def task(self, task: Task) -> None:
        self.learner = copy(self.learner)
        self.learner.task = task

    @property
    def targets(self) -> Targets:
        """What it predicts."""
        return self.learner.targets

    @property
    def carried_columns(self) -> tuple[str, ...]:
        """The targets whose predictions earlier samples change."""
        if not self.carries:
            return ()
        pairs = zip(self.targets.columns, self.carries, strict=True)
        return tuple(column for column, one in pairs if one.pull or one.drift)

    @property
    def alone(self) -> Learner:
        """The learner that reads one sample at a time."""
        return self.learner.alone

    def cross_fit(self, study: Study, samples: Labelled, folds: np.ndarray) -> np.ndarray:
        """Learn, and predict each sample without its fold, with what the other folds say of earlier samples.

        Where those of the other folds do not become better with earlier samples, a prediction stays as it is.
        """
        self.learner.on_fold = self.on_fold
        alone_BO = self.learner.cross_fit(study, samples, folds)
        self.learner.on_fold = None
        self._past = PerStudyCache(_Predicted)
        self.carries = ()
        known = _known_of_training(study, samples.rows, alone_BO)
        if known is None:
            return alone_BO
        weights = np.ones(len(samples)) if samples.weights is None else samples.weights

        def fit(chosen: np.ndarray) -> tuple[Carry, ...]:
            some = known.take(chosen), samples.targets[chosen], weights[chosen], folds[chosen]
            return fit_carries(*some, classes=self._is_class, outputs=self.targets.outputs)

        found_BO = alone_BO.copy()
        for fold in np.unique(folds):
            own = folds == fold
            found_BO[own] = self._carried(known.take(own), fit(~own))
        self.carries = fit(np.ones(len(samples), dtype=bool))
        return found_BO

    def expected_seconds(self, study: Study, samples: Labelled, folds: np.ndarray) -> float:
        """That of the learner: what is done beside it takes no time to speak of."""
        return self.learner.expected_seconds(study, samples, folds)

    def without_fold(self) -> Self:
        """Another one, not fitted."""
        return type(self)(self.learner.without_fold())

    def predict(self, study: Study, rows: np.ndarray, draw: int = 0) -> np.ndarray:
        """Predictions of the learner, with what it predicts of earlier samples of the study; alone where it has none.

        Earlier samples are those that :func:`~aam.data.study.earlier.with_earlier` found, as they were then.
        """
        now_BO = self.learner.predict(study, rows, draw)
        earlier = study.earlier
        if earlier is None or not self.carries:
            return now_BO
        row_BK = earlier.row_NK[rows]
        past_BKO = self._past(earlier.study).of(self.learner, row_BK, draw)
        known = Known(now_BO=now_BO, past_BKO=past_BKO, gap_BK=earlier.gap_NK[rows], has_BK=row_BK >= 0)
        return self._carried(known, self.carries)

    def computed_by(self, computing: Computing) -> Learner:
        """The same, computed so."""
        return WithEarlier(self.learner.computed_by(computing), self.carries)

    def to_arrays(self) -> Stored:
        """The learner's arrays; its facts, and what earlier samples change."""
        own = self.learner.to_arrays()
        name = own.facts.get("name", self.learner.kind)
        carries = [one.to_dict() for one in self.carries]
        return Stored(own.arrays, {"name": name, "of": self.learner.kind, "own": dict(own.facts), "carries": carries})

    @classmethod
    def from_arrays(cls, stored: Stored, task: Task, computing: Computing) -> Self:
        """The same; everything is checked."""
        kind, own, carries = (stored.facts.get(name) for name in ("of", "own", "carries"))
        need(isinstance(kind, str) and kind in cls.known and kind != cls.kind, "unknown learner of earlier samples")
        need(isinstance(own, dict) and isinstance(carries, list), "a learner of earlier samples lacks its facts")
        learner = cls.known[str(kind)].from_arrays(Stored(stored.arrays, own or {}), task, computing)
        found = tuple(map(Carry.from_dict, carries or ()))
        need(len(found) in (0, len(task.targets)), "the earlier samples are not those of the targets")
        return cls(learner, found)

    def _carried(self, known: Known, carries: tuple[Carry, ...]) -> np.ndarray:
        return carried(known, carries, classes=self._is_class, outputs=self.targets.outputs)

    @property
    def _is_class(self) -> bool:
        return bool(self.task.targets.specs[0].classes)


class _Predicted:
    """Predictions of the samples of a study, each made once for a draw.

    Parameters
    ----------
    study
        The study.
    """

    def __init__(self, study: Study) -> None:
        self.study = study
        self.found: dict[int, np.ndarray] = {}

    def of(self, learner: Learner, row_BK: np.ndarray, draw: int) -> np.ndarray:
        """Predictions of rows, ``B x K x O``; 0 for row -1."""
        wanted = np.unique(row_BK[row_BK >= 0])
        if draw not in self.found:
            self.found[draw] = np.full((len(self.study), *learner.task.output_shape), np.nan)
        known_NO = self.found[draw]
        new = wanted[np.isnan(known_NO[wanted, 0])]
        if len(new):
            known_NO[new] = learner.predict(self.study, new, draw)
        return np.where(row_BK[:, :, None] >= 0, known_NO[row_BK], 0.0)


def _known_of_training(study: Study, rows: np.ndarray, alone_BO: np.ndarray) -> Known | None:
    """Out-of-fold predictions of training samples and of the earlier ones, which are training samples too.

    None where none has an earlier one. An earlier sample that is not among those of training is passed over.
    """
    earlier = study.earlier
    if earlier is None:
        return None
    place_of = {sample_id: place for place, sample_id in enumerate(study.sample_ids[rows])}
    place_N = np.array([place_of.get(sample_id, -1) for sample_id in earlier.study.sample_ids], dtype=np.int64)
    row_BK = earlier.row_NK[rows]
    place_BK = np.where(row_BK >= 0, place_N[row_BK], -1)
    if not (place_BK >= 0).any():
        return None
    return Known(
        now_BO=alone_BO,
        past_BKO=np.where(place_BK[:, :, None] >= 0, alone_BO[place_BK], 0.0),
        gap_BK=earlier.gap_NK[rows],
        has_BK=place_BK >= 0,
    )
