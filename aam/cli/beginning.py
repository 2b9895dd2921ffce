"""How a run begins in its directory: what it reads, and the options that it writes down."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aam.config import PretrainConfig, TrainConfig, to_flat
from aam.config.option import fields
from aam.files.run_directory import RunDirectory

NO_INPUTS = ("output_dir", "resume_from")


def input_paths(config: PretrainConfig | TrainConfig) -> Iterator[Path]:
    """All files and folders that a run is told to read."""
    for section, field, _ in fields(type(config)):
        value = getattr(getattr(config, section), field.name)
        if field.name not in NO_INPUTS:
            yield from (path for path in (value if isinstance(value, tuple) else (value,)) if isinstance(path, Path))


def make_room(run: RunDirectory, config: PretrainConfig | TrainConfig) -> None:
    """Remove the run that a new one takes the place of; to be called when nothing can be wrong with the new one."""
    if config.run.overwrite and config.run.resume_from is None:
        run.clear()


def options_to_repeat(config: PretrainConfig | TrainConfig) -> dict[str, Any]:
    """The options of a run as its ``config.yaml`` has them: to repeat it does not ask to remove or change a run."""
    return {**to_flat(config), "overwrite": False, "resume_from": None, "allow_change": []}
