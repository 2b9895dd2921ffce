"""`aam evaluate`: judge a model by new labelled samples."""

from __future__ import annotations

import shlex

from aam.config.commands.evaluate import EvaluateConfig
from aam.log import logging_to_terminal, say


def run(config: EvaluateConfig) -> None:
    """Judge a model by labelled samples: how good, how sure, where it fails."""
    from aam.runs.layout import REPORT
    from aam.workflows.evaluate.run import evaluate

    with logging_to_terminal():
        evaluate(config)
        folder = config.output.output_dir
        if folder is None:
            say("", "Next, keep the tables and the report: add --output-dir FOLDER")
            return
        if config.output.report:
            say(f"report: {folder / REPORT}")
        say("", "Next, see which samples are predicted worst, and why:")
        say(f"  column -t -s $'\\t' {shlex.quote(str(folder / 'worst_samples.tsv'))} | less -S")
