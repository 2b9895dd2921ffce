"""The objectives and metrics of a run: which heads its model has, what it learns, and what chooses the best model."""

from __future__ import annotations

import numpy as np

from aam.config import PretrainConfig, TrainConfig
from aam.data.batches.truths import Truth
from aam.data.study.study import Study
from aam.data.targets.kinds import Kind, chosen_kind
from aam.data.targets.targets import metric_endings
from aam.errors import ConfigError
from aam.evaluation.catalogue import METRICS
from aam.models.objectives import Objective, find_objective, with_own_weight


def lacks_class(kind: Kind, study: Study, validation_rows: np.ndarray) -> bool:
    """Whether the validation samples have none of some class."""
    return any(kind.unseen(values, validation_rows) for values in study.targets.values())


def default_metric(config: TrainConfig, *, lacks_class: bool = False) -> str:
    """The metric that chooses the best model by default.

    It is the target's own metric, or the mean of several targets' that has no unit. A loss with a costly side asks for
    predictions that no symmetric metric would choose: there it is the loss; and also where the validation samples lack
    a class, since who never predicts it would be the best.
    """
    if config.loss.loss_type == "asymmetric" or lacks_class:
        return "val_loss"
    kind = chosen_kind(config.target, config.loss)
    several = len(config.target.metadata_column) > 1
    return kind.mean_metric if several and kind.mean_metric is not None else kind.main_metric


def check_metric(config: PretrainConfig | TrainConfig, *, has_taxonomy: bool) -> None:
    """Refuse to choose the best model by a metric that is not measured.

    Raises
    ------
    ConfigError
        If it is not measured; names the metrics that are.
    """
    name = config.optim.best_metric or ""
    logged = {"val_loss"}
    if isinstance(config, TrainConfig):
        logged |= _target_metrics(config)
    for objective in learned(config, has_taxonomy):
        logged |= {found.name for found in objective.metrics}
    if name not in logged:
        raise ConfigError(f"--best-metric {name} is not measured in this run; choose from {', '.join(sorted(logged))}")


def _target_metrics(config: TrainConfig) -> set[str]:
    """Those of the one target; of several numbers each one's own, and the means of those that have no unit."""
    kind, endings = chosen_kind(config.target, config.loss), metric_endings(config.target.metadata_column)
    own = {name + ending for name in kind.metrics for ending in endings}
    return own if len(endings) == 1 else own | set(unitless_metrics(kind))


def unitless_metrics(kind: Kind) -> tuple[str, ...]:
    """The metrics of a kind of target of which several targets have a mean."""
    return tuple(name for name in kind.metrics if METRICS[name].has_scale or METRICS[name].is_share)


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
