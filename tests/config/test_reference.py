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
        ("tree", "derived: the table, if it is TreeData (.h5td) with one tree in vart", ""),
        ("weight_decay", "default: 0.01", ">= 0"),
        ("report", "default: yes", ""),
        ("classifier", "default: no", ""),
        ("test_size", "default: 0", ">= 0, < 1"),
        ("token_limit", "default: 1024", ">= 2"),
        ("warmup_steps", "derived: 5% of all steps, at most 1,000", ">= 0"),
    ],
)
def test_defaults_and_limits_in_words(name: str, default: str, limits: str) -> None:
    (field,) = [field for _, field, _ in fields(TrainConfig) if field.name == name]
    assert (default_words(field), limit_words(field)) == (default, limits)


def test_title() -> None:
    assert title(OptimOptions) == ("Optimisation", "optimiser, learning rate and schedule.")


def test_page() -> None:
    page = reference_page()
    lines = page.splitlines()
    for name in COMMANDS:
        assert any(line.startswith(f"| `aam {name}") for line in lines)
    assert lines.count("## Data") == 1
    assert "| `--scheduler-factor` | NUMBER (&gt; 0, &lt; 1) | 0.3 | " in page
    assert "| `--classifier` | switch | no | " in page
    assert any(line.startswith("| `--distances`, `--unifrac-matrix` | PATH |") for line in lines)
    assert any(line.startswith("| `--bounded-targets`, `--unbounded-targets` |") for line in lines)
    assert any(line.startswith("| `--output-dir` (`aam check`) | PATH |") for line in lines)
    assert any("random\\|span" in line for line in lines)
