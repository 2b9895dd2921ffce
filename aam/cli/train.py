"""`aam train`: learn to predict a column of the sample sheet."""

from __future__ import annotations

from aam.config import TrainConfig


def run(config: TrainConfig) -> None:
    """Train a predictor, from scratch or from a pre-trained encoder."""
    from aam.cli.running import run_training
    from aam.training.prepare import prepare_training

    run_training(config, "train", lambda: prepare_training(config))
