"""The objectives of a run: those that its model has heads for, which of them it learns, and their truths."""

from __future__ import annotations

from aam.config import PretrainConfig, TrainConfig
from aam.data.batches.truths import Truth
from aam.data.study.study import Study
from aam.models.objectives import Objective, find_objective, with_own_weight


def objectives_of_run(config: PretrainConfig | TrainConfig, has_classes: bool) -> tuple[Objective, ...]:
    """What the model of a run has heads for.

    Parameters
    ----------
    config
        With nothing of its objectives left open.
    has_classes
        Whether the study has classes of ASVs (a taxonomy).
    """
    kind = encoder_type(config)
    chosen = () if kind is None else find_objective(kind).parts(has_classes)
    return (*chosen, *(own for own in with_own_weight() if own.is_in_model(config)))


def learned(config: PretrainConfig | TrainConfig, has_classes: bool) -> tuple[Objective, ...]:
    """Those of :func:`objectives_of_run` that the encoder learns from."""
    return tuple(one for one in objectives_of_run(config, has_classes) if one.weight(config.objective))


def encoder_type(config: PretrainConfig | TrainConfig) -> str | None:
    """What the sample vector learns; None if nothing weighs it."""
    return config.objective.encoder_type if config.objective.penalty else None


def truths_of(config: PretrainConfig | TrainConfig, study: Study) -> tuple[Truth, ...]:
    """What batches need so that the objectives can be learned.

    Raises
    ------
    InputError
        If what is given with the study cannot be such a truth.
    """
    return tuple(
        Truth(one.head_name, one.truth_of, one.truth(study, config.objective))
        for one in learned(config, study.taxonomy_labels is not None)
        if one.truth_of is not None
    )
