"""`aam predict`: predict new samples with a trained model."""

from __future__ import annotations

from aam.cli.next_command import figures_command
from aam.config import PredictConfig
from aam.log import logging_to_terminal, say
from aam.workflows.predict import predict


def run(config: PredictConfig) -> None:
    """Predict every sample of a table with a model folder, and say what tells how far to trust the predictions."""
    with logging_to_terminal():
        predict(config)
        say("", "Next, see how good the model was on held-out samples:")
        say(f"  {figures_command(config.predict.model)}")
