"""Random forests: one for each target, stored as arrays, and predicted with NumPy.

They learn the numbers as they are (or labels), from all reads of a sample, and covariates where there are some.

Legend of shapes: ``N`` samples, ``B`` rows that are asked for, ``T`` targets, ``F`` features, ``C`` classes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from scipy.sparse import csr_array, hstack, issparse

from aam.data.study.covariates import CovariateSpec
from aam.data.targets.targets import Targets
from aam.errors import ConfigError
from aam.learners.features import FeatureKind, Features, fit_features, read_features
from aam.learners.held_out import in_own_units, true_values
from aam.learners.protocol import Computing, Labelled, Learner, Task
from aam.learners.stored import PerStudyCache, Stored
from aam.learners.trees.arrays import Trees, criterion_of, grow, read_trees_of_target, trees_of_target
from aam.learners.trees.ordered import balance, grow_ordered
from aam.learners.trees.timing import TreePlan, expected_seconds_of_trees

if TYPE_CHECKING:
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    from aam.data.study.study import Study

MaxFeatures = float | Literal["sqrt", "log2"]

MANY_FEATURES = 3_000
# trees out of fold, where their predictions serve weights, intervals and the figure beside the blend
NUM_TREES_OF_FOLD = 100
# numbers that are held dense at most (1 GB of float32); a sparse matrix takes less, and far longer to fit
MAX_DENSE = 250_000_000
# the same where predictions are made, block by block
DENSE_PER_BLOCK = 25_000_000


@dataclass(frozen=True, kw_only=True)
class ForestSettings:
    """How a forest is grown.

    Attributes
    ----------
    features
        As in :func:`~aam.learners.features.fit_features`.
    n_estimators
        Trees.
    max_features
        Features tried at each split: a share, ``sqrt`` or ``log2``. None is 0.33 (0.1 for 3,000 features or more) for
        numbers and ``sqrt`` for classes, whose samples are weighted so that every class counts the same.
    min_leaf
        Fewest samples in a leaf.
    seed
        Seed; the trees do not depend on ``n_jobs``.
    n_jobs
        Cores to use; -1 for all.
    max_grown
        Samples that it is grown on at most, drawn at random; None for all.
    """

    features: FeatureKind = "asv"
    n_estimators: int = 500
    max_features: MaxFeatures | None = None
    min_leaf: int = 1
    seed: int = 42
    n_jobs: int = -1
    max_grown: int | None = None

    def __post_init__(self) -> None:
        if isinstance(self.max_features, int | float) and not 0 < self.max_features <= 1:
            raise ConfigError(
                f"--max-features must be a share above 0 and at most 1, sqrt or log2, got {self.max_features:g}"
            )


@dataclass(frozen=True, eq=False)
class TargetForest:
    """The forest of one target.

    Attributes
    ----------
    features
        What it reads of a sample's ASVs.
    trees
        The trees; they read the covariates after the features.
    codes
        The class of each of their outputs; empty for a number.
    """

    features: Features
    trees: Trees
    codes: np.ndarray


class ForestLearner(Learner):
    """A random forest for each target, of the samples that have it.

    Parameters
    ----------
    task
        What is to be learned.
    settings
        How to grow the forests.
    """

    kind = "forest"

    def __init__(self, task: Task, settings: ForestSettings | None = None) -> None:
        super().__init__(task)
        self.settings = settings or ForestSettings()
        self.forests: list[TargetForest] = []
        self._covariates = PerStudyCache(task.covariates)

    def fit(
        self,
        study: Study,
        rows: np.ndarray,
        targets: np.ndarray,
        groups: np.ndarray | None = None,
        weights: np.ndarray | None = None,
    ) -> Self:
        """Grow the forests; groups do not matter to them."""
        samples = Labelled(rows=rows, targets=targets, weights=weights)
        if self.settings.max_grown is not None:
            samples = samples.at_most(self.settings.max_grown, self.settings.seed)
        self.forests = [self._grow(study, samples, place) for place in range(len(self.task.targets))]
        return self

    def without_fold(self) -> Self:
        """The same with fewer trees."""
        learner = copy(self)
        trees = min(self.settings.n_estimators, NUM_TREES_OF_FOLD)
        learner.settings = dataclasses.replace(self.settings, n_estimators=trees)
        return learner

    def expected_seconds(self, study: Study, samples: Labelled, folds: np.ndarray) -> float:
        """Measured by few trees of few samples."""

        def with_trees(trees: int) -> Learner:
            learner = copy(self)
            learner.settings = dataclasses.replace(self.settings, n_estimators=trees)
            return learner

        plan = TreePlan(
            self.settings.n_estimators,
            self.without_fold().settings.n_estimators,
            len(np.unique(folds)),
            self.settings.max_grown,
        )
        return expected_seconds_of_trees(with_trees, study, samples, plan)

    def predict(self, study: Study, rows: np.ndarray, draw: int = 0) -> np.ndarray:
        """Means of the trees; all reads are used, so that every draw is the same."""
        found = np.zeros((len(rows), *self.task.output_shape))
        for outputs, forest in zip(self.task.targets.outputs, self.forests, strict=True):
            columns = outputs.start + forest.codes if len(forest.codes) else [outputs.start]
            at_once = max(1, DENSE_PER_BLOCK // max(1, self._num_features(forest.features)))
            for start in range(0, len(rows), at_once):
                some = slice(start, start + at_once)
                dense = _dense(self._read(forest.features, study, rows[some]))
                found[some, columns] = forest.trees.predict(dense)
        return found

    def leaves(self, study: Study, rows: np.ndarray) -> list[csr_array]:
        """The leaves of some samples in the forest of each target, ``B x E``."""
        found = [self._read(forest.features, study, rows) for forest in self.forests]
        return [forest.trees.leaves(_dense(table)) for forest, table in zip(self.forests, found, strict=True)]

    @property
    def record(self) -> dict[str, Any]:
        """How it was grown, human-readable."""
        return {"features": self.settings.features, "trees": self.settings.n_estimators, "seed": self.settings.seed}

    def to_arrays(self) -> Stored:
        """Features and trees of each target, under its number."""
        arrays: dict[str, np.ndarray] = {}
        for place, forest in enumerate(self.forests):
            parts = {"features": forest.features.to_arrays(), "trees": forest.trees.to_arrays()}
            arrays |= {f"{place}.{part}.{n}": a for part, stored in parts.items() for n, a in stored.arrays.items()}
            arrays[f"{place}.codes"] = forest.codes.astype(np.int32)
        return Stored(arrays, {"features": self.settings.features})

    @classmethod
    def from_arrays(cls, stored: Stored, task: Task, computing: Computing) -> Self:
        """The forests, every number of which is checked."""
        learner = cls(task)
        kind: Any = stored.facts.get("features")
        for place in range(len(task.targets)):
            own = stored.part(f"{place}.")
            found = read_features(Stored(own.part("features.").arrays, {**task.data, "kind": kind}))
            num_classes = len(task.targets.specs[place].classes)
            trees, codes = read_trees_of_target(own, learner._num_features(found), num_classes)
            learner.forests.append(TargetForest(found, trees, codes))
        learner.settings = dataclasses.replace(learner.settings, features=kind)
        return learner

    def _grow(self, study: Study, samples: Labelled, place: int) -> TargetForest:
        known = samples.of_target(place)
        found = fit_features(study, self.settings.features, known.rows)
        if self.task.targets.kind.is_ordered:
            return self._grow_ordered(found, _ready(self._read(found, study, known.rows)), known)
        is_class = bool(self.task.targets.specs[place].classes)
        estimator = new_forest(self.settings, self._num_features(found), is_class)
        if known.hold_class_weights(self.task.targets):
            estimator.set_params(class_weight=None)
        if not is_class:
            estimator.set_params(criterion=criterion_of(self.task.targets.kind, known.targets[:, 0]))
        table = _ready(self._read(found, study, known.rows))
        grow(estimator, table, known.targets[:, 0], known.weights)
        return TargetForest(found, *trees_of_target(estimator))

    def _grow_ordered(self, found: Features, table: Any, samples: Labelled) -> TargetForest:
        """A forest of levels, all of which count the same unless weights of classes were given."""
        estimator, targets = new_forest(self.settings, self._num_features(found), is_class=False), self.task.targets
        codes, number, weights = samples.targets[:, 0], len(targets.specs[0].classes), samples.weights
        if not samples.hold_class_weights(targets):
            weights = balance(codes, number, weights)
        return TargetForest(found, *grow_ordered(estimator, table, codes, number, weights))

    def _read(self, found: Features, study: Study, rows: np.ndarray) -> Any:
        """What a forest reads of some samples."""
        table = found.transform(study, rows)
        if not self.task.num_covariates:
            return table
        return hstack([csr_array(table), csr_array(self._covariates(study)[rows])], format="csr")

    def _num_features(self, found: Features) -> int:
        return found.number + self.task.num_covariates


def new_forest(
    settings: ForestSettings, num_features: int, is_class: bool
) -> RandomForestRegressor | RandomForestClassifier:
    """A forest of scikit-learn, not yet fitted."""
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    options: dict[str, Any] = {
        "n_estimators": settings.n_estimators,
        "min_samples_leaf": settings.min_leaf,
        "random_state": settings.seed,
        "n_jobs": settings.n_jobs,
    }
    given = settings.max_features
    tried = float(given) if isinstance(given, int | float) else given
    if is_class:
        return RandomForestClassifier(max_features=tried or "sqrt", class_weight="balanced_subsample", **options)
    share = 0.33 if num_features < MANY_FEATURES else 0.1
    return RandomForestRegressor(max_features=tried or share, **options)


def fit_forest(
    study: Study,
    rows: np.ndarray,
    targets: Targets,
    covariate_spec: CovariateSpec | None = None,
    settings: ForestSettings | None = None,
    data: Mapping[str, Any] | None = None,
    weights: np.ndarray | None = None,
) -> ForestLearner:
    """Fit a random forest on samples of a study, in the user's units.

    Parameters
    ----------
    study
        With the targets' values. All reads are used, not rarefied.
    rows
        The training samples. Samples without a value of a target are skipped for it.
    targets
        The targets as fitted on the training samples, whatever they are transformed to.
    covariate_spec
        The covariates.
    settings
        How to grow it.
    data
        How the study's tables were treated, where the forest is to be kept.
    weights
        Of the training samples; equal where None.
    """
    own = in_own_units(targets)
    learner = ForestLearner(Task(targets=own, covariate_spec=covariate_spec, data=data or {}), settings)
    return learner.fit(study, rows, true_values(study, rows, own), weights=weights)


def _ready(table: Any) -> Any:
    """Features as the forest fits them fastest."""
    if not issparse(table) or table.shape[0] * table.shape[1] <= MAX_DENSE:
        return _dense(table)
    ready = table.astype(np.float32).tocsr()
    ready.indices, ready.indptr = ready.indices.astype(np.int32), ready.indptr.astype(np.int32)  # it takes no others
    return ready


def _dense(table: Any) -> np.ndarray:
    """float32, as scikit-learn's trees read numbers."""
    return table.astype(np.float32).toarray() if issparse(table) else np.asarray(table, dtype=np.float32)
