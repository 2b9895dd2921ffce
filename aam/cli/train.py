"""`aam train`: learn to predict columns of the sample sheet."""

from __future__ import annotations

from aam.config import TrainConfig


def run(config: TrainConfig) -> None:
    """Train a predictor, from scratch or from a pre-trained encoder; or several: an ensemble, or one for each fold."""
    if config.evaluation.cv is not None:
        from aam.cli.cross_validation import cross_validate

        cross_validate(config)
        return
    if config.evaluation.ensemble > 1:
        from aam.cli.ensemble import train_ensemble

        train_ensemble(config)
        return
    from aam.cli.running import run_training
    from aam.training.prepare import prepare_training

    run_training(config, "train", lambda: prepare_training(config))
