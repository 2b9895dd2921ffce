"""`aam unifrac`: the distance matrix of a table."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from aam.config.option import REQUIRED, Section, flag, option, same_as
from aam.config.sections import (
    DISTANCES,
    LARGEST_SEED,
    DistanceKind,
    ObjectiveOptions,
    Root,
    SamplingOptions,
    StudyOptions,
    TableOptions,
)
from aam.errors import ConfigError

OF_TREES = ("tree", "root", "clip_negative_branches", "missing_tips")


OF_SOME_DISTANCES = (*OF_TREES, "unifrac_normalized", "unifrac_alpha")


@dataclass(frozen=True, kw_only=True)
class DistanceOptions(Section):
    """Distances: metric, tree and rarefaction."""

    metric: DistanceKind = option(
        "unifrac", "Distance between samples; the last three need no tree.", usual="Distance between samples"
    )
    tree: Path | None = same_as(StudyOptions, "tree")
    root: Root = same_as(StudyOptions, "root")
    clip_negative_branches: bool = same_as(StudyOptions, "clip_negative_branches")
    missing_tips: Literal["error", "drop"] = same_as(StudyOptions, "missing_tips")
    unifrac_normalized: bool = same_as(ObjectiveOptions, "unifrac_normalized")
    unifrac_alpha: float = same_as(ObjectiveOptions, "unifrac_alpha")
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
    max_samples: int | None = option(
        None,
        "Distances of at most so many samples, drawn at random by --seed, in the order of the table.",
        at_least=2,
        derived="all samples",
        usual="At most so many samples, drawn at random",
    )
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
