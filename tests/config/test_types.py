from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest

from aam.config.types import convert, describe_type, shown
from aam.errors import ConfigError

Depth = int | Literal["auto", "none"]
Weights = Literal["none", "balanced"] | tuple[float, ...]
Features = float | Literal["sqrt", "log2"] | None


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
        (int, "ten", "x must be a whole number, got 'ten'"),
        (int, 1.5, "x must be a whole number, got 1.5"),
        (int, True, "x must be a whole number, got True"),
        (float, "", "x must be a number, got ''"),
        (float, "nan", "x must be a number, got 'nan'"),
        (float, "-inf", "x must be a number, got '-inf'"),
        (bool, "maybe", "x must be true or false, got 'maybe'"),
        (str, True, "x must be text, got True"),
        (str, ["a"], "x must be text"),
        (str, None, "x must be text, got None"),
        (Path, "", "x must be a path, got ''"),
        (Path, "a\0b", "x must be a path"),
        (Depth, "5.5", "x must be a whole number or 'auto' or 'none', got '5.5'"),
        (Depth, None, "x must be a whole number or 'auto' or 'none', got None"),
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


def test_types_in_words() -> None:
    assert describe_type(Path | None) == "a path"
    assert describe_type(tuple[str, ...]) == "a list of words"


def test_a_long_value_is_cut() -> None:
    assert shown("ten") == "'ten'"
    assert shown("x" * 1000) == f"'{'x' * 56}..."
    assert shown("a\nb") == r"'a\nb'"
