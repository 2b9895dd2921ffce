"""A study to be read, as Python asks for it."""

from __future__ import annotations

from dataclasses import dataclass

from aam.config.option import option
from aam.config.sections import (
    StudyOptions,
    TableOptions,
)
from aam.config.target import ColumnOptions
from aam.config.types import Column


@dataclass(frozen=True, kw_only=True)
class StudyColumnOptions(ColumnOptions):
    """Target: the metadata columns to read as targets."""

    metadata_column: tuple[Column, ...] = option(  # type: ignore[assignment]
        (), "Metadata columns to read as targets; samples without any of them are dropped."
    )


@dataclass(frozen=True, kw_only=True)
class StudyConfig:
    """A study to be read: its files, and the columns that are its targets."""

    table: TableOptions
    study: StudyOptions
    target: StudyColumnOptions
