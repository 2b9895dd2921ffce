"""`aam rf-baseline`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from aam.config.option import REQUIRED, option, same_as
from aam.config.sections import (
    LARGEST_SEED,
    SplitOptions,
    StudyOptions,
    TableOptions,
)
from aam.config.target import ColumnOptions, TargetOptions, check_exposure
from aam.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class ForestOptions(ColumnOptions):
    """Random forest: features, size and output."""

    exposure_column: str | None = same_as(TargetOptions, "exposure_column")
    output: Path = option(
        REQUIRED,
        "Table of predictions to write: .tsv or .txt (tabs), .csv (commas); with .gz compressed. Metrics are written "
        "beside it.",
        usual="Table of predictions to write",
    )
    output_dir: Path | None = option(
        None,
        "Model folder to write for the fitted forest, for aam predict.",
        usual="Model folder to write, for aam predict",
    )
    overwrite: bool = option(False, "Replace an existing output file.", usual=True)
    features: Literal["asv", "clr", "clades"] = option(
        "asv",
        "Relative abundances of ASVs, centred log-ratios, or log abundances of clades "
        "(of --tree, or of a tree inferred from the sequences).",
    )
    n_estimators: int = option(500, "Trees.", at_least=1, usual=True)
    max_features: float | Literal["sqrt", "log2"] | None = option(
        None,
        "Features tried at each split: a fraction, sqrt or log2.",
        derived="sqrt for classes; 0.33 for numbers, 0.1 with 3,000 features or more",
    )
    random_seed: int = option(42, "Seed.", at_least=0, at_most=LARGEST_SEED)
    n_jobs: int = option(-1, "Cores; -1 for all.")

    def check(self) -> None:
        """Refuse what is no kind of target, and an exposure of what is not counted."""
        super().check()
        check_exposure(self.exposure_column, self, (self.metadata_column,))


@dataclass(frozen=True, kw_only=True)
class ForestConfig:
    """All options of `aam rf-baseline`."""

    table: TableOptions
    study: StudyOptions
    split: SplitOptions
    forest: ForestOptions

    def __post_init__(self) -> None:
        if self.study.metadata is None:
            raise ConfigError("--metadata is required: the metadata holds the column to predict")
        self.split.check_validation()
