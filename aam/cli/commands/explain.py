"""`aam explain`: which ASVs, clades and taxa predictions rest on."""

from __future__ import annotations

import shlex

from aam.cli.next_command import figures_command
from aam.config import replace
from aam.config.command_line import command_words
from aam.config.commands.explain import ExplainConfig
from aam.log import logging_to_terminal, say
from aam.workflows.explain.write import EFFECTS, explain_and_write


def run(config: ExplainConfig) -> None:
    """Explain predictions, and say what counts most and what to do with it."""
    with logging_to_terminal():
        explanation = explain_and_write(config)
        say("", *(line for line in explanation.summary if line not in explanation.notes))
        if explanation.refitted is not None:
            say("", *explanation.refitted.lines())
        folder = config.output.output_dir
        say("", f"All effects with intervals: {folder / EFFECTS}", *_next(config))


def _next(config: ExplainConfig) -> list[str]:
    """The next thing to type."""
    if not config.explain.by_learner:
        folder = config.output.output_dir
        more = replace(config, by_learner=True, output_dir=folder.with_name(f"{folder.name}-learners"))
        words = shlex.join(command_words("explain", more))
        return ["Next, see whether the learners of the model agree:", f"  {words}"]
    return ["Next, see how good the model is:", f"  {figures_command(config.explain.model)}"]
