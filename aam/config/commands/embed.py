"""`aam embed`: vectors of samples, ASVs and clades; ordinations and tests of the distances that a model learned."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from aam.config.model_input import ModelInputOptions
from aam.config.option import REQUIRED, Section, flag, option, same_as
from aam.config.sections import DistanceKind, Root, StudyOptions, TableOptions
from aam.config.types import Column
from aam.errors import ConfigError

VectorsOf = Literal["samples", "asvs", "clades"]
VectorFormat = Literal["tsv", "npy", "h5ad"]
DIMENSIONS = 64
"""Coordinates of a blend's sample vectors where no number is given."""


@dataclass(frozen=True, kw_only=True)
class EmbedOptions(ModelInputOptions):
    """Embedding: the model, and what to write vectors of."""

    metadata: Path | None = option(
        None,
        "Sample metadata: columns to colour by and to test, and covariates of the model.",
        usual="Sample metadata, with columns to test",
    )
    of: tuple[VectorsOf, ...] = option(
        ("samples",), "What to write vectors of; one or several.", usual="samples, asvs, clades or several"
    )
    format: tuple[VectorFormat, ...] = option(
        ("tsv",),
        "Formats of the vectors: tsv (QIIME 2 metadata), npy (float32, with an id file), h5ad (AnnData; also "
        "study.h5ad with counts, metadata and vectors).",
        usual="tsv, npy, h5ad or several",
    )
    dimensions: int | None = option(
        None,
        "Coordinates of the sample vectors of a model that is no network; a network has a width of its own.",
        at_least=1,
        at_most=1_000,
        derived=f"{DIMENSIONS}",
    )

    def check(self) -> None:
        """Refuse vectors of nothing, and in no format."""
        super().check()
        if not self.of:
            raise ConfigError("--of names at least one of samples, asvs, clades")
        if not self.format:
            raise ConfigError("--format names at least one of tsv, npy, h5ad")


OF_TREES = ("root", "clip_negative_branches", "missing_tips")


@dataclass(frozen=True, kw_only=True)
class OrdinationOptions(Section):
    """Ordination: the distance beside the learned one, and tests of metadata columns."""

    colour: tuple[Column, ...] = option(
        (),
        "Metadata columns to colour ordinations by and to test with PERMANOVA.",
        derived="the columns that the model predicts, where the metadata has them",
        usual="Metadata columns to colour by and to test",
    )
    group_column: str | None = option(
        None,
        "Column of groups whose samples are alike (subjects): PERMANOVA permutes values that do not differ within "
        "groups between whole groups, and others within groups.",
        derived="that of the training run, where the metadata has it",
        alias="strata",
        usual="Column of groups, such as subjects",
    )
    metric: DistanceKind | None = option(
        None,
        "Distance that the learned one is compared with; the last three need no tree.",
        derived="unifrac with --tree, else bray_curtis",
    )
    tree: Path | None = option(
        None, "Tree of the ASVs: for UniFrac and for clades.", usual="Tree of the ASVs, for UniFrac and clades"
    )
    root: Root = same_as(StudyOptions, "root")
    clip_negative_branches: bool = same_as(StudyOptions, "clip_negative_branches")
    missing_tips: Literal["error", "drop"] = same_as(StudyOptions, "missing_tips")
    rarefy_depth: int | Literal["none"] | None = option(
        None,
        "Reads drawn once per sample for that distance (samples with fewer give all they have); 'none' uses all.",
        at_least=1,
        derived="that of the model, else the depth that 95 % of the samples have, 5,000 at most",
    )
    axes: int = option(10, "Axes of the ordinations.", at_least=2, at_most=100)
    permutations: int = option(999, "Permutations of each test.", at_least=9, at_most=1_000_000)
    max_ordinated: int = option(
        1_500,
        "Samples of the ordination and the tests; of more, so many at random.",
        at_least=10,
        at_most=10_000,
    )
    umap: bool = option(False, "Also lay the sample vectors out by UMAP (needs the extra aam[umap]).")
    emperor: bool = option(False, "Also write ordinations as Emperor pages (needs the extra aam[emperor]).")

    def check(self) -> None:
        """Refuse options of a tree that is not there."""
        for name in OF_TREES:
            if self.tree is None and getattr(self, name) != getattr(type(self), name):
                raise ConfigError(f"{flag(name)} needs --tree")
        if self.tree is None and self.metric is not None and self.metric.endswith("unifrac"):
            raise ConfigError(f"--metric {self.metric} needs --tree; without one try bray_curtis")


@dataclass(frozen=True, kw_only=True)
class NearestOptions(Section):
    """Nearest: the training samples that each sample is most like."""

    training_table: tuple[Path, ...] = option(
        (),
        "Feature tables of the training samples, among which to find those that each sample is most like.",
        usual="Tables of the training samples",
    )
    training_metadata: Path | None = option(
        None,
        "Their metadata: samples without a row are left out, and target values are copied beside the neighbours.",
        usual="Their metadata",
    )
    neighbours: int = option(5, "Nearest training samples of each sample.", at_least=1, at_most=100)

    def check(self) -> None:
        """Refuse metadata of no table."""
        if self.training_metadata is not None and not self.training_table:
            raise ConfigError("--training-metadata needs --training-table")


@dataclass(frozen=True, kw_only=True)
class EmbedOutputOptions(Section):
    """Output: the folder of the results."""

    output_dir: Path = option(
        REQUIRED, "Folder to write vectors, ordinations, tests and report.html to.", usual="Folder of the results"
    )
    overwrite: bool = option(False, "Replace an earlier result in it.", usual=True)


@dataclass(frozen=True, kw_only=True)
class EmbedInMemoryConfig:
    """All options of `aam embed` but its output."""

    table: TableOptions
    embed: EmbedOptions
    ordination: OrdinationOptions
    nearest: NearestOptions


@dataclass(frozen=True, kw_only=True)
class EmbedConfig(EmbedInMemoryConfig):
    """All options of `aam embed`."""

    output: EmbedOutputOptions
