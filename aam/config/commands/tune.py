"""`aam tune`."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path

from aam.config.commands.train import TrainConfig
from aam.config.jobs import JobOptions
from aam.config.option import Section, from_flat, option, to_flat
from aam.errors import Attempts, ConfigError

USUAL_TRIALS = 50
TEST_SHARE = 0.2
"""Share of the samples that is set aside where nothing says which samples judge the choice."""


@dataclass(frozen=True, kw_only=True)
class SearchOptions(Section):
    """Search: budget, space and folds."""

    trials: int | None = option(
        None,
        "Trials of the search, the untuned default among them.",
        at_least=1,
        at_most=100_000,
        derived=f"{USUAL_TRIALS}, or as many as --minutes allow",
        usual=f"Trials of the search [{USUAL_TRIALS}]",
    )
    minutes: float | None = option(
        None,
        "Minutes after which this process begins no further trial.",
        above=0,
        at_most=1e6,
        usual="Begin no trial after so many minutes",
    )
    space: Path | None = option(
        None,
        "YAML file of the options to search: a range or a list of choices by name.",
        derived="by what is trained and the size of the study",
        usual="YAML file of the options to search",
    )
    folds: int = option(
        5, "Folds within the training part whose pooled predictions judge a trial.", at_least=2, at_most=50
    )
    outer_folds: int | None = option(
        None,
        "Judge the search itself by so many outer folds, with a search of its own in each, instead of one test part.",
        at_least=2,
        at_most=20,
        usual="Nested: a search in each of so many folds",
    )
    prune: bool = option(True, "Stop a trial after a fold where it is worse than half of the others were by then.")


@dataclass(frozen=True, kw_only=True)
class TuneConfig(TrainConfig):
    """All options of `aam tune`: those of `aam train`, and of the search."""

    search: SearchOptions = field(default_factory=SearchOptions)

    def __post_init__(self) -> None:
        attempt = Attempts()
        attempt(super().__post_init__)
        attempt(self._check_search)
        attempt.raise_if_any()

    @property
    def training(self) -> TrainConfig:
        """The untuned default: ``aam train`` with these options."""
        own = {one.name for section in (SearchOptions, JobOptions) for one in dataclasses.fields(section)}
        given = {name: value for name, value in to_flat(self).items() if name not in own}
        return from_flat(TrainConfig, {**given, "overwrite": False, "resume_from": None})

    @property
    def keeps_finished_parts(self) -> bool:
        """It keeps its finished trials."""
        return True

    @property
    def total(self) -> int | None:
        """Trials of each search; None where the time alone ends it."""
        search = self.search
        return USUAL_TRIALS if search.trials is None and search.minutes is None else search.trials

    @property
    def tested_by(self) -> str:
        """What judges the choice: ``folds``, a ``given`` test part, or one that is set ``aside`` for it."""
        split = self.split
        if self.search.outer_folds is not None:
            return "folds"
        is_given = split.test_size > 0 or split.split_column is not None or split.train_samples is not None
        return "given" if is_given else "aside"

    def _check_jobs(self) -> None:
        """Refuse other ways of sharing the work than processes that join the search."""
        if self.jobs.join or self.jobs.dask_scheduler is not None:
            which = "--join" if self.jobs.join else "--dask-scheduler"
            raise ConfigError(
                f"{which} is for --cv: start more processes with --resume-from and the folder of the search"
            )

    def _check_search(self) -> None:
        """Refuse what trains something else than one model."""
        evaluation, split = self.evaluation, self.split
        others = {
            "--cv": evaluation.cv is not None,
            "--ensemble": evaluation.ensemble > 1,
            "--devices": self.distributed.is_asked_for,
            "--logger": bool(self.tracking.logger),
        }
        if wrong := [name for name, given in others.items() if given]:
            raise ConfigError(f"{wrong[0]} is for the training of the winner: leave it out of the search")
        if self.search.outer_folds is None:
            return
        if self.tested_by == "folds" and (split.test_size > 0 or split.split_column or split.train_samples):
            raise ConfigError("--outer-folds makes its own test parts: leave out --test-size, --split-column and lists")
