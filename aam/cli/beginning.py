"""How a run begins in its directory: the room that it makes, and the options that it writes down."""

from __future__ import annotations

from typing import Any

from aam.config import PretrainConfig, TrainConfig, to_flat
from aam.files.run_directory import RunDirectory


def make_room(run: RunDirectory, config: PretrainConfig | TrainConfig) -> None:
    """Remove the run that a new one takes the place of; to be called when nothing can be wrong with the new one."""
    if config.run.overwrite and config.run.resume_from is None:
        run.clear()


def options_to_repeat(config: PretrainConfig | TrainConfig) -> dict[str, Any]:
    """The options of a run as its ``config.yaml`` has them: to repeat it does not ask to remove or change a run."""
    return {**to_flat(config), "overwrite": False, "resume_from": None, "allow_change": []}
