from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest

from aam.config import TrainConfig
from aam.config.optim import OptimOptions
from aam.config.option import fields
from aam.config.reference import default_words, limit_words, reference_page, title, value_words
from aam.config.registry import COMMANDS


@pytest.mark.parametrize(
    ("hint", "words"),
    [
        (int, "INT"),
        (bool, ""),
        (Path | None, "PATH"),
        (tuple[Path, ...], "PATH..."),
        (tuple[str, ...], "TEXT,..."),
        (int | Literal["auto", "none"], "INT|auto|none"),
        (Literal["none", "balanced"] | tuple[float, ...], "none|balanced|NUMBER,..."),
        (float | Literal["sqrt"] | None, "NUMBER|sqrt"),
    ],
)
def test_values_in_words(hint: Any, words: str) -> None:
    assert value_words(hint) == words


@pytest.mark.parametrize(
    ("name", "default", "limits"),
    [
        ("table", "required", ""),
        ("sequences", "", ""),
        ("tree", "", ""),
        ("weight_decay", "default: 0.01", ">= 0"),
        ("report", "default: yes", ""),
        ("classifier", "default: no", ""),
        ("test_size", "default: 0", ">= 0, < 1"),
        ("token_limit", "default: 1024", ">= 2"),
        ("warmup_steps", "derived: 5% of all steps, 1,000 at most", ">= 0"),
    ],
)
def test_defaults_and_limits_in_words(name: str, default: str, limits: str) -> None:
    (field,) = [field for _, field, _ in fields(TrainConfig) if field.name == name]
    assert (default_words(field), limit_words(field)) == (default, limits)


def test_title() -> None:
    assert title(OptimOptions) == ("Optimisation", "optimiser, learning rate and schedule.")


def test_page() -> None:
    lines = reference_page().splitlines()
    for name in COMMANDS:
        assert f"## aam {name}" in lines
        assert any(line.startswith(f"| [`aam {name}`](#aam-{name})") for line in lines)
    factor = "| `--scheduler-factor` | NUMBER (&gt; 0, &lt; 1) | 0.3 | Factor by which plateau lowers the rate. |"
    assert factor in lines
    assert (
        "| `--classifier`, `--no-classifier` | switch | no | Treat the target as classes and not as a number. |"
        in lines
    )
    assert any(line.startswith("| `--distances`, `--unifrac-matrix` | PATH |") for line in lines)
    assert any("random\\|span" in line for line in lines)
