"""`aam train`: learn to predict a column of the sample sheet."""

from __future__ import annotations

from aam.config import TrainConfig


def run(config: TrainConfig) -> None:
    """Train a predictor, from scratch or from a pre-trained encoder; or one for each fold of a cross-validation."""
    if config.evaluation.cv is not None:
        from aam.cli.cross_validation import cross_validate

        cross_validate(config)
        return
    from aam.cli.running import run_training
    from aam.training.prepare import prepare_training

    run_training(config, "train", lambda: prepare_training(config))
