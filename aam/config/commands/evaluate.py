"""`aam evaluate`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from aam.config.commands.predict import PredictOptions
from aam.config.model_input import ModelInputOptions
from aam.config.option import Section, option, same_as
from aam.config.sections import LARGEST_SEED, TableOptions
from aam.config.target import TargetOptions
from aam.config.types import Column
from aam.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class LabelledInputOptions(ModelInputOptions):
    """Model: the model, and the labelled samples that it is judged by."""

    metadata: Path | None = option(
        None,
        "Sample metadata with the true values, and the columns that the model reads.",
        usual="Sample metadata with the true values",
    )
    include_trained: bool = option(
        False,
        "Judge also by samples that the model learned from, which are left out where they are known: if the model lies "
        "in its run directory.",
    )
    missing: tuple[str, ...] = same_as(TargetOptions, "missing")
    interval_level: float | None = same_as(PredictOptions, "interval_level")
    seed: int = option(42, "Seed of all draws: rarefied, bootstrapped and disturbed.", at_least=0, at_most=LARGEST_SEED)

    def check(self) -> None:
        """Refuse samples without truths."""
        super().check()
        if self.metadata is None:
            raise ConfigError("--metadata is required: the metadata holds the true values")


@dataclass(frozen=True, kw_only=True)
class JudgingOptions(Section):
    """Evaluation: what predictions are judged by, and how."""

    group_column: str | None = option(
        None,
        "Metadata column of groups of samples that are alike, such as subjects: intervals and tests count groups.",
        derived="that of the training run, where the metadata has it",
        usual="Column of groups, such as subjects",
    )
    study_column: str | None = option(
        None,
        "Metadata column of studies: each is judged alone.",
        derived="the table of a sample, where several are given",
        usual="Column of studies, each judged alone",
    )
    by: tuple[Column, ...] = option(
        (),
        "Metadata column within whose levels the model is judged, as for fairness: sex, say. Repeat it for several.",
        usual="Judge within the levels of this column, such as sex",
    )
    robustness: bool = option(
        True,
        "Predict samples anew with fewer reads, reads of other samples, and ASVs left out.",
        usual="Skip predictions of disturbed samples",
    )
    robustness_samples: int = option(200, "Samples that are drawn for --robustness, at most.", at_least=10)

    def check(self) -> None:
        """Refuse a column twice."""
        if len(set(self.by)) < len(self.by):
            raise ConfigError("--by names a column twice")
        if not self.robustness and self.robustness_samples != type(self).robustness_samples:
            raise ConfigError("--robustness-samples needs --robustness")


@dataclass(frozen=True, kw_only=True)
class EvaluationFolderOptions(Section):
    """Output: the folder of tables, and the report."""

    output_dir: Path | None = option(
        None,
        "Folder to write tables, figures, evaluation.json and report.html to; without it the summary is printed only.",
        usual="Folder for tables and the report",
    )
    overwrite: bool = option(False, "Replace an earlier evaluation in it.", usual=True)
    report: bool = option(True, "Write report.html, and its figures as PDF.")

    def check(self) -> None:
        """Refuse options of a folder that is not written."""
        if self.output_dir is None and (self.overwrite or not self.report):
            raise ConfigError("--overwrite and --no-report need --output-dir")


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig:
    """All options of `aam evaluate`."""

    model: LabelledInputOptions
    table: TableOptions
    judging: JudgingOptions
    output: EvaluationFolderOptions
