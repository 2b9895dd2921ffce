"""`aam train`: learn to predict columns of the sample sheet."""

from __future__ import annotations

import shlex

from aam.cli.run_log import run_log
from aam.config import TrainConfig
from aam.log import say
from aam.workflows.train import cross_validate, train


def run(config: TrainConfig, command_line: str) -> None:
    """Train a model, an ensemble, or a model for each fold; and say what to do with the result."""
    with run_log(config):
        if config.evaluation.cv is not None:
            final = shlex.quote(str(cross_validate(config, command_line).final_config))
            say("", "Next, train the model to use, on all samples:", f"  aam train --config {final}")
            return
        model = shlex.quote(str(train(config, command_line).run))
        needs_sheet = [*config.covariates.columns, *config.target.normalize_by]
        sheet = " --metadata NEW.tsv" if needs_sheet else ""
        words = f"aam predict --model {model} --table NEW.biom{sheet} --output predictions.tsv"
        say("", "Next, predict new samples:", f"  {words}")
