"""`aam push`: send a model to a model hub."""

from __future__ import annotations

from aam.cli.sharing.confirm import confirmed
from aam.config import PushConfig
from aam.log import logging_to_terminal, say
from aam.workflows.sharing.push import push, push_plan


def run(config: PushConfig) -> None:
    """Say what would be sent, ask, and send it."""
    with logging_to_terminal(), push_plan(config) as plan:
        say(*plan.lines())
        if not confirmed("Send?", yes=config.push.yes):
            say("nothing was sent")
            return
        commit = push(plan)
        say("", f"sent: {plan.hub.endpoint}/{plan.repository}, commit {commit[:12]}")
        say("", "Who may see it takes it by:")
        say(f"  aam pull {plan.repository}")
