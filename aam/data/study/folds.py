"""Folds of a cross-validation: every sample is tested once in each repeat, and groups stay whole.

The folds are a function of the seed, the repeat and the samples' ids, not of the table's order.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from aam.config import SplitOptions
from aam.data.study.dealing import deal, hold_out
from aam.data.study.split import Split, grouping_notes, sample_groups
from aam.data.study.study import Study
from aam.data.targets.kinds import Kind
from aam.errors import InputError
from aam.text import plural, shorten

MIN_UNITS = 3  # to train, to choose the best model, and to test
SMALLER = "a smaller --cv"


@dataclass(frozen=True, eq=False)
class Fold:
    """One fold of one repeat, both counted from 1; the test part of ``split`` is what the fold is about.

    Where a study is left out, ``study`` is its name, and ``whole_studies`` whether the others stay whole within.
    """

    repeat: int
    number: int
    split: Split
    study: str = ""
    whole_studies: bool = False

    @property
    def name(self) -> str:
        """For folders and messages."""
        return f"repeat{self.repeat}-fold{self.number}"

    @property
    def title(self) -> str:
        """For messages: the study that is left out, or the name."""
        return f"{self.name} (without '{shorten(self.study)}')" if self.study else self.name


@dataclass(frozen=True, kw_only=True)
class FoldOptions:
    """Number of folds, number of repeats, and seed; and whether a part of each fold's samples chooses its model."""

    number: int
    repeats: int
    seed: int
    validated: bool = True


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
    strata, cover = np.zeros(len(study), dtype=np.int64), options.stratify and kind.covers_strata
    if options.stratify:
        strata = kind.strata(values)
    folds = []
    for repeat in range(1, wanted.repeats + 1):
        key = [wanted.seed, wanted.number, repeat]
        fold_of = np.empty(len(study), dtype=np.int64)
        of_sorted = None if groups is None else groups[order]
        fold_of[order] = deal(strata[order], of_sorted, wanted.number, np.random.default_rng(key), cover=cover)
        for number in range(1, wanted.number + 1):
            rng = np.random.default_rng([*key, number])
            rest = order[fold_of[order] != number - 1]
            of_rest = None if groups is None else groups[rest]
            chosen = hold_out(strata[rest], of_rest, options.validation_size, 1, rng, cover=cover)
            split = Split(np.sort(rest[~chosen]), np.sort(rest[chosen]), np.flatnonzero(fold_of == number - 1))
            folds.append(Fold(repeat, number, split))
    check_parts(folds, values, kind)
    notes = (*grouping_notes(options, study, kind), *_lacking_notes(folds, values, kind, validated=wanted.validated))
    return [replace(fold, split=replace(fold.split, notes=notes)) for fold in folds]


def _lacking_notes(folds: list[Fold], values: np.ndarray, kind: Kind, *, validated: bool) -> list[str]:
    """In how many folds a class is lacking in the part that chooses the model, or in the one that judges it."""
    notes = []
    for part in ("validation", "test") if validated else ("test",):
        lacking = [(fold, found) for fold in folds if (found := kind.unseen(values, getattr(fold.split, part)))]
        if lacking:
            fold, classes = lacking[0]
            first = f"first: '{shorten(classes[0])}' in {fold.name}"
            notes.append(f"the {part} part of {len(lacking)} of {plural(len(folds), 'fold')} lacks a class ({first})")
    return notes


def _check_enough(options: SplitOptions, number: int, study: Study, groups: np.ndarray | None) -> None:
    needed = max(number, MIN_UNITS)
    if len(study) < needed:
        raise InputError("--cv", f"{plural(len(study), 'sample')} for {number} folds; at least {needed} are needed")
    if groups is None or study.metadata is None:
        return
    found = len(np.unique(groups.astype(str)))
    if found < needed:
        problem = f"column '{shorten(options.group_column or '')}' has {plural(found, 'group')} for {number} folds"
        raise InputError(study.metadata.source, f"{problem}; at least {needed} are needed", SMALLER)


def check_parts(folds: list[Fold], values: np.ndarray, kind: Kind) -> None:
    """Refuse folds with an empty training or validation part, or with a test class absent from training."""
    for fold in folds:
        where, split = f"fold {fold.number} of repeat {fold.repeat}", fold.split
        where += f" (without '{shorten(fold.study)}')" if fold.study else ""
        if not len(split.train) or not len(split.validation):
            problem = f"{where} has no training or validation samples"
            raise InputError("--cv", problem, "more folds, another --validation-size, or smaller groups")
        if unseen := kind.unseen(values, split.train):
            problem = f"{where} has no training sample of class '{shorten(unseen[0])}': it is in too few groups"
            raise InputError("--cv", problem, "leave the class out with --where, or no --group-column")
