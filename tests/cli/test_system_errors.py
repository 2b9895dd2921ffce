from __future__ import annotations

from multiprocessing import resource_sharer

import pytest

from aam.cli.system_errors import DEAD_WORKER, UNTOLD, system_error_reason
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


def test_a_worker_that_dies_while_it_shares_tensors() -> None:
    """The process that owns a shared tensor is gone: nobody answers at its address."""
    with pytest.raises(FileNotFoundError) as gone:
        resource_sharer._resource_sharer.get_connection(("/nowhere/listener", 1))
    assert system_error_reason(gone.value, "train") == DEAD_WORKER.format(UNTOLD)
    assert system_error_reason(ConnectionResetError(), "train") is None
