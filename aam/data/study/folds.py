"""Folds of a cross-validation: every sample is tested once in each repeat, and groups stay whole.

The folds are a function of the seed, the repeat and the samples' ids, not of the table's order. Groups are put into
folds by a dealer of our own: scikit-learn's StratifiedGroupKFold takes groups by the spread of their class counts, the
largest first, and shuffles ties alone. So its folds hardly depend on the seed where groups differ in size, and
repeating them would say nothing.

Legend: ``N`` samples, ``G`` groups, ``K`` strata, ``F`` folds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aam.config import SplitOptions
from aam.data.study.split import Split, hold_out, sample_groups
from aam.data.study.study import Study
from aam.data.targets.kinds import Kind
from aam.errors import InputError
from aam.text import plural, shorten

DRAWS = 50
WHOLE = 2**38  # the weight of a whole stratum: precise, and sums fit 64 bits with up to 16 million samples
LEAST_UNITS = 3  # to train, to choose the best model, and to test
SMALLER = "a smaller --cv"


@dataclass(frozen=True, eq=False)
class Fold:
    """One fold of one repeat, both counted from 1; the test part of ``split`` is what the fold is about."""

    repeat: int
    number: int
    split: Split

    @property
    def name(self) -> str:
        """For folders and messages."""
        return f"repeat{self.repeat}-fold{self.number}"


@dataclass(frozen=True, kw_only=True)
class FoldOptions:
    """How many folds, how often they are drawn anew, and from which seed."""

    number: int
    repeats: int
    seed: int


def make_folds(options: SplitOptions, wanted: FoldOptions, study: Study, values: np.ndarray, kind: Kind) -> list[Fold]:
    """Make the folds of a study, repeat by repeat.

    Parameters
    ----------
    options
        The group column, whether to balance, and the share of the samples not tested that choose the best model.
    wanted
        How many.
    study
        The study.
    values, kind
        The target (the first, of several), to balance by class or by quantile.

    Raises
    ------
    InputError
        If there are fewer groups, samples or samples of a class than folds, or a fold cannot train on every class.
    """
    groups = sample_groups(options, study)
    _check_enough(options, wanted.number, study, groups)
    kind.check_folds(values, wanted.number)
    order = np.argsort(study.sample_ids.astype(str), kind="stable")
    strata = np.zeros(len(study), dtype=np.int64)
    if options.stratify:
        strata = kind.strata(values)
    folds = []
    for repeat in range(1, wanted.repeats + 1):
        key = [wanted.seed, wanted.number, repeat]
        fold_of = np.empty(len(study), dtype=np.int64)
        of_sorted = None if groups is None else groups[order]
        fold_of[order] = deal(strata[order], of_sorted, wanted.number, np.random.default_rng(key))
        for number in range(1, wanted.number + 1):
            rng = np.random.default_rng([*key, number])
            rest = order[fold_of[order] != number - 1]
            of_rest = None if groups is None else groups[rest]
            chosen = hold_out(strata[rest], of_rest, options.validation_size, 1, rng)
            split = Split(np.sort(rest[~chosen]), np.sort(rest[chosen]), np.flatnonzero(fold_of == number - 1))
            folds.append(Fold(repeat, number, split))
    _check_parts(folds, values, kind)
    return folds


def deal(strata: np.ndarray, groups: np.ndarray | None, number: int, rng: np.random.Generator) -> np.ndarray:
    """Fold of each sample, from 0, so that folds are alike in size and strata.

    Parameters
    ----------
    strata
        Stratum of each sample, from 0.
    groups
        Group of each sample, where groups are to stay whole: the most even of several random ways is taken. Else each
        stratum is dealt out one by one, and is within one sample of its share in every fold.
    number
        Number of folds.
    rng
        Draws.
    """
    if groups is None:
        shuffled = rng.permutation(len(strata))
        fold_of = np.empty(len(strata), dtype=np.int64)
        fold_of[shuffled[np.argsort(strata[shuffled], kind="stable")]] = np.arange(len(strata)) % number
        return fold_of
    group_of = np.unique(groups.astype(str), return_inverse=True)[1]
    counts_GK = np.zeros((group_of.max() + 1, strata.max() + 1), dtype=np.int64)
    np.add.at(counts_GK, (group_of, strata), 1)
    counts_GK = np.column_stack([counts_GK[:, counts_GK.any(axis=0)], counts_GK.sum(axis=1)])
    # Whole numbers, which no processor rounds: many ways are equally even, and rounding would choose between them.
    weight_K = WHOLE // counts_GK.sum(axis=0)
    drawn = (_draw(counts_GK, weight_K, number, rng) for _ in range(DRAWS))
    return min(drawn, key=lambda draw: draw[0])[1][group_of]


def _draw(counts_GK: np.ndarray, weight_K: np.ndarray, number: int, rng: np.random.Generator) -> tuple[int, np.ndarray]:
    """Groups in random order, each put where it adds least to unevenness; how uneven that is, and each group's fold."""
    held_FK = np.zeros((number, counts_GK.shape[1]), dtype=np.int64)
    fold_of = np.empty(len(counts_GK), dtype=np.int64)
    for group in rng.permutation(len(counts_GK)):
        fold = int((held_FK @ (counts_GK[group] * weight_K)).argmin())
        held_FK[fold] += counts_GK[group]
        fold_of[group] = fold
    return int((held_FK**2 @ weight_K).sum()), fold_of


def _check_enough(options: SplitOptions, number: int, study: Study, groups: np.ndarray | None) -> None:
    needed = max(number, LEAST_UNITS)
    if len(study) < needed:
        raise InputError("--cv", f"{plural(len(study), 'sample')} for {number} folds; at least {needed} are needed")
    if groups is None or study.metadata is None:
        return
    found = len(np.unique(groups.astype(str)))
    if found < needed:
        problem = f"column '{shorten(options.group_column or '')}' has {plural(found, 'group')} for {number} folds"
        raise InputError(study.metadata.source, f"{problem}; at least {needed} are needed", SMALLER)


def _check_parts(folds: list[Fold], values: np.ndarray, kind: Kind) -> None:
    """Refuse folds whose training or validation part is empty, or that test a class which they cannot learn."""
    for fold in folds:
        where, split = f"fold {fold.number} of repeat {fold.repeat}", fold.split
        if not len(split.train) or not len(split.validation):
            problem = f"{where} leaves nothing to train on or to choose the best model by"
            raise InputError("--cv", problem, "more folds, another --validation-size, or smaller groups")
        if unseen := kind.unseen(values, split.train):
            problem = f"{where} has no training sample of class '{shorten(unseen[0])}': it is in too few groups"
            raise InputError("--cv", problem, "leave the class out with --where, or no --group-column")
