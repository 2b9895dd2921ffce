from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Literal

import pytest

from aam.config import ForestConfig, SimulateConfig, TrainConfig, from_flat, replace, to_flat
from aam.config.option import convert, describe_type, fields, flag, read_values, suggest
from aam.errors import ConfigError

Depth = int | Literal["auto", "none"]
Weights = Literal["none", "balanced"] | tuple[float, ...]
Features = float | Literal["sqrt", "log2"] | None
TRAIN = {"table": ["t.biom"], "metadata": "m.tsv", "metadata_column": "age", "output_dir": "runs/age"}


@pytest.mark.parametrize(
    ("hint", "given", "value"),
    [
        (int, "12", 12),
        (int, 12, 12),
        (float, "1e-3", 1e-3),
        (bool, "off", False),
        (bool, "Yes", True),
        (bool, True, True),
        (str, 12, "12"),
        (Path, "a/b", Path("a/b")),
        (str | None, None, None),
        (str | None, "x", "x"),
        (Path | None, "", None),
        (int | None, "3", 3),
        (Depth, "500", 500),
        (Depth, 500, 500),
        (Depth, "none", "none"),
        (Weights, "balanced", "balanced"),
        (Weights, "1,2", (1.0, 2.0)),
        (Weights, "0.5", (0.5,)),
        (Weights, [1, "2.5"], (1.0, 2.5)),
        (Features, "0.3", 0.3),
        (Features, 0.3, 0.3),
        (Features, "sqrt", "sqrt"),
        (Features, None, None),
        (tuple[str, ...], "a, b", ("a", "b")),
        (tuple[str, ...], ["a, b"], ("a, b",)),
        (tuple[str, ...], "", ()),
        (tuple[float, ...], "1,2,3", (1.0, 2.0, 3.0)),
        (tuple[Path, ...], "a,b.biom", (Path("a,b.biom"),)),
        (tuple[Path, ...], ["a", "b"], (Path("a"), Path("b"))),
    ],
)
def test_convert(hint: Any, given: object, value: object) -> None:
    converted = convert(given, hint, "x")
    assert converted == value
    assert type(converted) is type(value)


@pytest.mark.parametrize(
    ("hint", "given", "words"),
    [
        (int, "ten", "x must be int, got 'ten'"),
        (int, 1.5, "x must be int, got 1.5"),
        (int, True, "x must be int, got True"),
        (float, "", "x must be a number, got ''"),
        (float, "nan", "x must be a number, got 'nan'"),
        (float, "-inf", "x must be a number, got '-inf'"),
        (bool, "maybe", "x must be true or false, got 'maybe'"),
        (str, True, "x must be text, got True"),
        (str, ["a"], "x must be text"),
        (str, None, "x must be text, got None"),
        (Path, "", "x must be a path, got ''"),
        (Path, "a\0b", "x must be a path"),
        (Depth, "5.5", "x must be int or 'auto' or 'none', got '5.5'"),
        (Depth, None, "x must be int or 'auto' or 'none', got None"),
        (Weights, "heavy", "x must be 'none' or 'balanced' or a list of numbers, got 'heavy'"),
        (Features, "all", "x must be a number or 'sqrt' or 'log2', got 'all'"),
        (tuple[float, ...], "1,x", "x must be a list of numbers, got '1,x'"),
        (tuple[Path, ...], [""], "x must be a list of paths"),
    ],
)
def test_convert_refuses(hint: Any, given: object, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        convert(given, hint, "x")
    assert str(caught.value).startswith(words)


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
    config = from_flat(TrainConfig, {**TRAIN, "classifier": True, "class_weights": "1,2", "rarefy_depth": "100"})
    assert from_flat(TrainConfig, to_flat(config)) == config
    assert to_flat(config)["class_weights"] == [1.0, 2.0]
    assert to_flat(config)["table"] == ["t.biom"]


def test_replace() -> None:
    config = from_flat(TrainConfig, TRAIN)
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


def test_types_in_words() -> None:
    assert describe_type(Path | None) == "a path"
    assert describe_type(tuple[str, ...]) == "a list of words"
