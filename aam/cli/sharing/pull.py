"""`aam pull`: take a model from a model hub into the index."""

from __future__ import annotations

from aam.cli.sharing.confirm import confirmed
from aam.config import PullConfig
from aam.log import logging_to_terminal, say
from aam.workflows.sharing.index import row_of, what
from aam.workflows.sharing.pull import plan_pull, pull


def run(config: PullConfig) -> None:
    """Say what would be downloaded, ask, download and check it."""
    with logging_to_terminal():
        plan = plan_pull(config)
        say(*plan.lines())
        if not confirmed("Download?", yes=config.pull.yes):
            say("nothing was downloaded")
            return
        pull(plan, config)
        say("", f"{plan.name}: {what(row_of(plan.name))}")
        say("", "Next, read its card, and see whether it fits your table:")
        say(f"  aam models {plan.name}")
        say(f"  aam check --model {plan.name} --table YOUR_TABLE")
