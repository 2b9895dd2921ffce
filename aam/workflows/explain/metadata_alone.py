"""Predictions from covariates alone: a random forest and a linear model, blended as learners of the microbiome are.

Legend of shapes: ``B`` samples, ``F`` columns of covariates, ``O`` outputs, ``T`` targets.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from aam.learners.blend import cross_blend
from aam.learners.kernel import PENALTIES
from aam.learners.protocol import Labelled, Task
from aam.learners.trees.arrays import grow
from aam.learners.trees.forest import ForestSettings, new_forest

TREES = 100
MOST_STEPS = 1_000

Fit = Callable[[np.ndarray, np.ndarray], Any]


def from_metadata(task: Task, read_BF: np.ndarray, samples: Labelled, fold_B: np.ndarray, seed: int) -> np.ndarray:
    """Out-of-fold predictions, in the learned space: ``B x T``, or class probabilities ``B x C``.

    Parameters
    ----------
    task
        What is to be learned.
    read_BF
        The covariates of the samples.
    samples, fold_B
        The samples with their truths, and the fold of each.
    seed
        Seed of the forest.
    """
    is_class = bool(task.targets.specs[0].classes)

    def forest(read: np.ndarray, values: np.ndarray) -> Any:
        estimator = new_forest(ForestSettings(n_estimators=TREES, seed=seed, n_jobs=1), read.shape[1], is_class)
        grow(estimator, read.astype(np.float32), values)
        return estimator

    def linear(read: np.ndarray, values: np.ndarray) -> Any:
        ridge = RidgeCV(alphas=PENALTIES * len(read))
        estimator = LogisticRegression(max_iter=MOST_STEPS, class_weight="balanced") if is_class else ridge
        return make_pipeline(StandardScaler(), estimator).fit(read, values)

    found = [_cross_fit(task, read_BF, samples, fold_B, fit) for fit in (forest, linear)]
    return cross_blend(np.stack(found), samples, task.targets, fold_B)


def _cross_fit(task: Task, read_BF: np.ndarray, samples: Labelled, fold_B: np.ndarray, fit: Fit) -> np.ndarray:
    found = np.zeros((len(samples), *task.output_shape))
    for fold in np.unique(fold_B):
        own = fold_B == fold
        for place, outputs in enumerate(task.targets.outputs):
            values = samples.targets[:, place]
            rest = ~own & ~np.isnan(values)
            if task.targets.specs[0].classes and len(set(values[rest])) == 1:
                found[own, outputs.start + int(values[rest][0])] = 1.0
                continue
            estimator = fit(read_BF[rest], values[rest])
            if task.targets.specs[0].classes:
                codes = estimator.classes_.astype(np.int64)
                found[np.ix_(own, outputs.start + codes)] = estimator.predict_proba(read_BF[own])
            else:
                found[own, place] = estimator.predict(read_BF[own])
    return found
