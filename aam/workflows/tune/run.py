"""`aam tune` from the options to the choice: search, choose, judge, and write the results."""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from aam.config import TuneConfig
from aam.data.study.summary import describe
from aam.errors import ConfigError, InputError, RunError
from aam.log import say
from aam.progress import Bar
from aam.report import check_drawing
from aam.text import format_duration, plural
from aam.workflows.tune.folder import fingerprint, open_folder, write_options
from aam.workflows.tune.helpers import helped, is_helper
from aam.workflows.tune.plan import TunePlan, drawn, plan_search
from aam.workflows.tune.processes import Process
from aam.workflows.tune.tuning import Tuning

if TYPE_CHECKING:
    from aam.workflows.tune.search import Search

WORTH_SAYING = 60.0
"""Seconds of a search from which it says beforehand how long it takes."""
NEEDS_OPTUNA = "aam tune needs optuna, which is not installed: pip install 'aam[tune]'"


def tune(config: TuneConfig) -> Tuning | None:
    """Search, and write what was found; None where other processes still run trials and will write it.

    Parameters
    ----------
    config
        Data, training, budget, space and folder; with ``resume_from`` to go on, or to join.

    Raises
    ------
    ConfigError, InputError
        If an option, a file or the folder cannot be used.
    RunError
        If no trial has a result.
    """
    try:
        import optuna  # noqa: F401
    except ImportError:
        raise ConfigError(NEEDS_OPTUNA) from None
    check_drawing()
    from aam.workflows.tune.trials import quiet

    open_folder(config)
    started = time.monotonic()
    plan = plan_search(config)
    _say_plan(plan)
    if not is_helper():
        write_options(config)
    with quiet(), Process(config.run.output_dir) as process:
        searches = _searches(plan, process)
        with helped(config) as helpers:
            before = _finished(searches)
            _run(plan, searches, started)
            if helpers.wait():
                _run(plan, searches, started)
            _say_if_nothing_was_left(config, searches, before)
        if is_helper() or not _all_ended(config, searches):
            return None
        return _finish(plan, searches)


def _say_plan(plan: TunePlan) -> None:
    say(*describe(plan.study))
    column = drawn(plan.training).group_column
    last, judged = plan.parts[-1], sum(len(part.outer.test) for part in plan.parts)
    what = f" of whole groups ({plural(plan.units, 'group')} of '{column}')" if column is not None else ""
    say(f"trials: judged by {plural(len(last.folds), 'fold')}{what} within {plural(len(last.study), 'sample')}")
    if len(plan.parts) > 1:
        say(f"outer folds: {len(plan.parts) - 1}, each with a search of its own; all {judged:,} samples judge")
    else:
        aside = ", set aside for this" if plan.config.tested_by == "aside" else ""
        say(f"the choice is judged by {plural(judged, 'sample')} that no trial sees{aside}")
    say(f"options: {', '.join(one.name for one in plan.space)}")
    say(f"search: {_budget_words(plan.config, len(plan.parts))}")


def _budget_words(config: TuneConfig, searches: int) -> str:
    """How long it goes on."""
    total, minutes = config.total, config.search.minutes
    trials = "" if total is None else plural(total, "trial") + (" each" if searches > 1 else "")
    if minutes is None:
        return f"{trials}; about how long they take is said after the first trial; --minutes ends them earlier"
    time = f"{minutes:g} minutes"
    return f"as many trials as {time} allow" if total is None else f"{trials}, or as many as {time} allow"


def _finished(searches: Sequence[Search]) -> int:
    return sum(len(one.trials.finished) for one in searches)


def _say_if_nothing_was_left(config: TuneConfig, searches: Sequence[Search], before: int) -> None:
    """Say so where a search that goes on had all its trials already."""
    total = config.total
    if total is not None and total * len(searches) <= before == _finished(searches):
        say(f"nothing is left to try: {plural(before, 'trial')} are done; more --trials go on")


def _searches(plan: TunePlan, process: Process) -> list[Search]:
    """The search of each part in the journal, which must be of the same study."""
    from aam.workflows.tune.search import Search
    from aam.workflows.tune.trials import Rules, Trials, open_journal

    options = plan.config
    storage = open_journal(options.run.output_dir)
    rules = Rules(sign=plan.sign, seed=options.run.seed, prune=options.search.prune)
    digest = fingerprint(plan)
    found = []
    for part in plan.parts:
        trials = Trials(storage, part.name, rules, process)
        if trials.noted(digest) != digest:
            problem = "is a search on other samples, truths, folds or options"
            raise InputError(options.run.output_dir, problem, "start another search")
        found.append(Search(plan, part, trials))
    return found


def _run(plan: TunePlan, searches: Sequence[Search], started: float) -> None:
    """Run trials until the budget is spent."""
    from aam.workflows.tune.search import Budget

    config = plan.config
    ends = None if config.search.minutes is None else started + 60 * config.search.minutes
    budget = Budget(total=config.total, ends=ends)
    before = _finished(searches)
    with _bar(config, len(searches), before) as bar:
        for search in searches:
            _show(bar, search, None, started)
            search.run(budget, partial(_show, bar, search, searches, started))


def _bar(config: TuneConfig, searches: int, before: int) -> Bar:
    """The progress in trials, or in minutes where the time alone ends the search."""
    if config.total is not None:
        whole = config.total * searches
        return Bar("searching", "trials", whole, done=min(before, whole), wanted=config.run.progress)
    assert config.search.minutes is not None
    return Bar("searching", "seconds", round(60 * config.search.minutes), wanted=config.run.progress)


def _show(bar: Bar, search: Search, searches: Sequence[Search] | None, started: float) -> None:
    """How far the search is, and the best so far."""
    if searches is not None:
        trials, is_first = _finished(searches), bar.done == 0
        done = trials if search.plan.config.total is not None else round(time.monotonic() - started)
        bar.advance(max(0, min(bar.total, done) - bar.done))
        if is_first:  # said after the step: until one is done, a bar that comes back starts its clock anew
            with bar.aside():
                _say_time(search, len(searches))
    bar.say(search.part.name if search.part.name != "search" else "searching", search.best_words)


def _say_time(search: Search, searches: int) -> None:
    """How long all trials take at the rate of the first one; most of the others have less to fit."""
    from aam.workflows.tune.trials import seconds_of

    config, seconds = search.plan.config, seconds_of(search.trials.finished[0])
    if config.total is None:
        return
    whole = config.total * searches
    expected = whole * seconds / config.jobs.number
    if expected >= WORTH_SAYING:  # not for NaN, of one without a result
        first, all_of_them = format_duration(seconds), format_duration(expected)
        say(f"the first trial took {first}; at its rate {whole:,} take {all_of_them}, mostly less")


def _all_ended(config: TuneConfig, searches: Sequence[Search]) -> bool:
    """Whether no other process is at a trial, which is said."""
    running = sum(one.trials.running_elsewhere() for one in searches)
    if running:
        say(
            f"{plural(running, 'trial')} still {'runs' if running == 1 else 'run'} in other processes: the last one "
            f"writes the results (or aam tune --resume-from {shlex.quote(str(config.run.output_dir))})"
        )
        return False
    if empty := [one.part.name for one in searches if not one.trials.complete]:
        raise RunError(f"{empty[0]}: no trial has a result; give more time, or more trials")
    return True


def _finish(plan: TunePlan, searches: Sequence[Search]) -> Tuning:
    """Choose, judge the choice, and write everything."""
    from aam.workflows.tune.results import conclude, write

    say("the choice and the untuned default on samples that no trial saw ...")
    started = time.monotonic()
    found = conclude(plan, searches)
    say(f"trained and predicted in {format_duration(time.monotonic() - started)}")
    write(found, plan)
    return found
