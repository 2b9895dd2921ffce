"""Names of models on a hub."""

from __future__ import annotations

import re

from aam.config.types import shown
from aam.errors import ConfigError

REPOSITORY = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?/[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
LONGEST = 96


def check_repository(name: str) -> None:
    """Refuse what cannot be the name of a model on a hub.

    Raises
    ------
    ConfigError
        Saying so.
    """
    is_one = len(name) <= LONGEST and REPOSITORY.fullmatch(name) and not any(word in name for word in ("--", ".."))
    if not is_one or name.endswith(".git"):
        raise ConfigError(f"--repository must be OWNER/NAME as the hub has it, got {shown(name)}")
