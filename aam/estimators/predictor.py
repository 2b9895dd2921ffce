"""What predictors of numbers and of classes have in common.

Legend of shapes: ``N`` samples, ``T`` targets, ``C`` classes.
"""

from __future__ import annotations

import warnings
from typing import Any

from aam.config import TrainConfig
from aam.config.option import read_values
from aam.data.targets.kinds import Kind, Predictions
from aam.errors import CheckpointError
from aam.estimators.base import Estimator
from aam.estimators.errors import DataError, as_value_errors
from aam.estimators.targets import (
    GROUPS,
    NAME,
    Answers,
    training_study,
)
from aam.workflows.in_memory import fit_predictor, preserved_torch_state
from aam.workflows.trained_model import NetworkModel


class Predictor(Estimator):
    """What predictors of numbers and of classes have in common."""

    val_prediction_passes: int

    def _train(self, X: Any, answers: Answers, config: TrainConfig) -> None:
        """Learn the answers, which are those of X's samples."""
        study = self._study(X, config.table, reset=True)
        with as_value_errors(), preserved_torch_state():
            self.trained_ = fit_predictor(config, training_study(study, answers, config.sampling.rarefy_depth))

    def _require(self, y: Any) -> None:
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None")

    def _config(self, answers: Answers, **fixed: Any) -> TrainConfig:
        columns, group = list(answers.targets), None if answers.group_N is None else GROUPS
        named = {"metadata": NAME, "metadata_column": columns, "group_column": group}
        return self._options(TrainConfig, **named, forest_baseline=False, report=False, **fixed)

    def _predictions(self, X: Any, level: float | None = None) -> list[Predictions]:
        """All that the models say of samples, for each target."""
        study = self._study_to_predict(X)
        with as_value_errors():
            names = ("val_prediction_passes", "seed", "device")
            given = read_values(TrainConfig, {name: getattr(self, name) for name in names})
            passes = given.pop("val_prediction_passes")
            if level is not None:
                given |= read_values(TrainConfig, {"interval_level": level})
            return list(self.trained_.predict(study, prediction_passes=passes, **given).values())

    def _check_guarantee(self, level: float | None) -> None:
        description = self.trained_.description
        if not any(description.calibrations):
            raise DataError("intervals", "the model has none: no target had a value in the validation samples")
        for line in description.decoder(level).coverage_warnings():
            warnings.warn(line, stacklevel=3)

    def _check_kind(self, trained: NetworkModel, kind: Kind, source: str) -> None:
        """Refuse a model of another kind, or one that must be told more of samples than their microbes."""
        targets = trained.description.targets
        if targets is None or targets.kind.saved_name != kind.saved_name:
            found = "a pre-trained encoder" if targets is None else f"a model of {targets.kind.saved_name}"
            raise CheckpointError(f"{source}: {found}; {type(self).__name__} needs one of {kind.saved_name}")
        if trained.description.needed_columns:
            raise CheckpointError(f"{source}: the model needs metadata columns; use aam predict")
