from __future__ import annotations

import pytest

from aam.config import PretrainConfig, TrainConfig
from aam.config.option import fields
from aam.config.resume import CHANGEABLE, FREE, free_values, resumed_values
from aam.errors import ConfigError

DEFAULTS = {field.name: field.default for _, field, _ in fields(TrainConfig)}
OWN = {"lr": 0.001, "epochs": 100, "embedding_dim": 64, "seed": 42, "num_workers": 0}


def resumed(given: dict[str, object], *allowed: str, **own: object) -> dict[str, object]:
    return resumed_values({**OWN, **own}, given, allowed, DEFAULTS)


def test_every_name_is_an_option_of_both_commands_or_of_training() -> None:
    known = {field.name for kind in (PretrainConfig, TrainConfig) for _, field, _ in fields(kind)}
    assert set(FREE) | set(CHANGEABLE) <= known
    assert not set(FREE) & set(CHANGEABLE)


def test_what_is_not_given_or_the_same_is_the_runs_own() -> None:
    assert resumed({}) == OWN
    assert resumed({"lr": 0.001, "patience": None}) == OWN


def test_free_options_change_without_a_word() -> None:
    given = {"num_workers": 4, "progress": False, "max_memory_gb": 8.0}
    assert resumed(given) == {**OWN, **given}


def test_what_the_user_names_changes() -> None:
    found = resumed({"lr": 0.01, "weight_decay": 0.1}, "lr", "--weight-decay")
    assert found == {**OWN, "lr": 0.01, "weight_decay": 0.1}


@pytest.mark.parametrize(
    ("given", "allowed", "words"),
    [
        (
            {"lr": 0.01},
            (),
            "own options: --lr 0.001 -> 0.01 differs from the run's; leave it out, or add --allow-change lr",
        ),
        ({"lr": 0.01, "epochs": 5}, ("lr",), "own options: --epochs 100 -> 5 differs"),
        ({"patience": 3}, (), "--patience (not given) -> 3 differs"),
        (
            {"classifier": True},
            (),
            "--classifier off -> on differs from the run's; --classifier cannot change in mid-run",
        ),
        (
            {"lr": 0.01, "embedding_dim": 32},
            ("lr",),
            "--embedding-dim 64 -> 32 differs from the run's; --embedding-dim cannot change in mid-run: leave it",
        ),
        ({"seed": 7}, ("seed",), "--allow-change seed: cannot change in mid-run (can: epochs, patience, lr,"),
        ({"epochs": 7}, ("epoch",), "--allow-change epoch: cannot change in mid-run; did you mean epochs?"),
        ({}, ("batch-size",), "--allow-change batch-size: cannot change in mid-run (can: epochs"),
        ({}, ("asv-chunk-siz",), "cannot change in mid-run; did you mean asv-chunk-size? (can:"),
        ({}, ("lr",), "--allow-change lr needs --lr with its new value"),
    ],
)
def test_what_is_refused(given: dict[str, object], allowed: tuple[str, ...], words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        resumed(given, *allowed)
    assert words in str(caught.value)


@pytest.mark.parametrize("own", [{"cv": 5}, {"ensemble": 3}])
def test_models_of_one_run_do_not_change_one_by_one(own: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="is for a run of one model"):
        resumed({"lr": 0.01}, "lr", **own)
    assert resumed({"num_workers": 2}, **own)["num_workers"] == 2


def test_free_values_that_are_left_open_are_no_wish() -> None:
    assert free_values({"progress": False, "num_workers": None, "lr": 0.1}) == {"progress": False}
