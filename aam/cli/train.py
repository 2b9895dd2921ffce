"""`aam train`: learn to predict columns of the sample sheet."""

from __future__ import annotations

from aam.config import TrainConfig


def run(config: TrainConfig) -> None:
    """Train a predictor, from scratch or from a pre-trained encoder; or several: an ensemble, or one for each fold."""
    if config.evaluation.cv is not None:
        from aam.workflows.cross_validation import cross_validate

        cross_validate(config)
        return
    if config.evaluation.ensemble > 1:
        from aam.workflows.ensemble import train_ensemble

        train_ensemble(config)
        return
    from aam.training.run.build_run import prepare_training
    from aam.workflows.train import run_training

    run_training(config, "train", lambda: prepare_training(config))
