"""Runs within a run, several at once: each in a process of its own, whichever ends first."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aam.config import TrainConfig, replace
from aam.config.jobs import JobOptions
from aam.errors import AamError, PreemptedError
from aam.log import say
from aam.processes import Outcome, on_scheduler, outcomes
from aam.runs.directory import RunDirectory
from aam.text import format_duration, plural
from aam.workflows.runs.child_runs import ChildRun, Train, stopped_within, train_child_run
from aam.workflows.runs.jobs_bar import JobsBar
from aam.workflows.runs.run_manifest import check_inputs_still_same

RESUME = "resume the run"


@dataclass(frozen=True, kw_only=True)
class Training:
    """The training of one run, for another process.

    Attributes
    ----------
    whole
        The run that it is a part of.
    config
        Its options, if it is new.
    child, train
        As for :func:`~aam.workflows.runs.child_runs.train_child_run`.
    """

    whole: RunDirectory
    config: TrainConfig
    child: ChildRun
    train: Train

    def __call__(self) -> float:
        """Train; returns the seconds that it took."""
        started = time.monotonic()
        check_inputs_still_same(self.whole, RESUME)
        train_child_run(replace(self.config, progress=False), self.child, self.train)
        return time.monotonic() - started


def at_once(
    run: RunDirectory, what: str, trainings: Sequence[Training], options: JobOptions, then: Callable[[int], object]
) -> None:
    """Train the runs that are not finished, several at once; what each says is in its own log.

    Parameters
    ----------
    run
        The whole.
    what
        What each run is called.
    trainings
        Each run.
    options
        How many at once, and where.
    then
        What is left to do, in this process, for the n-th run (from 0) once it is trained.

    Raises
    ------
    PreemptedError
        If a signal stopped them; with how to resume.
    """
    wanted = any(training.config.run.progress for training in trainings)
    todo = [place for place, training in enumerate(trainings) if not training.child.directory.is_finished]
    for place in sorted(set(range(len(trainings))) - set(todo)):
        say(f"{_name(what, place, trainings)}: already finished")
        then(place)
    say("", f"{plural(len(todo), what)} to train, {min(options.number, len(todo))} at once; each has its own log")
    errors: list[AamError] = []
    done = len(trainings) - len(todo)
    with (
        stopped_within(run, f"with {what}s unfinished"),
        on_scheduler(options.dask_scheduler),
        JobsBar(what, len(trainings), done=done, jobs=options.number, wanted=wanted) as bar,
    ):
        for found in outcomes([trainings[place] for place in todo], options.number, run.path):
            place = todo[found.place]
            if found.error is not None:
                errors.append(found.error)
                continue
            bar.finish(found.place)  # before what is said: a bar without a step that comes back starts its clock anew
            with bar.aside():
                say(f"{_name(what, place, trainings)}: {_took(found)}")
            then(place)
        _raise_first(errors)


def _name(what: str, place: int, trainings: Sequence[Training]) -> str:
    return f"{what} {place + 1} of {len(trainings)} ({trainings[place].child.name})"


def _took(found: Outcome[float]) -> str:
    assert found.value is not None
    return f"trained in {format_duration(found.value)}"


def _raise_first(errors: Sequence[AamError]) -> None:
    """Raise what went wrong; that others were stopped because of it is no news."""
    own = [error for error in errors if not isinstance(error, PreemptedError)]
    if errors:
        raise (own or errors)[0]
