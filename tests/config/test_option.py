from __future__ import annotations

import math
from pathlib import Path

import pytest

from aam.config import ForestConfig, PretrainConfig, SimulateConfig, TrainConfig, from_flat, replace, to_flat
from aam.config.option import fields, flag, read_values, suggest
from aam.errors import ConfigError

TRAIN = {"table": ["t.biom"], "metadata": "m.tsv", "metadata_column": "age", "output_dir": "runs/age"}


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("lr", 0, "--lr must be above 0, got 0"),
        ("epochs", 0, "--epochs must be at least 1, got 0"),
        ("test_size", 1, "--test-size must be below 1, got 1"),
        ("seed", 2**32, "--seed must be at most 4294967295, got 4294967296"),
        ("count_mask_ratio", 1.5, "--count-mask-ratio must be at most 1, got 1.5"),
        ("rarefy_depth", 0, "--rarefy-depth must be at least 1, got 0"),
        ("lr", math.nan, "--lr must be above 0, got nan"),
    ],
)
def test_limits(name: str, value: float, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_values(TrainConfig, {name: value}, flag)
    assert str(caught.value) == words
    with pytest.raises(ConfigError) as caught:
        from_flat(TrainConfig, {**TRAIN, name: value})
    assert words.removeprefix(flag(name)) in str(caught.value)


def test_names_are_understood_in_every_spelling() -> None:
    given = {"batch-size": 3, "warmup_steps": 5, "unifrac-matrix": "u", "val_size": 0.5}
    expected = {"batch_size": 3, "warmup_steps": 5, "distances": Path("u"), "validation_size": 0.5}
    assert read_values(TrainConfig, given) == expected


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"batchsize": 3}, "unknown key batchsize; did you mean batch_size?"),
        ({"": 3}, "unknown key "),
        ({"zzz": 3}, "unknown key zzz"),
        (
            {"distances": "a", "unifrac_matrix": "b"},
            "unifrac_matrix is another name of distances, which is given as well",
        ),
    ],
)
def test_names_that_cannot_be_read(given: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_values(TrainConfig, given)
    assert str(caught.value) == words


@pytest.mark.parametrize("missing", TRAIN)
def test_required(missing: str) -> None:
    with pytest.raises(ConfigError, match=f"{flag(missing)} is required"):
        from_flat(TrainConfig, {name: value for name, value in TRAIN.items() if name != missing})


def test_an_empty_list_is_not_given() -> None:
    with pytest.raises(ConfigError, match="--table is required"):
        from_flat(TrainConfig, {**TRAIN, "table": []})


def test_flat_and_back() -> None:
    config = from_flat(TrainConfig, {**TRAIN, "classifier": True, "class_weights": "1,2", "rarefy_depth": "none"})
    assert from_flat(TrainConfig, to_flat(config)) == config
    assert to_flat(config)["class_weights"] == [1.0, 2.0]
    assert to_flat(config)["table"] == ["t.biom"]


def test_replace() -> None:
    config = from_flat(TrainConfig, {**TRAIN, "learners": "network"})
    changed = replace(config, epochs=3, output_dir=Path("other"))
    assert (changed.optim.epochs, changed.run.output_dir) == (3, Path("other"))
    assert replace(changed, epochs=config.optim.epochs, output_dir=config.run.output_dir) == config


def test_names_are_unique_in_each_command() -> None:
    for command in (TrainConfig, ForestConfig, SimulateConfig):
        names = [field.name for _, field, _ in fields(command)]
        names += [field.metadata["alias"] for _, field, _ in fields(command) if field.metadata["alias"]]
        assert len(names) == len(set(names))


def test_suggest() -> None:
    assert suggest("epoch", ["epochs", "lr"]) == "; did you mean epochs?"
    assert suggest("zzz", ["epochs", "lr"]) == ""


def test_everything_that_cannot_be_read_is_said() -> None:
    with pytest.raises(ConfigError) as caught:
        read_values(PretrainConfig, {"lrr": 1, "epochs": "ten", "batch_size": 4, "test_size": 1.5})
    assert caught.value.problems == (
        "unknown key lrr; did you mean lr?",
        "epochs must be a whole number, got 'ten'",
        "test_size must be below 1, got 1.5",
    )


def test_every_conflict_of_options_is_reported() -> None:
    flat = {"table": ["t"], "output_dir": "o", "embedding_dim": 30, "test_size": 0.5, "validation_size": 0.5}
    with pytest.raises(ConfigError) as caught:
        from_flat(PretrainConfig, flat)
    assert [problem.split()[0] for problem in caught.value.problems] == ["--validation-size", "--embedding-dim"]
