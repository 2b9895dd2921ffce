"""The trials of one search in the journal that all its processes share.

A trial that was running in a process that is gone has failed, and is repeated with the same values in its place.
Decisions (what has failed, what is repeated, who takes the next trial) are made by one process at a time.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.exceptions import OptunaError
from optuna.pruners import BasePruner, MedianPruner, NopPruner
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import FrozenTrial, Trial, TrialState

from aam.errors import InputError
from aam.workflows.tune.folder import JOURNAL
from aam.workflows.tune.processes import Process
from aam.workflows.tune.sampler import PLACE, PlacedSampler

PROCESS, REPEATS, DEFAULT, SECONDS, DRAWS, REASON = "process", "repeats", "default", "seconds", "draws", "reason"
"""Attributes of a trial: who runs it, the number of the trial that it repeats, whether it is the untuned default, how
long its trainings took, its metric in bootstrap draws, and why it has none."""
DIGEST = "digest"
"""Attribute of a search: what is searched."""
MOST_REPEATS = 2
"""Of one trial whose process was gone: then it counts as one that cannot be."""
TRIALS_BEFORE_PRUNING, FOLDS_BEFORE_PRUNING = 8, 1
FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)


@contextmanager
def quiet() -> Iterator[None]:
    """Optuna says nothing; what it says otherwise is as before afterwards."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(before)


def open_journal(folder: Path) -> JournalStorage:
    """The journal of a folder: lines of JSON, for any number of processes and for shared disks.

    Raises
    ------
    InputError
        If what is there is no journal.
    """
    path = folder / JOURNAL
    try:
        return JournalStorage(JournalFileBackend(str(path), lock_obj=JournalFileOpenLock(str(path))))
    except OSError as error:
        raise InputError(path, f"cannot be used ({error.strerror})") from None
    except (OptunaError, ValueError, KeyError, TypeError, AttributeError, AssertionError, IndexError) as error:
        raise InputError(path, f"is damaged ({type(error).__name__})", "start another search") from None


@dataclass(frozen=True, kw_only=True)
class Rules:
    """How a search goes.

    Attributes
    ----------
    sign
        1 where a larger metric is better, else -1.
    seed
        Of the draws.
    prune
        Whether trials may be stopped early.
    """

    sign: int
    seed: int
    prune: bool

    @property
    def pruner(self) -> BasePruner:
        """What stops trials."""
        if not self.prune:
            return NopPruner()
        return MedianPruner(n_startup_trials=TRIALS_BEFORE_PRUNING, n_warmup_steps=FOLDS_BEFORE_PRUNING)


class Trials:
    """The trials of one search.

    Parameters
    ----------
    storage
        The journal.
    name
        The search.
    rules
        How it goes.
    process
        This process.
    """

    def __init__(self, storage: JournalStorage, name: str, rules: Rules, process: Process) -> None:
        self.process = process
        with process.deciding():
            self.study = optuna.create_study(
                storage=storage,
                study_name=name,
                direction="maximize" if rules.sign > 0 else "minimize",
                sampler=PlacedSampler(rules.seed),
                pruner=rules.pruner,
                load_if_exists=True,
            )

    def noted(self, digest: str) -> str:
        """The digest of what is searched that the first process noted; this one where it is the first."""
        with self.process.deciding():
            if DIGEST not in self.study.user_attrs:
                self.study.set_user_attr(DIGEST, digest)
            return str(self.study.user_attrs[DIGEST])

    @property
    def all(self) -> list[FrozenTrial]:
        """All trials as they are now.

        Raises
        ------
        InputError
            If what the journal says of one cannot be.
        """
        trials = self.study.get_trials(deepcopy=False)
        for one in trials:
            if not _is_sound(one):
                raise InputError(JOURNAL, f"is damaged (trial {one.number})", "start another search")
        return trials

    @property
    def finished(self) -> list[FrozenTrial]:
        """Those that ended by themselves."""
        return [one for one in self.all if one.state in FINISHED]

    @property
    def complete(self) -> list[FrozenTrial]:
        """Those with a result of all folds, by place."""
        found = [one for one in self.all if one.state == TrialState.COMPLETE]
        return sorted(found, key=place_of)

    def running_elsewhere(self) -> int:
        """Trials that other processes are at."""
        with self.process.deciding():
            self._fail_those_of_the_dead()
        return sum(one.state == TrialState.RUNNING for one in self.all)

    def take(self, total: int | None, default: dict[str, Any]) -> Trial | None:
        """The next trial: one to be repeated, or a new one; None where all are taken.

        Parameters
        ----------
        total
            Trials in all; None for as many as there is time for.
        default
            The values of the first one, which is the untuned default.
        """
        with self.process.deciding():
            self._fail_those_of_the_dead()
            trials = self.all
            if not any(one.state == TrialState.WAITING for one in trials):
                taken = sum(one.state in (*FINISHED, TrialState.RUNNING) for one in trials)
                if (failed := _to_repeat(trials)) is not None:
                    self._enqueue_again(failed)
                elif total is not None and taken >= total:
                    return None
                elif not trials:
                    self.study.enqueue_trial(default, user_attrs={DEFAULT: True})
            trial = self.study.ask()
            trial.set_user_attr(PROCESS, self.process.name)
            trial.set_user_attr(PLACE, _place(trial, trials))
            return trial

    def _enqueue_again(self, failed: FrozenTrial) -> None:
        attributes: dict[str, Any] = {REPEATS: failed.number}
        if is_default(failed):
            attributes[DEFAULT] = True
        self.study.enqueue_trial(_fixed(failed), user_attrs=attributes)

    def fail(self, trial: Trial) -> None:
        """The trial was stopped, and is to be repeated."""
        self.study.tell(trial, state=TrialState.FAIL)

    def drop(self, trial: Trial, reason: str) -> None:
        """The trial has no result, and would have none if it were repeated."""
        trial.set_user_attr(REASON, reason)
        self.study.tell(trial, state=TrialState.PRUNED)

    def _fail_those_of_the_dead(self) -> None:
        trials = self.all
        for one in trials:
            process = one.user_attrs.get(PROCESS)
            if one.state != TrialState.RUNNING or (isinstance(process, str) and self.process.is_alive(process)):
                continue
            is_last = _times_repeated(one, trials) >= MOST_REPEATS
            self.study.tell(one.number, state=TrialState.PRUNED if is_last else TrialState.FAIL)


def _is_sound(trial: FrozenTrial) -> bool:
    """Whether the attributes of a trial are what a search writes: anybody may have changed the journal."""
    attributes = trial.user_attrs
    place, repeated = attributes.get(PLACE, 0), attributes.get(REPEATS, -1)
    if not (isinstance(place, int) and isinstance(repeated, int) and place >= 0 and repeated < trial.number):
        return False
    if trial.state != TrialState.COMPLETE:
        return True
    draws, seconds = attributes.get(DRAWS), attributes.get(SECONDS)
    numbers = [trial.value, seconds, *(draws if isinstance(draws, list) else [None])]
    return all(isinstance(one, int | float) for one in numbers)


def place_of(trial: FrozenTrial) -> int:
    """The place of a trial; of one that was given none yet, its number."""
    return int(trial.user_attrs.get(PLACE, trial.number))


def is_default(trial: FrozenTrial) -> bool:
    """Whether it is the untuned default."""
    return bool(trial.user_attrs.get(DEFAULT))


def seconds_of(trial: FrozenTrial) -> float:
    """How long its trainings took."""
    return float(trial.user_attrs.get(SECONDS, np.nan))


def _fixed(trial: FrozenTrial) -> dict[str, Any]:
    """The values that a trial had, and those that it was to have."""
    fixed = trial.system_attrs.get("fixed_params", {})
    return {**fixed, **trial.params}


def _place(trial: Trial, trials: Sequence[FrozenTrial]) -> int:
    """The place of a trial that begins: that of the trial that it repeats, or the next."""
    repeated = trial.user_attrs.get(REPEATS)
    if repeated is not None:
        return place_of(trials[repeated])
    return trial.number - sum(REPEATS in one.user_attrs and one.number < trial.number for one in trials)


def _to_repeat(trials: Sequence[FrozenTrial]) -> FrozenTrial | None:
    repeated = {one.user_attrs[REPEATS] for one in trials if REPEATS in one.user_attrs}
    failed = [one for one in trials if one.state == TrialState.FAIL and one.number not in repeated]
    return failed[0] if failed else None


def _times_repeated(trial: FrozenTrial, trials: Sequence[FrozenTrial]) -> int:
    """How often the trial that this one repeats, and so on, was begun before."""
    times, before = 0, trial.user_attrs.get(REPEATS)
    while isinstance(before, int) and before < trial.number:
        times, trial = times + 1, trials[before]
        before = trial.user_attrs.get(REPEATS)
    return times
