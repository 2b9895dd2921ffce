from __future__ import annotations

from aam import config
from aam.config import CheckConfig
from aam.config.option import fields
from aam.config.registry import COMMANDS


def test_every_configuration_is_a_commands() -> None:
    declared = {getattr(config, name) for name in config.__all__ if name.endswith("Config")}
    assert {command.config for command in COMMANDS.values()} == declared


def test_commands_that_resume_have_the_option() -> None:
    for command in COMMANDS.values():
        names = {field.name for _, field, _ in fields(command.config)}
        assert command.can_resume == ("resume_from" in names and command.config is not CheckConfig)


def test_positional_options_exist() -> None:
    for command in COMMANDS.values():
        assert set(command.positional.split()) <= {*(field.name for _, field, _ in fields(command.config))}
