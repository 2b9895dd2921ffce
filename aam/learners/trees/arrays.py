"""Decision trees as arrays: taken from scikit-learn, checked when they come from a file, and walked with NumPy.

Splits and leaves of all trees are numbered through. A child that is a leaf is written as the bitwise complement of its
number (-1 for leaf 0), so that leaves need no thresholds and splits no values. A split's children come after it: every
walk ends.

Legend: ``M`` trees, ``S`` splits, ``E`` leaves, ``B`` samples, ``F`` features, ``O`` outputs.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from aam.config.json_dataclass import need
from aam.data.targets.kinds import Kind
from aam.learners.stored import Stored

LEAF = -1
"""scikit-learn's child of a node that has none."""
# walks of samples through trees that are in memory at once
WALKS_AT_ONCE = 1 << 21


@dataclass(frozen=True, eq=False)
class Trees:
    """The trees of a forest.

    Attributes
    ----------
    root
        Where each tree begins (``M``): a split, or the complement of a leaf.
    feature, threshold
        Of each split (``S``): samples whose feature is at most the threshold go left.
    left, right
        Children of each split: splits, or complements of leaves.
    value
        What each leaf predicts, ``E x O``.
    """

    root: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    value: np.ndarray

    @classmethod
    def of_estimators(cls, estimators: Sequence[Any]) -> Trees:
        """The fitted trees of a forest of scikit-learn: numbers, or shares of classes."""
        parts = [_parts_of(estimator.tree_) for estimator in estimators]
        splits = np.cumsum([0, *(len(part.feature) for part in parts)])
        leaves = np.cumsum([0, *(len(part.value) for part in parts)])
        moved = {
            name: np.concatenate(
                [_moved(getattr(part, name), splits[at], leaves[at]) for at, part in enumerate(parts)]
            ).astype(np.int32)
            for name in ("root", "left", "right")
        }
        return cls(
            feature=np.concatenate([part.feature for part in parts]),
            threshold=np.concatenate([part.threshold for part in parts]),
            value=np.concatenate([part.value for part in parts]),
            **moved,
        )

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Mean of all trees, ``B x O`` (float64), summed in the order of the trees as scikit-learn does on one core.

        Parameters
        ----------
        features
            float32 ``B x F``, since thresholds lie between float32 values.
        """
        total = np.zeros((len(features), self.value.shape[1]))
        at_once = max(1, WALKS_AT_ONCE // max(1, len(features)))
        for start in range(0, len(self.root), at_once):
            for leaf_B in self._leaves(features, self.root[start : start + at_once]):
                total += self.value[leaf_B]
        return total / len(self.root)

    def leaves(self, features: np.ndarray) -> csr_array:
        """Which leaves each sample is in, one of each tree: ``B x E`` of 0 and 1.

        Parameters
        ----------
        features
            As of :meth:`predict`.
        """
        size, number = len(features), len(self.root)
        at_once = max(1, WALKS_AT_ONCE // max(1, size))
        found = np.empty((size, number), dtype=np.int64)
        for start in range(0, number, at_once):
            found[:, start : start + at_once] = self._leaves(features, self.root[start : start + at_once]).T
        found.sort(axis=1)
        ones = np.ones(size * number, dtype=np.float32)
        return csr_array((ones, found.ravel(), np.arange(size + 1) * number), (size, len(self.value)))

    def to_arrays(self) -> Stored:
        """The arrays by name."""
        return Stored({name: getattr(self, name) for name in self.__dataclass_fields__}, {})

    @classmethod
    def from_arrays(cls, stored: Stored, num_features: int, num_outputs: int) -> Trees:
        """Trees from an untrusted source.

        Raises
        ------
        ValueError
            If an index leads nowhere or back, or a number is not finite.
        """
        root = stored.array("root", np.int32, (None,))
        feature = stored.array("feature", np.int32, (None,))
        size = len(feature)
        threshold = stored.array("threshold", np.float64, (size,))
        left, right = (stored.array(name, np.int32, (size,)) for name in ("left", "right"))
        value = stored.array("value", np.float64, (None, num_outputs))
        need(len(root) > 0 and len(value) > 0, "a forest has no trees")
        need(bool((feature >= 0).all() and (feature < num_features).all()), "a split reads no feature")
        for children in (root, left, right):
            need(bool((children < size).all() and (children >= -len(value)).all()), "a branch of a tree leads nowhere")
        for children in (left, right):
            forward = (children < 0) | (children > np.arange(size))
            need(bool(forward.all()), "a branch of a tree leads back")
        need(bool(np.isfinite(threshold).all() and np.isfinite(value).all()), "a number of a tree is not finite")
        with np.errstate(over="ignore"):
            need(bool(np.isfinite(np.abs(value).max() * len(root))), "the values of a tree are too large")
        return cls(root, feature, threshold, left, right, value)

    def _leaves(self, features: np.ndarray, roots: np.ndarray) -> np.ndarray:
        """The leaf of each sample in some trees, ``trees x B``; finished walks stop."""
        size, width = features.shape
        flat = np.ascontiguousarray(features).ravel()
        at = np.repeat(roots, size)
        start = np.tile(np.arange(size, dtype=np.int64) * width, len(roots))
        walking = np.flatnonzero(at >= 0)
        while len(walking):
            split = at[walking]
            goes_left = flat[start[walking] + self.feature[split]] <= self.threshold[split]
            child = np.where(goes_left, self.left[split], self.right[split])
            at[walking] = child
            walking = walking[child >= 0]
        return ~at.reshape(len(roots), size)


def grow(estimator: Any, table: Any, values: np.ndarray, weights: np.ndarray | None = None) -> None:
    """Fit an ensemble of scikit-learn in threads, and leave Python's filters of warnings as they were.

    Each of its threads sets the filters for a while. They are the process's, so that one thread may keep what another
    set: an empty list, which makes every later fit warn of itself.
    """
    with warnings.catch_warnings():
        estimator.fit(table, values, sample_weight=weights)


def criterion_of(kind: Kind, values_B: np.ndarray) -> str:
    """What regression trees split numbers by: the Poisson deviance of counts, unless all are 0, else the variance."""
    return "poisson" if kind.is_count and values_B.sum() > 0 else "squared_error"


def trees_of_target(estimator: Any) -> tuple[Trees, np.ndarray]:
    """The trees of a fitted ensemble of scikit-learn, and the class of each of their outputs; none for a number."""
    codes = np.asarray(getattr(estimator, "classes_", ()), dtype=np.int64)
    return Trees.of_estimators(estimator.estimators_), codes


def read_trees_of_target(stored: Stored, num_features: int, num_classes: int) -> tuple[Trees, np.ndarray]:
    """Trees and the class of each of their outputs (none for a number), from an untrusted source.

    Raises
    ------
    ValueError
        If they cannot be right.
    """
    codes = stored.array("codes", np.int32, (None,)).astype(np.int64)
    ascends = len(codes) < 2 or bool((np.diff(codes) > 0).all())
    in_range = bool((codes >= 0).all() and (codes < num_classes).all())
    need(bool(len(codes)) == bool(num_classes) and ascends and in_range, "the classes of trees are not the target's")
    trees = Trees.from_arrays(stored.part("trees."), num_features, max(1, len(codes)))
    if len(codes):
        total = trees.value.sum(axis=1)
        need(bool(trees.value.min() >= 0 and np.allclose(total, 1)), "the shares of classes do not sum to 1")
    return trees, codes


def _parts_of(tree: Any) -> Trees:
    """One tree of scikit-learn, its splits and leaves numbered from 0."""
    is_leaf = tree.children_left == LEAF
    number = np.where(is_leaf, ~(np.cumsum(is_leaf) - 1), np.cumsum(~is_leaf) - 1)
    splits = ~is_leaf
    return Trees(
        root=number[:1],
        feature=tree.feature[splits].astype(np.int32),
        threshold=tree.threshold[splits].astype(np.float64),
        left=number[tree.children_left[splits]],
        right=number[tree.children_right[splits]],
        value=(tree.value[is_leaf, 0, :] if tree.n_outputs == 1 else tree.value[is_leaf, :, 0]).astype(np.float64),
    )


def _moved(children: np.ndarray, splits: int, leaves: int) -> np.ndarray:
    """Children, renumbered after so many splits and leaves of other trees."""
    return np.where(children >= 0, children + splits, children - leaves)
