"""The configuration of each command: which groups of options it has, and the options that are its own."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from aam.config.distributed import DistributedOptions
from aam.config.memory import MemoryOptions, check_batch
from aam.config.optim import OptimOptions
from aam.config.option import REQUIRED, Section, flag, option
from aam.config.sections import (
    DISTANCES,
    LARGEST_SEED,
    DistanceKind,
    MatchIds,
    ModelOptions,
    ObjectiveOptions,
    Root,
    RunOptions,
    SamplingOptions,
    SplitOptions,
    StudyOptions,
    TableOptions,
)
from aam.config.target import ColumnOptions
from aam.config.types import Column
from aam.config.unused_options import check_used
from aam.errors import Attempts, ConfigError

OF_TREES = ("tree", "root", "clip_negative_branches", "missing_tips")
OF_SOME_DISTANCES = (*OF_TREES, "unifrac_normalized", "unifrac_alpha")
# The same options as in training, without the others of their groups.
SHARED: dict[str, Any] = {
    field.name: dataclasses.field(default=field.default, metadata=field.metadata)
    for section in (StudyOptions, ObjectiveOptions)
    for field in dataclasses.fields(section)
    if field.name in (*OF_SOME_DISTANCES, "match_ids")
}


@dataclass(frozen=True, kw_only=True)
class DistanceOptions(Section):
    """Distances: metric, tree and rarefaction."""

    metric: DistanceKind = option(
        "unifrac", "Distance between samples; the last three need no tree.", usual="Distance between samples"
    )
    tree: Path | None = SHARED["tree"]
    root: Root = SHARED["root"]
    clip_negative_branches: bool = SHARED["clip_negative_branches"]
    missing_tips: Literal["error", "drop"] = SHARED["missing_tips"]
    unifrac_normalized: bool = SHARED["unifrac_normalized"]
    unifrac_alpha: float = SHARED["unifrac_alpha"]
    rarefy_depth: int | Literal["none"] = option(
        "none",
        "Reads drawn once per sample without replacement (samples with fewer are dropped); 'none' uses all.",
        at_least=1,
        usual="Reads drawn once per sample",
    )
    seed: int = option(42, "Seed of the rarefaction.", at_least=0, at_most=LARGEST_SEED)

    def check(self) -> None:
        """Refuse options that the distance asked for has no use for."""
        for one in dataclasses.fields(self):
            if one.name not in OF_SOME_DISTANCES or getattr(self, one.name) == one.default:
                continue
            metrics = DISTANCES.users(one.name)
            if self.metric not in metrics:
                raise ConfigError(f"{flag(one.name)} is for {', '.join(metrics)}, not for --metric {self.metric}")

    @property
    def study(self) -> StudyOptions:
        """What of this describes a study."""
        return StudyOptions(**{name: getattr(self, name) for name in OF_TREES})

    @property
    def sampling(self) -> SamplingOptions:
        """What of this says how samples are drawn."""
        return SamplingOptions(rarefy_depth=self.rarefy_depth)


@dataclass(frozen=True, kw_only=True)
class MatrixOptions(Section):
    """Matrix: output and threads."""

    output: Path = option(
        REQUIRED,
        "File to write: .tsv (full precision, imported by QIIME 2), .npy (float32, with an id file) or .h5 (float32).",
        usual="File to write: .tsv, .npy or .h5",
    )
    overwrite: bool = option(False, "Replace an existing output file.", usual=True)
    n_jobs: int = option(-1, "Threads; -1 uses all available cores. The result does not depend on it.", at_least=-1)
    progress: bool = option(True, "Show a progress bar; where there is no terminal, a line every 30 seconds.")

    def check(self) -> None:
        """Refuse no thread at all."""
        if self.n_jobs == 0:
            raise ConfigError("--n-jobs must be -1 or at least 1, got 0")


@dataclass(frozen=True, kw_only=True)
class UnifracConfig:
    """All options of `aam unifrac`."""

    table: TableOptions
    distance: DistanceOptions
    matrix: MatrixOptions


@dataclass(frozen=True, kw_only=True)
class PretrainConfig:
    """All options of `aam pretrain`."""

    table: TableOptions
    study: StudyOptions
    sampling: SamplingOptions
    split: SplitOptions
    model: ModelOptions
    objective: ObjectiveOptions
    optim: OptimOptions
    memory: MemoryOptions
    distributed: DistributedOptions = field(default_factory=DistributedOptions)
    run: RunOptions

    def __post_init__(self) -> None:
        attempt = Attempts()
        attempt(lambda: check_batch(self.optim, self.memory))
        attempt(lambda: check_used(self.study, self.objective, self.optim))
        attempt(self.split.check_validation)
        attempt.raise_if_any()


@dataclass(frozen=True, kw_only=True)
class PredictOptions(Section):
    """Prediction: the model, and what it predicts from."""

    model: Path = option(REQUIRED, "Model folder or run directory.", usual=True)
    metadata: Path | None = option(
        None,
        "Sample metadata: required for covariates; observed values of the target are copied to the output.",
        usual="Sample metadata, where the model reads columns",
    )
    match_ids: MatchIds = SHARED["match_ids"]
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


@dataclass(frozen=True, kw_only=True)
class ForestOptions(ColumnOptions):
    """Random forest: features, size and output."""

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


@dataclass(frozen=True, kw_only=True)
class ReportOptions(Section):
    """Report: the page of a run, or its figures as files."""

    path: Path = option(REQUIRED, "Run directory of a finished run.", usual=True)
    figures: Path | None = option(
        None,
        "Folder to write the figures of the report to, instead of the report.",
        usual="Folder for figures as files",
    )
    format: tuple[Literal["pdf", "svg", "png"], ...] = option(
        ("pdf",),
        "Formats of the figures (--figures): pdf and svg, which scale, and png with 300 dots per inch.",
        usual="Formats of the figures",
    )
    overwrite: bool = option(False, "Replace figures that are there (--figures).", usual="Replace existing figures")

    def check(self) -> None:
        """Refuse options of figures where none are asked for."""
        if self.figures is None and self.format != ("pdf",):
            raise ConfigError("--format needs --figures, the folder to write figures to")
        if self.figures is None and self.overwrite:
            raise ConfigError("--overwrite is for --figures; without it report.html is written anew")
        if not self.format:
            raise ConfigError("--format names at least one of pdf, svg, png")


@dataclass(frozen=True, kw_only=True)
class ReportConfig:
    """All options of `aam report`."""

    report: ReportOptions


@dataclass(frozen=True, kw_only=True)
class InfoOptions(Section):
    """Info: describe a file or folder."""

    path: Path = option(
        REQUIRED,
        "A table, tree, distance matrix, metadata file, model folder or run directory.",
        usual="Table, tree, distances, metadata, model or run",
    )


@dataclass(frozen=True, kw_only=True)
class InfoConfig:
    """All options of `aam info`."""

    info: InfoOptions
