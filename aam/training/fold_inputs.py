"""The folds of a cross-validation, each of which can be learned from."""

from __future__ import annotations

from functools import partial

import numpy as np

from aam.config import TrainConfig
from aam.data.folds import Fold, FoldOptions, make_folds
from aam.data.split import Split
from aam.data.study import Study
from aam.data.target_fit import fit_targets
from aam.data.targets import Targets, joint_levels
from aam.errors import Attempts, InputError
from aam.training.inputs import fit_inputs, target_rules


def learnable_folds(config: TrainConfig, study: Study) -> tuple[Targets, list[Fold]]:
    """The targets as all samples have them (their kind and classes count), and the folds.

    Parameters
    ----------
    config
        With ``cv``.
    study
        The study.

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
    levels = joint_levels(sheet, rules.normalize_by) if rules.normalize_by else None
    targets = fit_targets(rules, study.targets, rows, sheet.source, levels)
    wanted = FoldOptions(number=config.evaluation.cv, repeats=config.evaluation.cv_repeats, seed=config.run.seed)
    folds = make_folds(config.split, wanted, study, study.target, targets.kind)
    fit_inputs(config, study, Split(rows, rows, rows[:0]))  # what is wrong with all samples is not said of each fold
    attempt = Attempts()
    for fold in folds:
        attempt(partial(_check_can_learn, config, study, fold))
    attempt.raise_if_any()
    return targets, folds


def _check_can_learn(config: TrainConfig, study: Study, fold: Fold) -> None:
    try:
        fit_inputs(config, study, fold.split)
    except InputError as error:
        raise InputError.of(tuple(f"{fold.name}: {problem}" for problem in error.problems)) from None
