"""The fitting of one member of a blend, in this process or in another, which gives back what a model folder has."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from aam.data.study.study import Study
from aam.learners.protocol import Computing, Labelled, Learner
from aam.learners.stored import Stored


@dataclass(frozen=True, eq=False)
class CrossFitted:
    """A fitted learner, its out-of-fold predictions of all samples, and the seconds that both took."""

    learner: Learner
    out_of_fold: np.ndarray
    seconds: float


@dataclass(frozen=True, eq=False)
class CrossFit:
    """What is to be fitted: called, it does so for another process.

    Attributes
    ----------
    learner
        Not fitted.
    study, samples, folds
        As for :meth:`~aam.learners.protocol.Learner.cross_fit`.
    """

    learner: Learner
    study: Study
    samples: Labelled
    folds: np.ndarray

    def here(self) -> CrossFitted:
        """Fit it in this process."""
        started = time.monotonic()
        out_of_fold = self.learner.cross_fit(self.study, self.samples, self.folds)
        return CrossFitted(self.learner, out_of_fold, time.monotonic() - started)

    def __call__(self) -> Sent:
        """Fit it, and give what another process can make the same learner of."""
        found = self.here()
        return Sent(found.learner.to_arrays(), found.learner.task.data, found.out_of_fold, found.seconds)


@dataclass(frozen=True, eq=False)
class Sent:
    """A fitted learner as arrays, without what all learners of a task share."""

    stored: Stored
    data: Mapping[str, Any]
    out_of_fold: np.ndarray
    seconds: float

    def for_task(self, learner: Learner) -> CrossFitted:
        """The fitted learner, as one of the same task as the unfitted one."""
        task = dataclasses.replace(learner.task, data=self.data)
        computing = getattr(learner, "computing", Computing())
        return CrossFitted(type(learner).from_arrays(self.stored, task, computing), self.out_of_fold, self.seconds)
