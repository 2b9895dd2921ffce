"""Folds within the training samples, for out-of-fold predictions."""

from __future__ import annotations

import numpy as np

from aam.config.tuning.settings import LearnerSettings
from aam.data.study.dealing import deal
from aam.data.targets.kinds import Kind
from aam.learners.protocol import Labelled

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
