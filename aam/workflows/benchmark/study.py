"""A task of a benchmark with its study and its folds.

A shuffled target is a negative control. Where a group has one value only, whole groups exchange their values, so that
samples of a group stay alike; else samples do.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from aam.config import CovariateOptions, SplitOptions, StudyOptions, TableOptions
from aam.config.commands.benchmark import TaskOptions
from aam.data.study.folds import Fold, FoldOptions, make_folds
from aam.data.study.shuffling import shuffled_values
from aam.data.study.split import sample_groups
from aam.data.study.study import Study, TargetRequest, load_study
from aam.data.targets.kinds import Kind, chosen_kind
from aam.errors import InputError
from aam.text import shorten


@dataclass(frozen=True, kw_only=True, eq=False)
class OpenTask:
    """A task whose study is read.

    Attributes
    ----------
    name, options
        As in the suite.
    study
        Its samples that have a value of the target.
    kind
        What the target is.
    groups
        Group of each sample; None where each stands for itself.
    folds
        All folds, repeat by repeat.
    """

    name: str
    options: TaskOptions
    study: Study
    kind: Kind
    groups: np.ndarray | None
    folds: list[Fold]

    def training_rows(self, fold: Fold) -> np.ndarray:
        """Rows that a fold trains on, in the order of their ids; who learns here needs no validation part."""
        rows = np.concatenate([fold.split.train, fold.split.validation])
        return rows[np.argsort(self.study.sample_ids[rows].astype(str), kind="stable")]

    @property
    def covariates(self) -> CovariateOptions:
        """Its covariates."""
        return CovariateOptions(
            categorical_columns=tuple(map(str, self.options.categorical_columns)),
            numeric_columns=tuple(map(str, self.options.numeric_columns)),
        )


def open_task(name: str, options: TaskOptions, wanted: FoldOptions) -> OpenTask:
    """Read the study of a task and deal its folds, as ``aam train --cv`` does.

    Parameters
    ----------
    name, options
        The task.
    wanted
        How many folds.

    Raises
    ------
    InputError
        If an input cannot be used, or the folds cannot be dealt; with the name of the task.
    """
    try:
        return _open(name, options, wanted)
    except InputError as error:
        problems = tuple(f"task '{shorten(name)}': {problem}" for problem in error.problems)
        raise InputError.of(problems) from None


def _open(name: str, options: TaskOptions, wanted: FoldOptions) -> OpenTask:
    kind = chosen_kind(options.column)
    study = load_study(
        TableOptions(table=(options.table,)),
        StudyOptions(
            metadata=options.metadata,
            tree=options.tree,
            where=options.where,
            not_missing=options.not_missing,
            match_ids=options.match_ids,
        ),
        None,
        TargetRequest(
            columns=(options.metadata_column,),
            kind=kind,
            missing=options.missing,
            groups=tuple(filter(None, [options.group_column, *options.categorical_columns])),
        ),
    )
    split = SplitOptions(group_column=options.group_column)
    groups = sample_groups(split, study)
    if options.shuffle is not None:
        study = shuffled(study, groups, options.shuffle)
    assert study.target is not None
    folds = make_folds(split, wanted, study, study.target, kind)
    return OpenTask(name=name, options=options, study=study, kind=kind, groups=groups, folds=folds)


def shuffled(study: Study, groups: np.ndarray | None, seed: int) -> Study:
    """The study with its first target permuted.

    Parameters
    ----------
    study
        The study.
    groups
        Group of each sample, where there are groups.
    seed
        Seed. The permutation is a function of it and of the samples' ids, not of the table's order.
    """
    (column, values), *_ = study.targets.items()
    permuted = shuffled_values(values, study.sample_ids, groups, seed)
    return dataclasses.replace(study, targets={**study.targets, column: permuted})
