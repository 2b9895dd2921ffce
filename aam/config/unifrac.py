"""The configuration of ``aam unifrac``."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from aam.config.option import REQUIRED, Section, flag, option
from aam.config.sections import (
    LARGEST_SEED,
    DistanceKind,
    ObjectiveOptions,
    SamplingOptions,
    StudyOptions,
    TableOptions,
)
from aam.errors import ConfigError

UNIFRAC: tuple[DistanceKind, ...] = ("unifrac", "weighted_unifrac", "generalized_unifrac")
MEANT_FOR: dict[str, tuple[DistanceKind, ...]] = {
    "tree": UNIFRAC,
    "root": UNIFRAC,
    "missing_tips": UNIFRAC,
    "unifrac_normalized": ("weighted_unifrac",),
    "unifrac_alpha": ("generalized_unifrac",),
}
# The same options as in training, without the others of their groups.
SHARED: dict[str, Any] = {
    field.name: dataclasses.field(default=field.default, metadata=field.metadata)
    for section in (StudyOptions, ObjectiveOptions)
    for field in dataclasses.fields(section)
    if field.name in MEANT_FOR
}


@dataclass(frozen=True, kw_only=True)
class DistanceOptions(Section):
    """Distances: which ones, and of which tree."""

    metric: DistanceKind = option("unifrac", "Distance between samples; the last three need no tree.")
    tree: Path | None = SHARED["tree"]
    root: Literal["given", "midpoint"] = SHARED["root"]
    missing_tips: Literal["error", "drop"] = SHARED["missing_tips"]
    unifrac_normalized: bool = SHARED["unifrac_normalized"]
    unifrac_alpha: float = SHARED["unifrac_alpha"]
    rarefy_depth: int | Literal["none"] = option(
        "none",
        "Reads drawn once from each sample without replacement; samples with fewer are left out, 'none' uses all.",
        at_least=1,
    )
    seed: int = option(42, "Seed of the draws.", at_least=0, at_most=LARGEST_SEED)

    def check(self) -> None:
        """Refuse options that the distance asked for has no use for."""
        for field in dataclasses.fields(self):
            metrics = MEANT_FOR.get(field.name)
            if metrics and self.metric not in metrics and getattr(self, field.name) != field.default:
                raise ConfigError(f"{flag(field.name)} is for {', '.join(metrics)}, not for --metric {self.metric}")

    @property
    def study(self) -> StudyOptions:
        """What of this describes a study."""
        return StudyOptions(tree=self.tree, root=self.root, missing_tips=self.missing_tips)

    @property
    def sampling(self) -> SamplingOptions:
        """What of this says how samples are drawn."""
        return SamplingOptions(rarefy_depth=self.rarefy_depth)


@dataclass(frozen=True, kw_only=True)
class MatrixOptions(Section):
    """Matrix: where it goes, and how it is made."""

    output: Path = option(
        REQUIRED,
        "File to write: .tsv (every digit, as QIIME 2 imports it), .npy (float32, ids in a file beside it) or .h5 "
        "(float32).",
    )
    overwrite: bool = option(False, "Replace an existing output file.")
    n_jobs: int = option(-1, "Threads; -1 for all cores that the process may use. Changes no number.", at_least=-1)
    progress: bool = option(True, "Show a progress bar.")

    def check(self) -> None:
        """Refuse no thread at all."""
        if self.n_jobs == 0:
            raise ConfigError("--n-jobs must be -1 or at least 1, got 0")


@dataclass(frozen=True, kw_only=True)
class UnifracConfig:
    """Everything that `aam unifrac` can be told."""

    table: TableOptions
    distance: DistanceOptions
    matrix: MatrixOptions
