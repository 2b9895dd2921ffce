"""`aam tune`: search for better options of a training."""

from __future__ import annotations

from aam.config import TuneConfig
from aam.log import logging_to_terminal, say
from aam.runs.layout import REPORT
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
        shown = found.shown
        say("", f"Next, {shown.next_title}:", f"  {shown.next_command}")
        if shown.left_words:
            say(shown.left_words)
