"""What is called where there is nothing to be found, and what is called wrongly: one model, and models of folds.

The targets are shuffled: subjects exchange the values of their samples, so that samples of a subject stay alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from aam.data.targets.kinds import NUMBERS
from aam.explain.effects import Effects
from aam.explain.pool import pool
from aam.learners.folds import deal_folds
from aam.learners.protocol import Labelled
from benchmarks.explain.calibration import removal_effects
from benchmarks.explain.store import MissingError, Store
from benchmarks.explain.studies import OF_A_SUBJECT, Simulated, fitted, simulated

SAMPLES, EFFECT = 300, 2.0
FOLDS = (3, 5, 10)
TRUE, SHUFFLED = "true", "shuffled"
CLEAR, STABLE = "clear", "stable"


@dataclass(frozen=True, kw_only=True)
class Called:
    """What is called important in one study.

    Attributes
    ----------
    seed, level, learner
        Of the study, and whose effects they are.
    targets
        ``true`` or ``shuffled``.
    folds
        Models, each of which explains the samples that it has not learned from; 1 explains samples of other subjects.
    word
        ``clear`` or ``stable``.
    groups, called
        Number of groups, and of those that are called so.
    false
        Number of called groups without an informative ASV.
    informative, found
        Number of groups all of whose ASVs are informative, and of those that are called.
    """

    seed: int
    level: str
    learner: str
    targets: str
    folds: int
    word: str
    groups: int
    called: int
    false: int
    informative: int
    found: int


def nulls(store: Store, seeds: Sequence[int]) -> list[Called]:
    """What is called in all studies that are there."""
    found = []
    for seed in seeds:
        try:
            rows = store.get(f"nulls/{seed}", lambda s=seed: [asdict(one) for one in study_calls(s)])
        except MissingError:
            continue
        found += [Called(**row) for row in rows]
    return found


def study_calls(seed: int, folds: Sequence[int] = FOLDS) -> Iterator[Called]:
    """What is called in one study, with its targets and with shuffled ones."""
    data = simulated(SAMPLES, EFFECT, seed)
    for targets, target_N in ((TRUE, data.target_N), (SHUFFLED, shuffled(data))):
        single = removal_effects(data, fitted(data, target_N=target_N), data.explained)
        yield from _calls(data, single.values(), targets, 1, seed)
        for number in folds:
            yield from _calls(data, folded(data, target_N, number), targets, number, seed)


def shuffled(data: Simulated) -> np.ndarray:
    """The values of all samples, exchanged by subjects."""
    by_subject = data.target_N.reshape(-1, OF_A_SUBJECT)
    return np.random.default_rng(data.seed).permutation(by_subject).ravel()


def folded(data: Simulated, target_N: np.ndarray, number: int) -> list[Effects]:
    """Effects of the models of so many folds of the training samples, put together; subjects stay whole."""
    rows = data.training
    samples = Labelled(rows=rows, targets=target_N[rows][:, None], groups=data.unit_N[rows])
    fold_N = deal_folds(NUMBERS, samples, data.seed, number)
    parts, units = [], []
    for fold in range(number):
        held_out = rows[fold_N == fold]
        model = fitted(data, rows[fold_N != fold], target_N)
        parts.append(list(removal_effects(data, model, held_out).values()))
        units.append(data.unit_N[held_out])
    return pool(parts, units, seed=data.seed)


def _calls(data: Simulated, effects: Sequence[Effects], targets: str, folds: int, seed: int) -> Iterator[Called]:
    share_of = {level.level: data.truth.of(level) for level in data.groups()}
    for one in effects:
        share_G = share_of[one.level]
        words = {CLEAR: one.is_clear_GO, STABLE: one.is_stable_GO}
        for word, called_GO in words.items():
            if called_GO is None:
                continue
            called_G = called_GO[:, 0]
            yield Called(
                seed=seed,
                level=one.level,
                learner=one.learner,
                targets=targets,
                folds=folds,
                word=word,
                groups=len(one),
                called=int(called_G.sum()),
                false=int((called_G & (share_G == 0)).sum()),
                informative=int((share_G == 1).sum()),
                found=int((called_G & (share_G == 1)).sum()),
            )
