"""Blends of the product, fitted once for each part: what every member predicts, out of fold and held out."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from aam.learners.blend import blend_weights, combine, even_weights, fit_blend
from aam.learners.catalogue import AUTO, expand
from aam.learners.folds import deal_folds
from aam.learners.members import new_member, possible_members
from aam.learners.protocol import Labelled, Task
from aam.learners.reference import Reference
from benchmarks.network.store import Arrays, Store
from benchmarks.network.tasks import SEED, Part


@dataclass(frozen=True, kw_only=True, eq=False)
class Blended:
    """What a blend's members predict.

    Attributes
    ----------
    names
        The ``M`` members.
    inner
        Out-of-fold predictions of the training samples, ``M x N x O``.
    outer
        Predictions of the held-out samples, ``M x B x O``.
    fold_N
        Inner fold of each training sample.
    seconds
        What the blend took, in seconds of one core.
    """

    names: tuple[str, ...]
    inner: np.ndarray
    outer: np.ndarray
    fold_N: np.ndarray
    seconds: float

    def of(self, name: str) -> np.ndarray:
        """Held-out predictions of one member."""
        return np.asarray(self.outer[self.names.index(name)])

    def blend(self, part: Part) -> np.ndarray:
        """Held-out predictions of the blend."""
        return stacked(self.names, self.inner, self.outer, part)


def stacked(names: tuple[str, ...], inner: np.ndarray, outer: np.ndarray, part: Part) -> np.ndarray:
    """Held-out predictions of members with the weights that the product gives them."""
    return combine(outer, weights_of(names, inner, part))


def weights_of(names: tuple[str, ...], inner: np.ndarray, part: Part) -> np.ndarray:
    """Weight of each member, ``M x 1``."""
    return blend_weights(inner, part.train, part.targets, even_weights(names))


def fitted(part: Part, store: Store) -> Blended:
    """The blend of a part."""
    kept = store.get(f"blends/{part.name}", lambda: _fit(part))
    return Blended(
        names=tuple(kept["names"].tolist()),
        inner=kept["inner"],
        outer=kept["outer"],
        fold_N=kept["fold"],
        seconds=float(kept["seconds"].flat[0]),
    )


def _fit(part: Part) -> Arrays:
    start = time.process_time()
    task = Task(targets=part.targets, reference=Reference.fit(part.study, part.train.rows, SEED))
    names, _ = possible_members(expand([AUTO]), part.study, has_encoder=False)
    members = [new_member(name, task, SEED) for name in names]
    fold_N = inner_folds(part)
    blend = fit_blend(members, names, part.study, part.train, fold_N)
    outer = np.stack([member.predict(part.study, part.test) for member in members])
    seconds = time.process_time() - start
    print(f"{part.name}: blend in {seconds:.0f} s", flush=True)
    return {
        "names": np.array(names),
        "inner": blend.out_of_fold_M,
        "outer": outer,
        "fold": fold_N,
        "seconds": np.array(seconds),
    }


def inner_folds(part: Part) -> np.ndarray:
    """Inner fold of each training sample, as the product deals them."""
    samples: Labelled = part.train
    return deal_folds(part.kind, samples, SEED)
