"""What is called where there is nothing to be found, and what is called wrongly: one model, and models of folds.

The targets are shuffled: subjects exchange the values of their samples, so that samples of a subject stay alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from scipy.stats import false_discovery_control

from aam.explanation.effects import Effects
from benchmarks.explain.measuring import together
from benchmarks.explain.rankings import in_carriers
from benchmarks.explain.store import Store
from benchmarks.explain.studies import OF_A_SUBJECT, Simulated, simulated
from benchmarks.store import MissingError

SAMPLES, EFFECT = 300, 2.0
FOLDS = {"removal": (1, 5), "permutation": (1,)}
"""Method -> numbers of models."""
TRUE, SHUFFLED = "true", "shuffled"
CLEAR, STABLE, BEYOND = "clear", "stable", "beyond a null"
SEEDS_APART = 1_000
FALSE_DISCOVERIES = 0.1
"""Share of false discoveries that is aimed at by comparison with a null."""


@dataclass(frozen=True, kw_only=True)
class Called:
    """What is called important in one study.

    Attributes
    ----------
    seed, method, level, learner
        Of the study, and whose effects they are.
    targets
        ``true`` or ``shuffled``.
    folds
        Models, each of which explains the samples that it has not learned from; 1 explains samples of other subjects.
    word
        ``clear``, ``stable`` or ``beyond a null``.
    groups, called
        Number of groups, and of those that are called so.
    false
        Number of called groups without an informative ASV.
    informative, found
        Number of groups all of whose ASVs are informative, and of those that are called.
    """

    seed: int
    method: str
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
            rows += store.get(f"beyond/{seed}", lambda s=seed: [asdict(one) for one in study_beyond(s)])
        except MissingError:
            continue
        found += [Called(**row) for row in rows]
    return found


def study_calls(seed: int, folds: Mapping[str, Sequence[int]] = FOLDS) -> Iterator[Called]:
    """What is called in one study, with its targets and with shuffled ones."""
    data = simulated(SAMPLES, EFFECT, seed)
    share_of = shares_of(data)
    for targets, target_N in ((TRUE, data.target_N), (SHUFFLED, shuffled(data))):
        for number in sorted({number for numbers in folds.values() for number in numbers}):
            methods = [method for method, numbers in folds.items() if number in numbers]
            for one in together(data, target_N, number, methods):
                share_G = np.array([share_of[one.level][name] for name in one.names])
                called = {CLEAR: one.is_clear_GO[:, 0]}
                if one.is_stable_GO is not None:
                    called[STABLE] = one.is_stable_GO[:, 0]
                yield from _calls(one, called, share_G, seed=seed, targets=targets, folds=number)


def study_beyond(seed: int) -> Iterator[Called]:
    """What is called in one study by comparison with a model of shuffled targets."""
    data = simulated(SAMPLES, EFFECT, seed)
    share_of = shares_of(data)
    null = {(one.learner, one.level): one for one in together(data, shuffled(data, 1), 1, ["removal"])}
    for targets, target_N in ((TRUE, data.target_N), (SHUFFLED, shuffled(data))):
        for one in together(data, target_N, 1, ["removal"]):
            share_G = np.array([share_of[one.level][name] for name in one.names])
            called = {BEYOND: beyond(one, null[one.learner, one.level])}
            yield from _calls(one, called, share_G, seed=seed, targets=targets, folds=1)


def beyond(found: Effects, null: Effects) -> np.ndarray:
    """Whether the size of an effect in carriers is beyond those of a model of shuffled targets, all groups together.

    By the share of the null's groups with an effect as large, corrected by Benjamini-Hochberg.

    References
    ----------
    Altmann, Tolosi, Sander, Lengauer (2010), Permutation importance: a corrected feature importance measure,
    Bioinformatics 26.
    """
    size_G, none_G = in_carriers(found), np.sort(in_carriers(null))
    larger_G = len(none_G) - np.searchsorted(none_G, size_G, side="left")
    return np.asarray(false_discovery_control((1 + larger_G) / (1 + len(none_G))) < FALSE_DISCOVERIES)


def shares_of(data: Simulated) -> dict[str, dict[str, float]]:
    """Level -> group -> share of its ASVs that are informative."""
    return {level.level: dict(zip(level.names, data.truth.of(level), strict=True)) for level in data.groups()}


def shuffled(data: Simulated, number: int = 0) -> np.ndarray:
    """The values of all samples, exchanged by subjects."""
    by_subject = data.target_N.reshape(-1, OF_A_SUBJECT)
    return np.random.default_rng(data.seed + SEEDS_APART * number).permutation(by_subject).ravel()


def _calls(
    one: Effects, called: Mapping[str, np.ndarray], share_G: np.ndarray, *, seed: int, targets: str, folds: int
) -> Iterator[Called]:
    for word, called_G in called.items():
        yield Called(
            seed=seed,
            method=one.method,
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
