"""`aam learning-curve`: whether more samples would help, and by how much."""

from __future__ import annotations

from aam.config import CurveConfig
from aam.log import logging_to_terminal, say
from aam.runs.layout import REPORT
from aam.workflows.learning_curve.run import learning_curve


def run(config: CurveConfig) -> None:
    """Compute the curve, and say what it foretells."""
    with logging_to_terminal():
        found = learning_curve(config)
        say("", *found.summary)
        if config.curve.output_dir is not None:
            say("", f"report: {config.curve.output_dir / REPORT}")
