"""Extremely randomised trees on the log abundances of clades, one ensemble for each target.

Legend of shapes: ``B`` rows that are asked for, ``F`` clades and covariates.

References
----------
Geurts, Ernst, Wehenkel (2006), Extremely randomized trees, Machine Learning 63.
"""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from scipy.sparse import csr_array

from aam.config.json_dataclass import need
from aam.learners.centring.centre import StudyCentre, is_centred
from aam.learners.features import read_places
from aam.learners.protocol import Computing, Labelled, Learner, Task
from aam.learners.reference import TREES
from aam.learners.similarity import distinct_clades, log_clades, prevalent_clades
from aam.learners.stored import PerStudyCache, Stored
from aam.learners.trees.arrays import Trees, criterion_of, grow, read_trees_of_target, trees_of_target
from aam.learners.trees.ordered import balance, grow_ordered
from aam.learners.trees.timing import TreePlan, expected_seconds_of_trees

if TYPE_CHECKING:
    from aam.data.study.study import Study

NUM_TREES = 200
NUM_TREES_OF_FOLD = 60
"""Fewer out of fold, where their predictions serve weights and intervals alone."""
MAX_FEATURES = 0.1
MIN_LEAF, MIN_LEAF_OF_CLASSES = 2, 3
"""Samples of a leaf, of numbers and of classes: with one, trees know the groups that they have seen by heart."""
ROWS_AT_ONCE = 1_024
MAX_GROWN = 20_000
"""Samples that trees are grown on at most."""


class CladeTreesLearner(Learner):
    """Extra trees for each target, of the samples that have it.

    Parameters
    ----------
    task
        What is to be learned; with a reference.
    tree
        Name of the reference's tree.
    seed
        Seed; the trees do not depend on ``n_jobs``.
    n_jobs
        Cores to use; -1 for all.
    """

    kind = "clade_trees"

    def __init__(self, task: Task, tree: str, seed: int = 42, n_jobs: int = -1) -> None:
        super().__init__(task)
        self.tree = tree
        self.seed = seed
        self.n_jobs = n_jobs
        self.nodes = np.empty(0, dtype=np.int64)
        self.num_trees = task.settings.trees or NUM_TREES
        self.ensembles: list[tuple[Trees, np.ndarray]] = []
        self._covariates = PerStudyCache(task.covariates)
        self.centre = None if task.centring is None else StudyCentre(task.centring.column, self._clades)

    def fit(
        self,
        study: Study,
        rows: np.ndarray,
        targets: np.ndarray,
        groups: np.ndarray | None = None,
        weights: np.ndarray | None = None,
    ) -> Self:
        """Grow the trees; groups do not matter to them."""
        assert self.task.reference is not None
        is_class = bool(self.task.targets.specs[0].classes)
        choose = prevalent_clades if is_class else distinct_clades
        self.nodes = choose(self.task.reference, self.tree, self.task.settings.clade_prevalence)
        if self.task.centring is not None:  # each copy has its own: cross-fitting makes one for each fold
            self.centre = StudyCentre(self.task.centring.column, self._clades).fit(study, rows)
        samples = Labelled(rows=rows, targets=targets, weights=weights).at_most(MAX_GROWN, self.seed)
        table = self._read(study, samples.rows)
        samples = replace(samples, rows=np.arange(len(samples)))
        self.ensembles = [self._grow(table, samples, place) for place in range(len(self.task.targets))]
        return self

    def without_fold(self) -> Self:
        """The same with fewer trees."""
        learner = copy(self)
        learner.num_trees = min(self.num_trees, NUM_TREES_OF_FOLD)
        return learner

    def expected_seconds(self, study: Study, samples: Labelled, folds: np.ndarray) -> float:
        """Measured by few trees of few samples."""

        def with_trees(trees: int) -> Learner:
            learner = copy(self)
            learner.num_trees = trees
            return learner

        plan = TreePlan(self.num_trees, self.without_fold().num_trees, len(np.unique(folds)), MAX_GROWN)
        return expected_seconds_of_trees(with_trees, study, samples, plan)

    def predict(self, study: Study, rows: np.ndarray, draw: int = 0) -> np.ndarray:
        """Means of the trees; all reads are used, so that every draw is the same."""
        found = np.zeros((len(rows), *self.task.output_shape))
        for start in range(0, len(rows), ROWS_AT_ONCE):
            some = slice(start, start + ROWS_AT_ONCE)
            table = self._read(study, rows[some])
            for outputs, (trees, codes) in zip(self.task.targets.outputs, self.ensembles, strict=True):
                columns = outputs.start + codes if len(codes) else [outputs.start]
                found[some, columns] = trees.predict(table)
        return found

    def leaves(self, study: Study, rows: np.ndarray) -> list[csr_array]:
        """The leaves of some samples in the ensemble of each target, ``B x E``."""
        table = self._read(study, rows)
        return [trees.leaves(table) for trees, _ in self.ensembles]

    def to_arrays(self) -> Stored:
        """The clades, and the trees of each target under its number."""
        arrays: dict[str, np.ndarray] = {"nodes": self.nodes.astype(np.int32)}
        for place, (trees, codes) in enumerate(self.ensembles):
            arrays |= {f"{place}.trees.{name}": array for name, array in trees.to_arrays().arrays.items()}
            arrays[f"{place}.codes"] = codes.astype(np.int32)
        facts = {"name": f"trees-{self.tree}", "tree": self.tree}
        if self.centre is None:
            return Stored(arrays, facts)
        means = self.centre.to_arrays()
        return Stored({**arrays, **means.arrays}, {**facts, **means.facts})

    @classmethod
    def from_arrays(cls, stored: Stored, task: Task, computing: Computing) -> Self:
        """The same learner; every array is checked."""
        tree: Any = stored.facts.get("tree")
        need(tree in TREES and task.reference is not None and tree in task.reference.trees, "a tree is lacking")
        assert task.reference is not None
        learner = cls(task, tree)
        learner.nodes = read_places(stored, "nodes", len(task.reference.trees[tree].parent))
        if is_centred(stored.facts):
            learner.centre = StudyCentre.from_arrays(stored, learner._clades, len(learner.nodes))
        width = len(learner.nodes) + task.num_covariates
        learner.ensembles = [
            read_trees_of_target(stored.part(f"{place}."), width, len(target.classes))
            for place, target in enumerate(task.targets.specs)
        ]
        return learner

    def _grow(self, table: np.ndarray, samples: Labelled, place: int) -> tuple[Trees, np.ndarray]:
        from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

        known = samples.of_target(place)
        options: dict[str, Any] = {"n_estimators": self.num_trees, "random_state": self.seed, "n_jobs": self.n_jobs}
        number, settings = len(self.task.targets.specs[place].classes), self.task.settings
        options["max_features"] = settings.clade_max_features or MAX_FEATURES
        options["min_samples_leaf"] = settings.clade_leaf or (MIN_LEAF_OF_CLASSES if number else MIN_LEAF)
        if self.task.targets.kind.is_ordered:
            codes, weights = known.targets[:, 0], known.weights
            if not known.hold_class_weights(self.task.targets):
                weights = balance(codes, number, weights)
            return grow_ordered(ExtraTreesRegressor(**options), table[known.rows], codes, number, weights)
        if number:
            balanced = None if known.hold_class_weights(self.task.targets) else "balanced"
            options["max_features"] = settings.clade_max_features or "sqrt"
            estimator = ExtraTreesClassifier(class_weight=balanced, **options)
        else:
            options["criterion"] = criterion_of(self.task.targets.kind, known.targets[:, 0])
            estimator = ExtraTreesRegressor(**options)
        grow(estimator, table[known.rows], known.targets[:, 0], known.weights)
        return trees_of_target(estimator)

    def _read(self, study: Study, rows: np.ndarray) -> np.ndarray:
        """Clades and covariates of some samples, ``B x F`` (float32)."""
        clades, covariates = self._clades(study, rows), self._covariates(study)[rows]
        if self.centre is not None:
            clades = clades - self.centre.means(study, rows)
        return np.concatenate([clades, covariates], axis=1, dtype=np.float32)

    def _clades(self, study: Study, rows: np.ndarray) -> np.ndarray:
        """Log abundances of the clades (float32)."""
        reference = self.task.reference
        assert reference is not None
        found = log_clades(reference.reads_of(study, rows), reference, self.tree, self.nodes)
        dense: np.ndarray = found.astype(np.float32).toarray()
        return dense
