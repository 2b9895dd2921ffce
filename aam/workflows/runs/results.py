"""What the workflows return: where a run lies, and how good its model is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from aam.config import PretrainConfig, TrainConfig
from aam.runs.directory import RunDirectory

if TYPE_CHECKING:
    from aam.evaluation.baseline_comparison import Judgement
    from aam.evaluation.cross_validation import CrossValidation

Metrics = dict[str, dict[str, float]]
"""Target column -> metric -> value."""


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainResult:
    """A finished run of pre-training or training: one model, or an ensemble.

    Attributes
    ----------
    run
        The run directory.
    config
        The options, with everything that was derived from the data.
    judgements
        Target column -> the model and its baselines on the test samples, or on the validation samples where there is
        no test part. Empty for pre-training.
    best_epoch
        Epoch (from 0) whose model was kept; -1 for the start, None for an ensemble.
    best_value
        The validation metric (``config.optim.best_metric``) of that epoch.
    epochs
        Epochs that were trained.
    late_signal
        The signal received in the last epoch, when nothing was left to stop; None for none.
    """

    run: Path
    config: PretrainConfig | TrainConfig = field(repr=False)
    judgements: Mapping[str, Judgement] = field(default_factory=dict, repr=False)
    best_epoch: int | None = None
    best_value: float | None = None
    epochs: int | None = None
    late_signal: int | None = None

    @property
    def model(self) -> Path:
        """The model folder."""
        return RunDirectory(self.run).model

    @property
    def metrics(self) -> Metrics:
        """Target column -> metrics of the model on its held-out samples."""
        return _values(self.judgements)


@dataclass(frozen=True, kw_only=True, eq=False)
class CrossValidationResult:
    """A finished cross-validation.

    Attributes
    ----------
    run
        The run directory.
    folds
        The run directory of each fold.
    targets
        Target column -> the model and its baselines on all samples, each predicted when it was held out.
    final_config
        The options of a training on all samples, as ``aam train --config`` reads them.
    """

    run: Path
    folds: tuple[Path, ...]
    targets: Mapping[str, CrossValidation] = field(repr=False)
    final_config: Path

    @property
    def metrics(self) -> Metrics:
        """Target column -> metrics of the models over all held-out samples."""
        return _values(self.judgements)

    @property
    def judgements(self) -> dict[str, Judgement]:
        """Target column -> the models and their baselines on all held-out samples."""
        return {column: found.judgement for column, found in self.targets.items()}


def _values(judgements: Mapping[str, Judgement]) -> Metrics:
    return {
        column: {name: interval.value for name, interval in judgement.results["model"].items()}
        for column, judgement in judgements.items()
    }
