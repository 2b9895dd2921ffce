"""`aam predict`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from aam.config.option import REQUIRED, Section, option, same_as
from aam.config.sections import (
    MatchIds,
    StudyOptions,
    TableOptions,
)
from aam.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class PredictOptions(Section):
    """Prediction: the model, and what it predicts from."""

    model: Path = option(REQUIRED, "Model folder or run directory.", usual=True)
    metadata: Path | None = option(
        None,
        "Sample metadata: required for covariates; observed values of the target are copied to the output.",
        usual="Sample metadata, where the model reads columns",
    )
    match_ids: MatchIds = same_as(StudyOptions, "match_ids")
    interval_level: float | None = option(
        None,
        "Nominal coverage of intervals (or prediction sets).",
        above=0,
        below=1,
        derived="that of the training run",
        usual="Coverage of intervals, as in training unless given",
    )
    batch_size: int = option(32, "Samples per batch; does not change the predictions.", at_least=1)
    prediction_passes: int | None = option(
        None,
        "Rarefied draws averaged for each sample.",
        at_least=1,
        derived="that of the training run (--val-prediction-passes)",
    )
    allow_unfamiliar: bool = option(
        False,
        "Predict even a table of another strand, start, length or region than the training samples.",
    )
    output_variance: bool = option(False, "Add the standard deviation over the draws as a column.")
    seed: int = option(42, "Seed of the rarefied draws.", at_least=0)
    device: Literal["auto", "cpu", "cuda"] = option("auto", "Device.")
    progress: bool = option(True, "Show a progress bar; where there is no terminal, a line every 30 seconds.")

    def check(self) -> None:
        """Refuse the spread of a single pass, and ids of no metadata."""
        if self.match_ids != "exact" and self.metadata is None:
            raise ConfigError("--match-ids needs --metadata: leave it out")
        if self.output_variance and self.prediction_passes == 1:
            raise ConfigError("--output-variance needs --prediction-passes of 2 or more")


@dataclass(frozen=True, kw_only=True)
class PredictionTableOptions(Section):
    """Output: the table of predictions."""

    output: Path = option(
        REQUIRED,
        "Table to write: .tsv or .txt (tabs), .csv (commas); with .gz compressed.",
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
