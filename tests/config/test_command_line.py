"""A configuration, the words for it, and the configuration that they make again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aam.cli.options import parse
from aam.config import TrainConfig, from_flat
from aam.config.command_line import command_words, option_words
from aam.config.option import fields
from aam.config.registry import COMMANDS

NEEDED: dict[str, Any] = {
    "table": ["a b.biom"],
    "metadata": "m.tsv",
    "metadata_column": ["y"],
    "learners": "network",
    "output_dir": "run",
}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"table": ["one.biom", "two, three.biom"], "metadata_column": ["pH, mean", "-1"]},
        {"refit_clades": False, "pretrained_encoder": "encoder", "progress": False},
        {"quantiles": [0.1, 0.5, 0.9], "loss_type": "quantile"},
        {"regressor_hidden_dims": [64, 32], "target_layer_norm": False},
        {"where": "-site = 'skin'", "rarefy_depth": "none", "lr": 1e-05},
    ],
)
def test_words_make_the_same_configuration(changes: dict[str, Any]) -> None:
    config = from_flat(TrainConfig, {**NEEDED, **changes})
    program, command, *words = command_words("train", config)
    assert (program, command) == ("aam", "train")
    assert parse("train", words).config == config


def test_only_what_differs_from_a_default_is_written() -> None:
    config = from_flat(TrainConfig, {**NEEDED, "epochs": 3, "seed": 42})
    assert option_words(config, {"epochs", "seed", "output_dir"}) == ["--epochs", "3", "--output-dir", "run"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_can_be_written(command: str) -> None:
    """No option has a default that a value of None would have to be written for."""
    for _, field, hint in fields(COMMANDS[command].config):
        assert field.default is None or type(None) not in getattr(hint, "__args__", ()), field.name


def test_paths_stay_whole() -> None:
    config = from_flat(TrainConfig, {**NEEDED, "tree": str(Path("my trees") / "a.nwk")})
    assert "my trees/a.nwk" in command_words("train", config)
