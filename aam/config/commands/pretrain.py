"""`aam pretrain`."""

from __future__ import annotations

from dataclasses import dataclass, field

from aam.config.augmentation import AugmentationOptions, check_augmentation
from aam.config.distributed import DistributedOptions
from aam.config.memory import MemoryOptions, check_batch
from aam.config.optim import OptimOptions
from aam.config.sections import (
    ModelOptions,
    ObjectiveOptions,
    RunOptions,
    SamplingOptions,
    SplitOptions,
    StudyOptions,
    TableOptions,
)
from aam.config.studies import CLASS, BalanceOptions
from aam.config.tracking import TrackingOptions
from aam.config.unused_options import check_used
from aam.errors import Attempts, ConfigError


@dataclass(frozen=True, kw_only=True)
class PretrainConfig:
    """All options of `aam pretrain`."""

    table: TableOptions
    study: StudyOptions
    sampling: SamplingOptions
    augmentation: AugmentationOptions = field(default_factory=AugmentationOptions)
    split: SplitOptions
    balance: BalanceOptions = field(default_factory=BalanceOptions)
    model: ModelOptions
    objective: ObjectiveOptions
    optim: OptimOptions
    memory: MemoryOptions
    distributed: DistributedOptions = field(default_factory=DistributedOptions)
    tracking: TrackingOptions = field(default_factory=TrackingOptions)
    run: RunOptions

    def __post_init__(self) -> None:
        attempt = Attempts()
        attempt(lambda: check_batch(self.optim, self.memory))
        attempt(lambda: check_used(self.study, self.objective, self.optim))
        attempt(lambda: check_augmentation(self))
        attempt(self.split.check_validation)
        attempt(self._check_balance)
        attempt.raise_if_any()

    def _check_balance(self) -> None:
        if self.balance.balance_by == CLASS:
            raise ConfigError("--balance-by class needs a target: pre-training has none")
