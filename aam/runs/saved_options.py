"""The options that a YAML file or a run directory holds, read as those of a command."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from aam.config import TrainConfig, from_flat, to_flat
from aam.config.option import fields, read_values
from aam.config.registry import COMMANDS
from aam.config.resume import resumed_values
from aam.config.yaml_file import read_config_file
from aam.errors import ConfigError, InputError, Problems
from aam.runs.continuing import BEFORE_BLENDS
from aam.runs.directory import RunDirectory
from aam.runs.layout import CONFIG
from aam.text import shorten


def training_config(path: Path) -> TrainConfig:
    """The configuration of ``aam train`` that a run's ``config.yaml`` holds."""
    return from_flat(TrainConfig, BEFORE_BLENDS | options_of_file("train", path))


def training_config_to_resume(run: Path) -> TrainConfig:
    """The configuration that continues a run of ``aam train``."""
    return from_flat(TrainConfig, options_to_resume("train", {"resume_from": run}))


def options_of_file(command: str, path: Path) -> dict[str, Any]:
    """Values by option name of a YAML file.

    Raises
    ------
    InputError
        If it cannot be read, is of another command, or an option or value is unknown.
    """
    return read_written(command, path, written_options(command, path))


def written_options(command: str, path: Path) -> dict[str, Any]:
    """What the file says, as text that is not yet understood."""
    values = read_config_file(path)
    _check_command(path, command, values.pop("command", command))
    return values


def read_written(command: str, path: Path, values: Mapping[str, Any]) -> dict[str, Any]:
    """Values of the options' own types; an :class:`InputError` names the file and everything that is wrong."""
    try:
        return read_values(COMMANDS[command].config, values)
    except ConfigError as error:
        problems = Problems(path)
        for problem in error.problems:
            problems.add(problem)
        raise InputError.of(tuple(problems.lines)) from None


def _check_command(path: Path, command: str, written: Any) -> None:
    runs = [name for name, described in COMMANDS.items() if described.can_resume]
    if written != command and not (command == "check" and written in runs):
        other = shorten(str(written))
        raise InputError(path, f"is a configuration of `aam {other}`, not of `aam {command}`", f"aam {other}")


def options_to_resume(command: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The options of the run that is to be continued; what is given beside them must be the same."""
    folder: Path = given["resume_from"]
    path = RunDirectory(folder).config
    if not path.exists():
        raise InputError(folder, f"there is no run to resume ({CONFIG} is missing)")
    own = options_of_file(command, path) | {"output_dir": folder, "resume_from": folder}
    if command == "train":
        own = BEFORE_BLENDS | own
    defaults = {field.name: field.default for _, field, _ in fields(COMMANDS[command].config)}
    return resumed_values(own, given, defaults)


def complete_config(command: str, given: Mapping[str, Any]) -> Any:
    """The configuration of a command, from the options that are given; a run that goes on has its own options.

    Parameters
    ----------
    command
        The command.
    given
        Values of the options' own types, by option name.

    Raises
    ------
    ConfigError
        For options that do not go together, or that cannot change in a run that goes on.
    InputError
        If there is no run to resume.
    """
    if COMMANDS[command].can_resume and given.get("resume_from") is not None:
        given = options_to_resume(command, given)
    return from_flat(COMMANDS[command].config, given)


def config_text(command: str, config: Any) -> str:
    """The complete configuration as the YAML that ``--config`` reads."""
    return yaml.safe_dump({"command": command, **to_flat(config)}, sort_keys=False, allow_unicode=True)
