"""`aam runs`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from aam.config.option import REQUIRED, Section, option
from aam.errors import ConfigError

ColumnName = Literal[
    "run",
    "command",
    "state",
    "target",
    "learners",
    "samples",
    "metric",
    "value",
    "low",
    "high",
    "judged_on",
    "forest",
    "date",
    "seconds",
    "bytes",
    "problem",
]


@dataclass(frozen=True, kw_only=True)
class RunsOptions(Section):
    """Runs: which runs lie below some folders, and how good they are."""

    folders: tuple[Path, ...] = option(REQUIRED, "Folders to look below.", usual=True)
    children: bool = option(
        False,
        "Also list the folds of cross-validations and the members of ensembles.",
        usual="Also list folds and members of ensembles",
    )
    where: str | None = option(
        None,
        "Only runs for which an SQL condition on the columns holds, such as \"value > 0.5 AND state = 'finished'\".",
        usual='Only some: "value > 0.5"',
    )
    sort: ColumnName = option(
        "date",
        "Column to sort by: best values, newest, longest and largest first; texts from a to z.",
        usual="Column to sort by",
    )
    columns: tuple[ColumnName, ...] = option(
        (), "Columns to show.", derived="those that fit the terminal; in --output, all"
    )
    output: Path | None = option(None, "Table to write (.tsv, .csv, also with .gz).", usual="Table to write")
    overwrite: bool = option(False, "Replace the table.", usual=True)

    def check(self) -> None:
        """Refuse to replace what is not written, and a column that is named twice."""
        if self.overwrite and self.output is None:
            raise ConfigError("--overwrite needs --output")
        if len(set(self.columns)) < len(self.columns):
            raise ConfigError("--columns names a column twice")


@dataclass(frozen=True, kw_only=True)
class RunsConfig:
    """All options of `aam runs`."""

    runs: RunsOptions
