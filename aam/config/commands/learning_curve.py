"""`aam learning-curve`."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aam.config.commands.train import TrainConfig
from aam.config.covariates import CovariateOptions
from aam.config.earlier import EarlierOptions
from aam.config.learners import SINGLE, LearnerOptions
from aam.config.option import Section, fields, flag, from_flat, option, same_as
from aam.config.sections import LARGEST_SEED, SplitOptions, StudyOptions, TableOptions
from aam.config.studies import ADVERSARY, BalanceOptions, StudiesOptions
from aam.config.target import TargetOptions
from aam.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class CurveOptions(Section):
    """Learning curve: sizes of training sets, folds, and output."""

    group_column: str | None = same_as(SplitOptions, "group_column")
    sizes: tuple[int, ...] = option(
        (),
        "Training groups to learn from, such as 10,20,40; samples where there is no --group-column. All that a fold "
        "has are always added.",
        at_least=2,
        derived="four to six sizes up to all, in steps of 2 where there are many, else of 1.4",
        usual="Training groups (or samples) to try",
    )
    repeats: int = option(
        2, "Random choices of the groups of each size, in each fold.", at_least=1, usual="Random choices of each size"
    )
    folds: int = option(5, "Folds that judge: the same held-out samples for all sizes.", at_least=2)
    output_dir: Path | None = option(
        None, "Folder for the page, its figures as PDF and the tables.", usual="Folder for a page and tables"
    )
    overwrite: bool = option(False, "Replace an earlier learning curve in it.", usual=True)
    seed: int = option(42, "Seed of folds, subsets and learners.", at_least=0, at_most=LARGEST_SEED)
    progress: bool = option(True, "Show a progress bar; where there is no terminal, a line every 30 seconds.")

    def check(self) -> None:
        """Refuse to replace what is not written, and a size that is named twice."""
        if self.overwrite and self.output_dir is None:
            raise ConfigError("--overwrite needs --output-dir")
        if len(set(self.sizes)) < len(self.sizes):
            raise ConfigError("--sizes names a size twice")


@dataclass(frozen=True, kw_only=True)
class CurveConfig:
    """All options of `aam learning-curve`."""

    table: TableOptions
    study: StudyOptions
    target: TargetOptions
    learners: LearnerOptions = field(default_factory=LearnerOptions)
    covariates: CovariateOptions
    studies: StudiesOptions = field(default_factory=StudiesOptions)
    balance: BalanceOptions = field(default_factory=BalanceOptions)
    earlier: EarlierOptions = field(default_factory=EarlierOptions)
    curve: CurveOptions

    def __post_init__(self) -> None:
        if self.studies.study_effect == ADVERSARY:
            raise ConfigError(
                "--study-effect adversary trains the network, which a curve does not fit: take covariate or centre"
            )
        if self.learners.with_network:
            raise ConfigError("--learners: a curve is of learners that fit in seconds: leave the network out")
        given = [
            flag(one.name)
            for section, one, _ in fields(type(self))
            if one.name in SINGLE and getattr(getattr(self, section), one.name) != one.default
        ]
        if given:
            raise ConfigError(f"{given[0]} is for the network, which a curve does not fit: leave it out")
        _ = self.training  # refuses what a training would

    @property
    def training(self) -> TrainConfig:
        """The training of each subset: that of ``aam train`` with these options."""
        of_data = (self.table, self.study, self.target, self.covariates)
        sections = (*of_data, self.learners, self.studies, self.balance, self.earlier)
        given: dict[str, Any] = {
            one.name: getattr(section, one.name) for section in sections for one in dataclasses.fields(section)
        }
        own = {name: getattr(self.curve, name) for name in ("group_column", "seed")}
        fixed = {"output_dir": Path("learning-curve"), "report": False, "progress": False}
        return from_flat(TrainConfig, {**given, **own, **fixed})
