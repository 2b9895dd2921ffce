"""`aam learning-curve`: whether more samples would help, and by how much."""

from __future__ import annotations

import shlex

from aam.config import CurveConfig, TrainConfig
from aam.config.command_line import option_words
from aam.config.option import fields
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
        say("", "Next, train on all samples:", f"  {shlex.join(_train_words(config))}")


def _train_words(config: CurveConfig) -> list[str]:
    """The command that trains on all samples as the curve did."""
    own = {"output_dir", "overwrite", "seed", "progress"}
    taken = {field.name for _, field, _ in fields(TrainConfig)} - own
    return ["aam", "train", *option_words(config, taken), "--output-dir", "RUN"]
