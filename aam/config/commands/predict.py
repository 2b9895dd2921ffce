"""`aam predict`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from aam.config.model_input import ModelInputOptions
from aam.config.option import REQUIRED, Section, option
from aam.config.sections import (
    TableOptions,
)
from aam.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class PredictOptions(ModelInputOptions):
    """Prediction: the model, and what it predicts from."""

    interval_level: float | None = option(
        None,
        "Nominal coverage of intervals (or prediction sets).",
        above=0,
        below=1,
        derived="that of the training run",
        usual="Coverage of intervals, as in training unless given",
    )
    output_variance: bool = option(False, "Add the standard deviation over the draws as a column.")

    def check(self) -> None:
        """Refuse the spread of a single pass, and ids of no metadata."""
        super().check()
        if self.output_variance and self.prediction_passes == 1:
            raise ConfigError("--output-variance needs --prediction-passes of 2 or more")


@dataclass(frozen=True, kw_only=True)
class PredictionTableOptions(Section):
    """Output: the table of predictions."""

    output: Path = option(
        REQUIRED,
        "File to write: .tsv or .txt (tabs), .csv (commas), with .gz compressed; .h5ad (AnnData with counts, metadata "
        "and predictions), or .h5td (the same with the tree of a TreeData table).",
        usual="Table of predictions to write",
    )
    overwrite: bool = option(False, "Replace an existing output file.", usual=True)
    spreadsheet_safe: bool = option(
        False,
        "Prefix cells that a spreadsheet would run as formulas (= + - or @ first) with '; this changes such ids.",
    )


@dataclass(frozen=True, kw_only=True)
class PredictInMemoryConfig:
    """All options of `aam predict` but its output."""

    table: TableOptions
    predict: PredictOptions


@dataclass(frozen=True, kw_only=True)
class PredictConfig(PredictInMemoryConfig):
    """All options of `aam predict`."""

    output: PredictionTableOptions
