"""`aam demo`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from aam.config.option import Section, option
from aam.config.sections import (
    LARGEST_SEED,
)


@dataclass(frozen=True, kw_only=True)
class DemoOptions(Section):
    """Demo: the whole workflow on a simulated study."""

    output_dir: Path = option(Path("aam-demo"), "Folder to create.", usual=True)
    overwrite: bool = option(True, "Replace an earlier demo.")
    seed: int = option(42, "Seed.", at_least=0, at_most=LARGEST_SEED, usual=True)


@dataclass(frozen=True, kw_only=True)
class DemoConfig:
    """All options of `aam demo`."""

    demo: DemoOptions
