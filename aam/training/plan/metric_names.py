"""The metrics that a run measures, by name: which are better when larger, and which there are."""

from __future__ import annotations

from aam.config import PretrainConfig, TrainConfig
from aam.data.targets.targets import metric_endings
from aam.errors import ConfigError
from aam.models.objectives import each_part
from aam.training.plan.objectives import learned

HIGHER_IS_BETTER = frozenset(
    {
        "r2",
        "spearman",
        "accuracy",
        "balanced_accuracy",
        "f1",
        "auroc",
    }
)
LOWER_IS_BETTER = frozenset({"val_loss", "mae", "rmse"})
UNITLESS_METRICS = ("r2", "spearman")
REGRESSION_METRICS = frozenset({"mae", "rmse", "r2", "spearman"})
CLASSIFICATION_METRICS = frozenset({"accuracy", "balanced_accuracy", "f1", "auroc"})


def higher_is_better(name: str) -> bool:
    """Whether more of a metric is better; of several targets each has its own, ``r2_COLUMN``."""
    for found in (found for part in each_part() for found in part.metrics):
        if name == found.name:
            return found.metric.higher_is_better
    return name in HIGHER_IS_BETTER or name.startswith(tuple(f"{metric}_" for metric in UNITLESS_METRICS))


def default_metric(config: TrainConfig) -> str:
    """What chooses the best model where nothing is said.

    It is the target's own metric, or the mean of several targets' that has no unit. A loss with a costly side asks for
    predictions that no symmetric metric would choose: there it is the loss.
    """
    if config.loss.loss_type == "asymmetric":
        return "val_loss"
    several = len(config.target.metadata_column) > 1
    return "balanced_accuracy" if config.target.classifier else "r2" if several else "mae"


def check_metric(config: PretrainConfig | TrainConfig, *, has_taxonomy: bool) -> None:
    """Refuse to choose the best model by a metric that is not measured.

    Raises
    ------
    ConfigError
        With those that are.
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
    endings = metric_endings(config.target.metadata_column)
    names = CLASSIFICATION_METRICS if config.target.classifier else REGRESSION_METRICS
    own = {name + ending for name in names for ending in endings}
    return own if len(endings) == 1 else own | set(UNITLESS_METRICS)
