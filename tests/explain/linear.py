"""A model whose effects are known in closed form: linear in the shares of ASVs, exactly as real learners are called."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from aam.data.readers.metadata import Metadata
from aam.data.study.study import Study
from aam.data.targets.kinds import CLASSES, NUMBERS, TargetSpec
from aam.data.targets.targets import Targets
from aam.explain.groups import AsvGroups, asv_groups
from aam.explain.method import Subject
from aam.explain.model import ExplainedModel
from aam.learners.predictor import Combination, predictor_of
from aam.learners.protocol import Computing, Learner, Task
from aam.learners.stored import Stored
from tests.data.study_files import make_study

DATA = {"trim_length": None, "max_bp": 150, "rarefy_depth": None, "token_limit": 64, "asv_sampling": "abundance"}
AGE = TargetSpec(column="age", kind=NUMBERS, transform="none")
MASS = TargetSpec(column="mass", kind=NUMBERS, transform="none")
SITE = TargetSpec(column="site", kind=CLASSES, classes=("gut", "skin"), majority="gut")
COUNTS = np.array([[5, 3, 0, 2], [0, 4, 4, 0], [1, 0, 0, 9], [2, 2, 2, 2]])
WEIGHTS = np.array([[10.0, 1.0], [-4.0, 0.0], [0.0, 2.0], [1.0, 0.0]])
"""Of the four ASVs, for age and mass."""


class LinearLearner(Learner):
    """Predicts the sum of the weights of ASVs by their shares; of classes the first is that sum over 10."""

    kind = "linear"

    def __init__(self, task: Task, weights: np.ndarray) -> None:
        super().__init__(task)
        self.weights = weights

    def fit(self, study: Study, rows: np.ndarray, targets: np.ndarray, groups: Any = None, weights: Any = None) -> Self:
        raise NotImplementedError

    def predict(self, study: Study, rows: np.ndarray, draw: int = 0) -> np.ndarray:
        counts = study.table.counts[rows].toarray()
        assert (counts.sum(axis=1) > 0).all(), "a sample without reads is predicted"
        found = counts / counts.sum(axis=1, keepdims=True) @ self.weights
        if not self.targets.specs[0].classes:
            return found
        first = 0.5 + found[:, :1] / 100
        return np.hstack([first, 1 - first])

    def to_arrays(self) -> Stored:
        return Stored({"weights": self.weights}, {})

    @classmethod
    def from_arrays(cls, stored: Stored, task: Task, computing: Computing) -> Self:
        return cls(task, stored.arrays["weights"])


def linear_subject(
    *specs: TargetSpec,
    counts: np.ndarray = COUNTS,
    weights: np.ndarray = WEIGHTS,
    groups: tuple[AsvGroups, ...] | None = None,
    learners: int = 1,
    **changes: Any,
) -> Subject:
    """All samples of a small study, explained by a linear model, or by several with multiples of its weights."""
    own = specs or (AGE,)
    study = make_study(counts)
    study = study.take(np.arange(len(study)))
    sheet = Metadata("", study.sample_ids, {}, ())
    study = type(study)(**{**vars(study), "metadata": sheet})
    task = Task(targets=Targets(specs=own), data=DATA)
    number = 1 if own[0].classes else len(own)
    models = [LinearLearner(task, weights[:, :number] * (place + 1)) for place in range(learners)]
    model = ExplainedModel(predictor=predictor_of(models, Combination()), by_learner=learners > 1)
    given = {"rows": np.arange(len(study)), "unit_N": np.arange(len(study)), **changes}
    return Subject(model=model, study=study, groups=groups or (asv_groups(study),), **given)


def change_without(counts: np.ndarray, weights: np.ndarray, members: np.ndarray) -> float:
    """Closed form: of the share ``s`` and the mean weight ``m`` of the removed, ``s / (1 - s) * (m - prediction)``."""
    shares = counts / counts.sum()
    prediction, share = float(shares @ weights), float(shares[members].sum())
    mean = float(shares[members] @ weights[members]) / share
    return share / (1 - share) * (mean - prediction)
