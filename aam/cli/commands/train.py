"""`aam train`: learn to predict metadata columns."""

from __future__ import annotations

import shlex
from pathlib import Path

from aam.cli.next_command import TABLE_INPUTS
from aam.cli.run_log import run_log, say_next
from aam.config import TrainConfig
from aam.config.command_line import option_words
from aam.workflows.runs.train import cross_validate, train

INPUTS = TABLE_INPUTS | {"metadata", "match_ids", "where", "tree", "root", "taxonomy", "missing_tips"}
"""Options that an explanation of the run takes from it."""


def run(config: TrainConfig, command_line: str) -> None:
    """Train a model, an ensemble, or a model for each fold; and say what to do with the result."""
    with run_log(config):
        if config.evaluation.cv is not None:
            folds = cross_validate(config, command_line)
            if not folds.targets:
                return
            final = f"  aam train --config {shlex.quote(str(folds.final_config))}"
            say_next(config, folds.run, "Next, train the model to use, on all samples:", final)
            return
        run = train(config, command_line).run
        needs_sheet = [
            *config.covariates.columns,
            *config.target.normalize_by,
            *filter(None, [config.target.exposure_column, config.earlier.time_column]),
        ]
        sheet = " --metadata NEW.tsv" if needs_sheet else ""
        words = f"aam predict --model {shlex.quote(str(run))} --table NEW.biom{sheet} --output predictions.tsv"
        say_next(config, run, "Next, predict new samples:", f"  {words}", *_explain_lines(config, run))


def _explain_lines(config: TrainConfig, run: Path) -> list[str]:
    """How to see which microbes predictions rest on."""
    folder = run.with_name(f"{run.name}-explained")
    words = ["aam", "explain", str(run), *option_words(config, INPUTS), "--output-dir", str(folder)]
    return ["or see which microbes predictions rest on:", f"  {shlex.join(words)}"]
