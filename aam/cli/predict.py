"""`aam predict`: predict new samples with a trained model."""

from __future__ import annotations

from aam.config import PredictConfig
from aam.log import logging_to_terminal
from aam.workflows.predict import predict


def run(config: PredictConfig) -> None:
    """Predict every sample of a table with a model folder."""
    with logging_to_terminal():
        predict(config)
