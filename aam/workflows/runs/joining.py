"""`aam train --cv K --join`: processes on one machine or several that share the folds of one cross-validation.

All run the same command. The first writes the plan; each takes the next fold that nobody works on, by the lock of that
fold's own run directory; and the one that finds all folds finished writes the results.
"""

from __future__ import annotations

import time
from contextlib import suppress

from aam.config import TrainConfig, to_flat
from aam.config.option import flag
from aam.config.resume import FREE, changes_of
from aam.errors import ConfigError, PreemptedError
from aam.files.atomic import read_json
from aam.log import say
from aam.runs.directory import InUseError, RunDirectory, resume_command
from aam.runs.layout import DATA
from aam.runs.saved_options import training_config_to_resume
from aam.workflows.runs.cross_validation import KIND, FoldsPlan, plan_folds
from aam.workflows.runs.results import CrossValidationResult
from aam.workflows.runs.run_manifest import check_inputs_still_same
from aam.workflows.runs.signals import stopped_in_order
from aam.workflows.runs.single_run import taken_directory
from aam.workflows.runs.tracked import tracked

WAIT_SECONDS = 1.0
OWN = (*FREE, "output_dir", "overwrite", "resume_from")
"""Options that may differ between the processes."""


def join_folds(config: TrainConfig, command_line: str) -> CrossValidationResult:
    """Train folds of a cross-validation that nobody else trains, until none is left.

    Parameters
    ----------
    config, command_line
        As for :func:`~aam.workflows.runs.cross_validation.train_folds`.

    Returns
    -------
    CrossValidationResult
        Without targets where another process is to write the results.

    Raises
    ------
    ConfigError
        If the run was begun with other options.
    """
    run = RunDirectory(config.run.output_dir)
    with stopped_in_order(lambda: f"continue with: {resume_command('train', run.path)} --join"):
        plan = _written_plan(config, run, command_line)
        with plan.rollback_if_first_run_fails():
            for number in range(len(plan.folds)):
                _train(plan, number)
        busy = [child.name for child in plan.runs if not child.directory.is_finished]
        if busy:
            say("", f"left to other processes, of which the last writes the results: {', '.join(busy)}")
            return plan.result({})
        if run.is_finished:
            say(f"another process has written the results: {run.path}")
            return plan.result({})
        return _finished(plan, command_line)


def _written_plan(config: TrainConfig, run: RunDirectory, command_line: str) -> FoldsPlan:
    """The plan, written by this process or by another."""
    while not (run.path / DATA).exists():
        with (
            suppress(InUseError),
            taken_directory(config, command_line) as (_, before),
            tracked(config, run, KIND) as tracking,
        ):
            plan = plan_folds(config, run)
            tracking.begin(config, plan.write(before, command_line))
            return plan
        time.sleep(WAIT_SECONDS)
    _check_same_options(config, run)
    plan = plan_folds(config, run)
    plan.check()
    return plan


def _check_same_options(config: TrainConfig, run: RunDirectory) -> None:
    own, given = to_flat(training_config_to_resume(run.path)), to_flat(config)
    changes = changes_of({name: value for name, value in own.items() if name not in OWN}, given)
    if changes:
        raise ConfigError(f"--join: {run.path} was begun with other options ({flag(changes[0].name)}); use the same")


def _train(plan: FoldsPlan, number: int) -> None:
    """Train a fold, unless it is finished or another process trains it."""
    child = plan.folds[number].child
    if child.directory.is_finished:
        return
    check_inputs_still_same(plan.run, "resume the run")
    try:
        say("", f"fold {number + 1} of {len(plan.folds)} ({child.name})")
        plan.train_and_compare(number)
    except InUseError:
        say("another process trains it")
    except PreemptedError as error:
        remedy = f"continue with: {resume_command('train', plan.run.path)} --join"
        raise PreemptedError(f"stopped in {child.name}; {remedy}", interrupted=error.exit_code == 130) from None


def _finished(plan: FoldsPlan, command_line: str) -> CrossValidationResult:
    """The results, if no other process writes them."""
    resumed = training_config_to_resume(plan.run.path)
    try:
        with taken_directory(resumed, command_line), tracked(resumed, plan.run, KIND) as tracking:
            tracking.begin(resumed, read_json(plan.run.path / DATA))
            for number in range(len(plan.folds)):
                plan.compare(number)
            result = plan.finish()
            tracking.end(result.judgements)
            return result
    except InUseError:
        say("another process writes the results")
        return plan.result({})
