"""Whether a run that was stopped can go on, by its own options."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aam.config.learners import LearnerOptions
from aam.config.yaml_file import read_config_file
from aam.errors import ConfigError, InputError

REPEAT = "a blend starts anew: repeat the command with --overwrite"
"""What to do about a run that cannot go on."""
BEFORE_BLENDS = {"learners": ("network",)}
"""What a run of `aam train` consists of whose options do not say it: until there were blends, it was the network."""


def is_resumable(config: Path) -> bool:
    """Whether a run keeps something to go on with: a blend keeps nothing, a cross-validation its finished folds.

    Parameters
    ----------
    config
        Its ``config.yaml``. One that cannot be read is for the command that resumes to refuse.
    """
    try:
        written = read_config_file(config)
        return written.get("command") != "train" or bool(written.get("cv")) or _is_network(written)
    except (InputError, ConfigError):
        return True


def _is_network(written: dict[str, Any]) -> bool:
    names = written.get("learners") or BEFORE_BLENDS["learners"]
    given = tuple(names.split(",")) if isinstance(names, str) else tuple(map(str, names))
    return str(written.get("fine_tune")).lower() != "true" and LearnerOptions(learners=given).is_network_alone
