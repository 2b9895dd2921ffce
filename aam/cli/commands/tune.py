"""`aam tune`: search for better options of a training."""

from __future__ import annotations

import shlex

from aam.config import TuneConfig
from aam.log import logging_to_terminal, say
from aam.runs.layout import REPORT
from aam.workflows.tune.folder import BEST
from aam.workflows.tune.run import tune


def run(config: TuneConfig, command_line: str) -> None:
    """Search, say what was found, and what trains the winner."""
    with logging_to_terminal(verbose=config.run.verbose):
        found = tune(config)
        if found is None:
            return
        say("", *found.summary)
        if config.run.report:
            say("", f"report: {config.run.output_dir / REPORT}")
        best = shlex.quote(str(config.run.output_dir / BEST))
        say("", "Next, train the winner:", f"  aam train --config {best}")
