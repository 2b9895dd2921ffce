"""How many runs, or learners, work at once, and where."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal

from aam.config.option import Section, option
from aam.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class JobOptions(Section):
    """Jobs: what is computed at once."""

    jobs: int | Literal["all"] = option(
        1,
        "Folds of a cross-validation, members of an ensemble, trials of a search, or else learners of a blend that are "
        "computed at once, each in a process of its own with its share of the cores; 'all' is one for each core.",
        at_least=1,
        at_most=1024,
        usual="Folds, members, trials or learners at once",
    )
    join: bool = option(
        False,
        "Work together with other processes that run the same command, on one machine or several: each takes the next "
        "fold that nobody works on, and the last to finish writes the results.",
    )
    dask_scheduler: str | None = option(
        None, "Address of a Dask scheduler whose workers compute the jobs; they need the same paths.", derived="none"
    )

    @property
    def number(self) -> int:
        """Jobs at once on this machine."""
        return len(os.sched_getaffinity(0)) if self.jobs == "all" else self.jobs

    @property
    def are_several(self) -> bool:
        """Whether anything is computed at once."""
        return self.number > 1 or self.dask_scheduler is not None

    def check(self) -> None:
        """Refuse a scheduler of which nothing is asked, and two ways of sharing the folds."""
        if self.dask_scheduler is not None and self.number == 1:
            raise ConfigError("--dask-scheduler needs --jobs N: as many jobs as its workers are to compute at once")
        if self.dask_scheduler is not None and not self.dask_scheduler:
            raise ConfigError("--dask-scheduler is the address of a Dask scheduler, such as tcp://node01:8786")
        if self.join and self.are_several:
            which = "--jobs" if self.dask_scheduler is None else "--dask-scheduler"
            raise ConfigError(f"--join takes one fold at a time: start it several times, or leave it out for {which}")
