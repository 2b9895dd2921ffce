"""Folds within the training samples, for out-of-fold predictions, and learners that learn by them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np

from aam.config.tuning.settings import LearnerSettings
from aam.data.study.dealing import deal
from aam.data.targets.kinds import Kind
from aam.learners.protocol import Labelled, Learner

if TYPE_CHECKING:
    from aam.data.study.study import Study

FOLDS = LearnerSettings.blend_folds


def deal_folds(kind: Kind, samples: Labelled, seed: int = 42, number: int = FOLDS) -> np.ndarray:
    """Fold of each sample, from 0: groups stay whole, and folds are alike in size and in the first target.

    Parameters
    ----------
    kind
        Of the targets.
    samples
        The samples; their order matters, so that it is to be that of their ids.
    seed
        Seed.
    number
        Folds; fewer where there are fewer groups (or samples).
    """
    units = len(samples) if samples.groups is None else len(np.unique(samples.groups.astype(str)))
    first = samples.targets[:, 0]
    known = ~np.isnan(first)
    strata = np.zeros(len(samples), dtype=np.int64)
    if known.any():
        strata[known] = kind.strata(first[known])
    rng = np.random.default_rng(np.random.SeedSequence([seed, len(samples)]))
    return deal(strata, samples.groups, min(number, units), rng, cover=kind.covers_strata)


class LearnsByFolds(Learner):
    """A learner that needs folds to learn at all: what it chooses is judged by predictions out of fold."""

    def fit(
        self,
        study: Study,
        rows: np.ndarray,
        targets: np.ndarray,
        groups: np.ndarray | None = None,
        weights: np.ndarray | None = None,
    ) -> Self:
        """Learn, by folds of whole groups."""
        samples = Labelled(rows=rows, targets=targets, groups=groups, weights=weights)
        self.cross_fit(study, samples, deal_folds(self.task.targets.kind, samples))
        return self
