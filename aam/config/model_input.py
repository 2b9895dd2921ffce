"""The options of every command that applies a model to the samples of a table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from aam.config.option import REQUIRED, Section, option, same_as
from aam.config.sections import MatchIds, StudyOptions
from aam.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class ModelInputOptions(Section):
    """Model: the model, and how it reads samples."""

    model: Path = option(
        REQUIRED,
        "Model folder, run directory, or name of a model of the index (`aam models`).",
        usual="Model folder, run directory or name",
        names_model=True,
    )
    metadata: Path | None = option(
        None,
        "Sample metadata: required for covariates; observed values of the target are copied to the output.",
        usual="Sample metadata, where the model reads columns",
    )
    where: str | None = same_as(StudyOptions, "where")
    match_ids: MatchIds = same_as(StudyOptions, "match_ids")
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
    seed: int = option(42, "Seed of the rarefied draws.", at_least=0)
    device: Literal["auto", "cpu", "cuda"] = option("auto", "Device.")
    progress: bool = option(True, "Show a progress bar; where there is no terminal, a line every 30 seconds.")

    def check(self) -> None:
        """Refuse ids of, and conditions on, no metadata."""
        if self.where is not None and self.metadata is None:
            raise ConfigError("--where needs --metadata: it is a condition on the metadata")
        if self.match_ids != "exact" and self.metadata is None:
            raise ConfigError("--match-ids needs --metadata: leave it out")
