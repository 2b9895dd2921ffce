"""Leaving one study out after the other: each is tested by a model that saw no sample of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from aam.config import SplitOptions
from aam.data.study.dealing import hold_out
from aam.data.study.folds import Fold, FoldOptions, check_parts
from aam.data.study.several.labels import joined, study_labels
from aam.data.study.split import Split, sample_groups
from aam.data.study.study import Study
from aam.data.targets.kinds import Kind
from aam.errors import InputError
from aam.text import plural, shorten

LEAST_TESTED = 10
"""Samples below which a study is not tested: its figures would be noise."""
ENOUGH = 3
"""Studies to learn from, from which on they stay whole in the inner folds and in the validation part."""
OPTION = "--cv study"


def make_study_folds(
    options: SplitOptions, wanted: FoldOptions, study: Study, column: str, values: np.ndarray, kind: Kind
) -> list[Fold]:
    """A fold for each study that can be tested, repeat by repeat; the others train in every fold, which is noted.

    Parameters
    ----------
    options
        The group column, whether to balance, and the share of the samples not tested that choose the best model.
    wanted
        How often, and the seed; its number of folds counts for nothing.
    study
        All samples.
    column
        The column of studies.
    values, kind
        The target (the first, of several).

    Raises
    ------
    InputError
        If there are fewer than two studies, none can be tested, or a group lies in several.
    """
    labels, groups = study_labels(study, column, OPTION).astype(str), sample_groups(options, study)
    _check_groups(study, labels, groups, options)
    names = np.unique(labels)
    unfit = {name: reason for name in names if (reason := _unfit(values, kind, labels == name))}
    tested = [str(name) for name in names if name not in unfit]
    if not tested:
        name, reason = next(iter(unfit.items()))
        problem = f"none of {len(names):,} studies can be tested (first: '{shorten(name)}', {reason})"
        raise InputError(OPTION, problem, "a --cv of folds")
    order = np.argsort(study.sample_ids.astype(str), kind="stable")
    strata = kind.strata(values) if options.stratify else np.zeros(len(study), dtype=np.int64)
    units = joined(labels, groups)
    folds = []
    for repeat in range(1, wanted.repeats + 1):
        for number, name in enumerate(tested, start=1):
            rest = order[labels[order] != name]
            whole = len(np.unique(units[rest])) >= ENOUGH
            of_rest = units[rest] if whole else None if groups is None else groups[rest]
            rng = np.random.default_rng([wanted.seed, repeat, number])
            cover = options.stratify and kind.covers_strata
            chosen = hold_out(strata[rest], of_rest, options.validation_size, 1, rng, cover=cover)
            split = Split(np.sort(rest[~chosen]), np.sort(rest[chosen]), np.flatnonzero(labels == name))
            folds.append(Fold(repeat, number, split, study=name, whole_studies=whole))
    if wanted.validated:
        check_parts(folds, values, kind)
    notes = tuple(_untested_notes(unfit))
    return [replace(fold, split=replace(fold.split, notes=notes)) for fold in folds]


def in_turn_words(labels: np.ndarray, tested: Sequence[str], times: str = "") -> str:
    """Which studies are left out, and which never are.

    Parameters
    ----------
    labels
        The study of each sample.
    tested
        Those that are left out.
    times
        How often, in words that follow a comma.
    """
    names = [str(name) for name in np.unique(labels.astype(str))]
    always = [name for name in names if name not in tested]
    if not always:
        return f"each of {plural(len(names), 'study')} is left out in turn{times}"
    more = f" and {len(always) - 1:,} more" if len(always) > 1 else ""
    left = f"{len(tested):,} of {plural(len(names), 'study')} {'is' if len(tested) == 1 else 'are'} left out in turn"
    return f"{left}{times}; '{shorten(always[0])}'{more} always {'train' if more else 'trains'}"


def _unfit(values: np.ndarray, kind: Kind, own: np.ndarray) -> str:
    """Why a study cannot be tested; empty where it can."""
    known = values[own][kind.is_present(values[own])]
    if len(known) < LEAST_TESTED:
        return f"{plural(len(known), 'sample')}, of {LEAST_TESTED} that are needed"
    if len(np.unique(known)) < 2:
        return f"one {'class' if kind.covers_strata else 'value'}"
    elsewhere = values[~own]
    only_here = sorted(set(known.tolist()) - set(elsewhere.tolist())) if kind.covers_strata else []
    return f"class '{shorten(str(only_here[0]))}' is in no other study" if only_here else ""


def _untested_notes(unfit: dict[str, str]) -> Iterator[str]:
    for name, reason in unfit.items():
        yield f"study '{shorten(name)}' is not tested ({reason}); its samples train in every fold"


def _check_groups(study: Study, labels: np.ndarray, groups: np.ndarray | None, options: SplitOptions) -> None:
    """Refuse groups that lie in several studies: leaving one study out would split them."""
    if groups is None or study.metadata is None:
        return
    pairs = np.unique(np.stack([groups.astype(str), labels]), axis=1)
    names, counts = np.unique(pairs[0], return_counts=True)
    shared = names[counts > 1]
    if len(shared):
        column = shorten(options.group_column or "")
        problem = (
            f"{plural(len(shared), 'group')} of column '{column}' in several studies (first: '{shorten(shared[0])}')"
        )
        remedy = "give groups of different studies different names, or no --group-column"
        raise InputError(study.metadata.source, problem, remedy)
