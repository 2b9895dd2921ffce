from __future__ import annotations

import pytest

from aam.cli.system_errors import system_error_reason
from aam.config.option import fields, flag
from aam.config.registry import COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_only_options_that_the_command_has_are_advised(command: str) -> None:
    said = system_error_reason(MemoryError(), command)
    assert said is not None
    assert said.startswith("out of memory; try ")
    own = {flag(field.name) for _, field, _ in fields(COMMANDS[command].config)}
    advised = {word.strip(",") for word in said.split() if word.startswith("--")}
    assert advised <= own
    assert advised or "smaller inputs" in said


def test_training_and_other_commands() -> None:
    of_torch = RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")
    train = "out of memory; try a smaller --batch-size or --token-limit, or --gradient-checkpointing"
    assert system_error_reason(of_torch, "train") == train
    assert system_error_reason(of_torch, "info") == "out of memory; try a machine with more, or smaller inputs"
    assert system_error_reason(of_torch, "") == system_error_reason(of_torch, "info")
