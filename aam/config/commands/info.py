"""`aam info`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from aam.config.option import REQUIRED, Section, option, same_as
from aam.config.sections import TableOptions


@dataclass(frozen=True, kw_only=True)
class InfoOptions(Section):
    """Info: describe a file or folder."""

    path: Path = option(
        REQUIRED,
        "A table, tree, distance matrix, metadata file, model folder or run directory, or a name of `aam models`.",
        usual="Table, tree, distances, metadata, model or run",
        names_model=True,
    )
    table_layer: str | None = same_as(TableOptions, "table_layer")


@dataclass(frozen=True, kw_only=True)
class InfoConfig:
    """All options of `aam info`."""

    info: InfoOptions
