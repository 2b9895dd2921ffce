"""The configuration of ``aam check``: all options of a run, of which only the table is required."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aam.config.commands.predict import PredictInMemoryConfig, PredictOptions
from aam.config.commands.pretrain import PretrainConfig
from aam.config.commands.train import TrainConfig
from aam.config.option import Section, fields, flag, from_flat, option, to_flat
from aam.config.sections import RunOptions, TableOptions
from aam.config.target import TargetOptions
from aam.config.types import Column
from aam.errors import ConfigError

ANYWHERE = Path("run")
OF_CHECK = ("estimate_time",)
"""Options that no run has."""


@dataclass(frozen=True, kw_only=True)
class CheckTargetOptions(TargetOptions):
    """Target: columns to predict and their scaling."""

    metadata_column: tuple[Column, ...] = option(
        (),
        "Metadata column to predict; without one, pre-training is checked.",
        usual="Column to predict; without one, for pretrain",
    )


@dataclass(frozen=True, kw_only=True)
class CheckRunOptions(RunOptions):
    """Run: output, device and resuming."""

    model: Path | None = option(
        None,
        "Model folder, run directory or name of the index: check a table that it is to predict, and how unlike its "
        "training samples.",
        usual="Check a table that this model is to predict",
        names_model=True,
    )
    output_dir: Path | None = option(None, "Run directory to check; nothing is written.", usual=True)  # type: ignore[assignment]

    estimate_time: bool = option(True, "Measure first steps of the run to say how long all of it would take.")

    def check(self) -> None:
        """Refuse a run that has begun."""
        if self.resume_from is not None:
            raise ConfigError("--resume-from continues a run whose inputs were checked when it began: leave it out")


@dataclass(frozen=True, kw_only=True)
class CheckConfig(TrainConfig):
    """All options of `aam check`: those of `aam train`, or of `aam pretrain` if no column is named."""

    target: CheckTargetOptions
    run: CheckRunOptions

    def __post_init__(self) -> None:
        """Check nothing here: what does not go together is found beside what is wrong with the files."""

    def as_prediction(self) -> PredictInMemoryConfig:
        """The configuration of the prediction that would follow, of a check with ``model``.

        Raises
        ------
        ConfigError
            If an option is given that a prediction does not have.
        """
        assert self.run.model is not None
        taken = {
            "model",
            "metadata",
            "match_ids",
            *OF_CHECK,
            *(field.name for field in dataclasses.fields(TableOptions)),
        }
        if wrong := self._given_beside(taken):
            verb = "is" if len(wrong) == 1 else "are"
            raise ConfigError(f"{', '.join(wrong[:3])} {verb} for training: --model checks a table to be predicted")
        return PredictInMemoryConfig(
            table=self.table,
            predict=PredictOptions(model=self.run.model, metadata=self.study.metadata, match_ids=self.study.match_ids),
        )

    def as_run(self) -> TrainConfig | PretrainConfig:
        """The configuration of the run that would follow.

        Raises
        ------
        ConfigError
            For all options that do not go together.
        """
        kind: type[TrainConfig | PretrainConfig] = TrainConfig if self.target.metadata_column else PretrainConfig
        taken = {field.name for _, field, _ in fields(kind)}
        if kind is PretrainConfig:
            self._refuse_others(taken)
        given: dict[str, Any] = {name: value for name, value in to_flat(self).items() if name in taken}
        return from_flat(kind, {**given, "output_dir": self.run.output_dir or ANYWHERE})

    def _refuse_others(self, taken: set[str]) -> None:
        """Refuse what pre-training has no use for."""
        if wrong := self._given_beside({*taken, *OF_CHECK}):
            verb = "needs" if len(wrong) == 1 else "need"
            raise ConfigError(f"{', '.join(wrong[:3])} {verb} --metadata-column: without one, pre-training is checked")

    def _given_beside(self, taken: set[str]) -> list[str]:
        """The options that are given, but for some, as they are typed."""
        others = [(section, field) for section, field, _ in fields(CheckConfig) if field.name not in taken]
        return [flag(field.name) for section, field in others if _is_given(getattr(self, section), field.name)]


def _is_given(section: Section, name: str) -> bool:
    return bool(getattr(section, name) != type(section).__dataclass_fields__[name].default)
