"""What keeps a blend from being learned, found before anything is fitted or written."""

from __future__ import annotations

import numpy as np

from aam.config import TrainConfig, replace
from aam.config.studies import ADVERSARY
from aam.data.study.study import Study
from aam.errors import Attempts, ConfigError, InputError, Problems
from aam.learners.catalogue import NETWORK
from aam.learners.members import Unable, possible_members
from aam.learners.protocol import Labelled
from aam.text import plural, shorten
from aam.training.plan.derived_defaults import StudyFacts, derive
from aam.training.plan.supervision import Inputs
from aam.workflows.runs.blend.inputs import inner_folds, labelled, ordered_rows

MIN_FOLDS = 2
MIN_KNOWN = 2
"""Values of a target to learn from, in each fold."""
MIN_STUDIES = 2
"""Studies that an adversary tells apart."""


def check_training(config: TrainConfig, inputs: Inputs) -> None:
    """Refuse a blend of none, and what :func:`check_inner_folds` and :func:`check_network` do."""
    if config.is_blend:
        members_of(config, inputs.study)
    check_inner_folds(config, inputs)
    check_network(config, inputs)


def members_of(config: TrainConfig, study: Study) -> tuple[list[str], list[Unable]]:
    """The learners that take part, at least one, and those that cannot."""
    names, unable = possible_members(config.members, study, has_encoder=config.transfer.names_encoder)
    if not names:
        reasons = "; ".join(f"{one.name} {one.reason}" for one in unable)
        raise ConfigError(f"--learners: no learner is left ({reasons})")
    return names, unable


def check_inner_folds(config: TrainConfig, inputs: Inputs) -> None:
    """Refuse training samples whose inner folds cannot be learned from; nothing to do where nothing is blended.

    Parameters
    ----------
    config, inputs
        What was asked for, and the data.

    Raises
    ------
    InputError
        With each reason.
    """
    if not config.is_blend:
        return
    samples, attempt = labelled(inputs, ordered_rows(inputs)), Attempts()
    fold_B = inner_folds(config, inputs, samples)
    attempt(lambda: check_learnable(config, inputs, samples, fold_B))
    attempt(lambda: _check_studies(config, inputs, samples, fold_B))
    attempt.raise_if_any()


def check_network(config: TrainConfig, inputs: Inputs) -> None:
    """Refuse options of the network that do not go with the study, where one is trained.

    Raises
    ------
    ConfigError
        As :func:`~aam.training.plan.derived_defaults.derive`.
    """
    if not config.learners.with_network:
        return
    assert inputs.targets is not None
    alone = replace(config, learners=[NETWORK], fine_tune=False) if config.is_blend else config
    derive(alone, StudyFacts.of(inputs.study, inputs.split, inputs.targets.kind))


def check_learnable(config: TrainConfig, inputs: Inputs, samples: Labelled, fold_B: np.ndarray) -> None:
    """Refuse samples that leave a fold without truths to learn a target from.

    Parameters
    ----------
    config, inputs
        What was asked for, and the data.
    samples, fold_B
        The training samples, and the fold of each.

    Raises
    ------
    InputError
        With each target that cannot be learned.
    """
    targets, sheet = inputs.targets, inputs.study.metadata
    assert targets is not None
    problems = Problems("" if sheet is None else sheet.source)
    number = len(np.unique(fold_B))
    if number < MIN_FOLDS:
        column = shorten(config.split.group_column or "")
        problem = f"column '{column}' has one group; a blend needs {MIN_FOLDS} to weigh its learners by"
        problems.add(problem, "leave out --group-column, or take --learners forest")
    for place, column in enumerate(targets.columns if number >= MIN_FOLDS else ()):
        known = ~np.isnan(samples.targets[:, place])
        least = min(int((known & (fold_B != fold)).sum()) for fold in range(number))
        if least < MIN_KNOWN:
            problem = f"column '{shorten(column)}' has {plural(int(known.sum()), 'value')}, too few for {number} folds"
            problems.add(problem, "more samples, or another column")
    problems.raise_if_any()


def _check_studies(config: TrainConfig, inputs: Inputs, samples: Labelled, fold_B: np.ndarray) -> None:
    """Refuse an adversary that would have one study to tell apart without some inner fold."""
    if config.studies.study_effect != ADVERSARY or inputs.study_N is None:
        return
    labels_B, folds = inputs.study_N[samples.rows].astype(str), np.unique(fold_B)
    short = [fold for fold in folds if len(set(labels_B[fold_B != fold])) < MIN_STUDIES]
    if not short:
        return
    left = shorten(sorted(set(labels_B[fold_B != short[0]]))[0])
    number = f"{len(short)} of {plural(len(folds), 'inner fold')}"
    problem = f"{number} of the blend would learn from one study (first: '{left}'), and two are told apart"
    remedy = "leave out --whole-studies" if config.studies.whole_studies else "more studies"
    raise InputError("--study-effect adversary", problem, f"{remedy}, or train --learners network alone")
