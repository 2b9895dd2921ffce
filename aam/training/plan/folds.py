"""Folds of a cross-validation from which a model can be learned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from aam.config import TrainConfig
from aam.config.studies import STUDY
from aam.data.study.folds import Fold, FoldOptions, make_folds
from aam.data.study.several.folds import make_study_folds
from aam.data.study.split import Split
from aam.data.study.study import Study
from aam.data.targets.fitting import fit_targets, levels_of
from aam.data.targets.targets import Targets
from aam.errors import Attempts, InputError
from aam.training.plan.supervision import Inputs, fit_inputs, learned_split, needs_validation, target_rules

Check = Callable[[TrainConfig, Inputs], object]
"""Refuses, of the options and the data of one training, what cannot be learned."""


def learnable_folds(config: TrainConfig, study: Study, check: Check | None = None) -> tuple[Targets, list[Fold]]:
    """The targets as all samples have them (their kind and classes count), and the folds.

    Parameters
    ----------
    config
        With ``cv``.
    study
        The study.
    check
        Refuses what a fold's model, with these options, cannot learn from.

    Raises
    ------
    InputError
        If there are too few samples, groups or samples of a class for the folds; or with each fold that cannot be
        learned from, or has no best model.
    """
    assert study.target is not None
    assert study.metadata is not None
    assert config.evaluation.cv is not None
    rules, sheet, rows = target_rules(config), study.metadata, np.arange(len(study))
    targets = fit_targets(rules, study.targets, rows, sheet.source, levels_of(rules, sheet))
    by_study, column = config.evaluation.cv == STUDY, config.study.study_column
    wanted = FoldOptions(
        number=0 if by_study else int(config.evaluation.cv),
        repeats=config.evaluation.cv_repeats,
        seed=config.run.seed,
        validated=needs_validation(config),
    )
    if by_study:
        folds = make_study_folds(config.split, wanted, study, column, study.target, targets.kind)
    else:
        folds = make_folds(config.split, wanted, study, study.target, targets.kind)
    fit_inputs(config, study, Split(rows, rows, rows[:0]))  # what is wrong with all samples is not said of each fold
    attempt = Attempts()
    for fold in folds:
        attempt(partial(_check_can_learn, config, study, fold, check))
    attempt.raise_if_any()
    return targets, folds


def _check_can_learn(config: TrainConfig, study: Study, fold: Fold, check: Check | None) -> None:
    whole = config.studies.whole_studies or fold.whole_studies
    own = replace(config, studies=replace(config.studies, whole_studies=whole))
    try:
        inputs = fit_inputs(own, study, learned_split(own, fold.split))
        if check is not None:
            check(own, inputs)
    except InputError as error:
        raise InputError.of(tuple(f"{fold.title}: {problem}" for problem in error.problems)) from None
