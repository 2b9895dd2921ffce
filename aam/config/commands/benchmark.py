"""Options of `aam benchmark`, and of a task of its suite."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from aam.config.learners import AUTO, LearnerName
from aam.config.option import REQUIRED, Section, option, same_as
from aam.config.sections import LARGEST_SEED, MatchIds
from aam.config.target import ColumnOptions
from aam.config.types import Column
from aam.errors import ConfigError

MOST_FOLDS, MOST_REPEATS = 50, 100
OF_TRAINING = ("exposure_column", "study_effect", "whole_studies", "balance_by", "earlier_samples", "augment")
"""Options of `aam train` for a model as a whole, which no learner that competes here has."""


@dataclass(frozen=True, kw_only=True)
class BenchmarkOptions(Section):
    """Benchmark: suite of tasks, competitors and output."""

    suite: Path = option(REQUIRED, "YAML file of tasks; see docs/benchmark.md.", usual="YAML file of tasks")
    output_dir: Path = option(
        REQUIRED,
        "Folder of the results. What it holds of an interrupted benchmark is not computed again.",
        usual="Folder of the results; kept ones are not redone",
    )
    data: Path | None = option(
        None, "Folder from which relative paths of the suite start.", derived="the folder of the suite"
    )
    tasks: tuple[str, ...] = option(
        (), "Run these tasks of the suite alone, by name.", usual="Only these tasks, by name"
    )
    learners: tuple[LearnerName, ...] = option(
        (AUTO,),
        "Learners of the blend, by name or family. Each also competes alone, and the blend without it.",
        usual="forest, kernels, network or several",
    )
    folds: int | None = option(
        None, "Folds of each repeat.", at_least=2, at_most=MOST_FOLDS, derived="those of the suite"
    )
    repeats: int | None = option(
        None,
        "Repeats, each with folds of its own.",
        at_least=1,
        at_most=MOST_REPEATS,
        derived="those of the suite",
    )
    seed: int = option(42, "Seed of the folds and learners.", at_least=0, at_most=LARGEST_SEED)

    def check(self) -> None:
        """Refuse a blend of nothing."""
        if not self.learners:
            raise ConfigError(f"--learners names no learner: take {AUTO}, or leave it out")


@dataclass(frozen=True, kw_only=True)
class BenchmarkConfig:
    """All options of `aam benchmark`."""

    benchmark: BenchmarkOptions


@dataclass(frozen=True, kw_only=True)
class SuiteOptions(Section):
    """Suite: how all tasks are repeated."""

    folds: int = option(5, "Folds of each repeat.", at_least=2, at_most=MOST_FOLDS)
    repeats: int = option(3, "Repeats, each with folds of its own.", at_least=1, at_most=MOST_REPEATS)


@dataclass(frozen=True, kw_only=True)
class TaskOptions(Section):
    """Task: a column of a study to predict, and which samples belong together."""

    table: Path = option(REQUIRED, "Feature table.")
    metadata: Path = option(REQUIRED, "Sample metadata.")
    tree: Path | None = option(None, "Rooted phylogeny of the ASVs.")
    metadata_column: str = option(REQUIRED, "Column to predict.")
    classifier: bool = option(False, "Predict classes instead of a number.")
    ordered: tuple[str, ...] = same_as(ColumnOptions, "ordered")
    count_target: bool = same_as(ColumnOptions, "count_target")
    missing: tuple[str, ...] = option((), "Further words for a missing value of the column.")
    not_missing: tuple[str, ...] = option((), "Words that are values in columns of text, not missing ones.")
    match_ids: MatchIds = option("exact", "How ids of table and metadata match, as for `aam train`.")
    where: str | None = option(None, "Use only samples that match this SQL condition on the metadata.")
    group_column: str | None = option(None, "Column of groups that folds and bootstrap draws keep whole.")
    categorical_columns: tuple[Column, ...] = option((), "Categorical covariates.")
    numeric_columns: tuple[Column, ...] = option((), "Numeric covariates.")
    shuffle: int | None = option(
        None, "Seed that permutes the target, so that nothing can be found.", at_least=0, at_most=LARGEST_SEED
    )
    control: bool | None = option(None, "Nothing may be found.", derived="true with shuffle")

    def check(self) -> None:
        """Refuse two kinds of target at once, and a shuffled target in which something may be found."""
        _ = self.column
        if self.shuffle is not None and self.control is False:
            raise ConfigError("a shuffled target is a control: leave out `control: false`")

    @property
    def column(self) -> ColumnOptions:
        """What is predicted, as any command has it."""
        names = ("metadata_column", "classifier", "missing", "ordered", "count_target")
        return ColumnOptions(**{name: getattr(self, name) for name in names})

    @property
    def is_control(self) -> bool:
        """Whether nothing may be found."""
        return self.shuffle is not None or bool(self.control)


@dataclass(frozen=True, kw_only=True)
class SuiteFile:
    """What stands at the top of a suite, without its tasks."""

    suite: SuiteOptions


@dataclass(frozen=True, kw_only=True)
class TaskFile:
    """What stands below the name of a task."""

    task: TaskOptions
