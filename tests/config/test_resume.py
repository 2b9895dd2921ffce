from __future__ import annotations

import pytest

from aam.config import PretrainConfig, TrainConfig, TuneConfig
from aam.config.option import fields
from aam.config.resume import CHANGEABLE, FREE, free_values, resumed_values
from aam.errors import ConfigError

DEFAULTS = {field.name: field.default for _, field, _ in fields(TrainConfig)}
OWN = {"lr": 0.001, "epochs": 100, "embedding_dim": 64, "seed": 42, "num_workers": 0}


def resumed(given: dict[str, object], **own: object) -> dict[str, object]:
    return resumed_values({**OWN, **own}, given, DEFAULTS)


def test_every_name_is_an_option_of_training() -> None:
    known = {field.name for kind in (PretrainConfig, TrainConfig, TuneConfig) for _, field, _ in fields(kind)}
    assert set(FREE) | set(CHANGEABLE) <= known
    assert not set(FREE) & set(CHANGEABLE)


def test_what_is_not_given_or_the_same_is_the_runs_own() -> None:
    assert resumed({}) == OWN
    assert resumed({"lr": 0.001, "patience": None}) == OWN


def test_free_options_change_without_a_word() -> None:
    given = {"num_workers": 4, "progress": False, "max_memory_gb": 8.0}
    assert resumed(given) == {**OWN, **given}


def test_how_long_a_run_trains_may_change() -> None:
    assert resumed({"epochs": 200, "patience": 3}) == {**OWN, "epochs": 200, "patience": 3}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            {"lr": 0.01},
            "own options: --lr 0.001 -> 0.01 differs from the run's and cannot change when resuming; leave it",
        ),
        ({"lr": 0.01, "epochs": 5, "seed": 7}, "--lr 0.001 -> 0.01, --seed 42 -> 7 differ from the run's"),
        ({"classifier": True}, "--classifier off -> on differs"),
        ({"max_bp": 3}, "--max-bp (not given) -> 3 differs"),
    ],
)
def test_what_is_refused(given: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        resumed(given)
    assert words in str(caught.value)


@pytest.mark.parametrize("own", [{"cv": 5}, {"ensemble": 3}])
def test_models_of_one_run_do_not_change_one_by_one(own: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="when resuming: its other models are trained already; leave it out"):
        resumed({"epochs": 5}, **own)
    assert resumed({"num_workers": 2}, **own)["num_workers"] == 2


def test_free_values_that_are_left_open_are_no_wish() -> None:
    assert free_values({"progress": False, "num_workers": None, "lr": 0.1}) == {"progress": False}
