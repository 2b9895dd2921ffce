"""One search: trials until the budget is spent, each judged by the pooled predictions of its folds."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import Trial

from aam.config import TrainConfig
from aam.data.targets.kinds import Predictions
from aam.errors import ConfigError, InputError, NonFiniteError, PreemptedError
from aam.evaluation.catalogue import metric, value_of
from aam.evaluation.metrics import draw_repeats, score
from aam.evaluation.prediction_table import concatenate
from aam.log import warn
from aam.runs.directory import resume_hint
from aam.workflows.tune.fit import Fitter
from aam.workflows.tune.plan import Part, TunePlan
from aam.workflows.tune.sampler import default_values, note_defaults, suggested_config
from aam.workflows.tune.trials import DEFAULT, DRAWS, SECONDS, Trials

BOOTSTRAP_DRAWS = 200
"""Draws of groups by which trials are compared, the same for all."""
DIGITS = 7
"""Significant digits of what is noted of a draw."""


@dataclass(frozen=True, kw_only=True)
class Budget:
    """When to end.

    Attributes
    ----------
    total
        Trials in all; None for no limit.
    ends
        Reading of :func:`time.monotonic` from which no trial begins; None for no limit.
    """

    total: int | None
    ends: float | None

    @property
    def is_over(self) -> bool:
        """Whether the time is over."""
        return self.ends is not None and time.monotonic() >= self.ends


class Search:
    """The search of one part by this process.

    Parameters
    ----------
    plan, part
        What is searched, and on what.
    trials
        Its trials.
    """

    def __init__(self, plan: TunePlan, part: Part, trials: Trials) -> None:
        self.plan, self.part, self.trials = plan, part, trials
        self.fitter = Fitter(part.study)
        self.default = default_values(plan.space, plan.training)

    @property
    def best_words(self) -> str:
        """The best so far."""
        name, values = self.plan.metric, [one.value for one in self.trials.complete if one.value is not None]
        if not values:
            return ""
        best = max(values, key=lambda value: self.plan.sign * value)
        return f"best {metric(name).name} {value_of(name, best)}"

    def run(self, budget: Budget, on_trial: Callable[[], object]) -> None:
        """Take trials until there are no more, or the time is over."""
        while not budget.is_over:
            trial = self.trials.take(budget.total, self.default)
            if trial is None:
                return
            self._run(trial)
            on_trial()

    def _run(self, trial: Trial) -> None:
        """One trial to its end; one that is stopped from outside is noted as such."""
        try:
            self._judge(trial)
        except optuna.TrialPruned:
            self._tell(trial, None)
        except UpdateFinishedTrialError:
            warn(f"trial {trial.number} was taken over by another process")
        except PreemptedError as error:  # of the network, which says how to go on with its own run
            self.trials.fail(trial)
            remedy = resume_hint("tune", self.plan.config.run.output_dir)
            raise PreemptedError(f"stopped; {remedy}", interrupted=error.exit_code == 130) from None
        except BaseException:
            self.trials.fail(trial)
            raise

    def _judge(self, trial: Trial) -> None:
        is_default = bool(trial.user_attrs.get(DEFAULT))
        try:
            config = self._config(trial, is_default)
            tables, seconds = self._fold_by_fold(trial, config, may_stop=not is_default)
        except (ConfigError, InputError, NonFiniteError) as error:
            if is_default:
                raise
            self.trials.drop(trial, str(error))
            return
        draws = metric_draws(tables, self.plan.metric)
        trial.set_user_attr(SECONDS, round(seconds, 4))
        trial.set_user_attr(DRAWS, [float(f"{value:.{DIGITS}g}") for value in draws])
        self._tell(trial, metric_of(tables, self.plan.metric))

    def _config(self, trial: Trial, is_default: bool) -> TrainConfig:
        if not is_default:
            return suggested_config(trial, self.plan.space, self.plan.training)
        note_defaults(trial, self.plan.space, self.default)
        return self.plan.training

    def _fold_by_fold(self, trial: Trial, config: TrainConfig, *, may_stop: bool) -> tuple[list[Predictions], float]:
        """Pooled predictions of each target, and the seconds of all trainings.

        Raises
        ------
        optuna.TrialPruned
            If the trial is not worth its other folds.
        """
        found: list[list[Predictions]] = []
        seconds = 0.0
        for place, split in enumerate(self.part.folds):
            fitted = self.fitter.predict(config, split)
            found.append(fitted.tables)
            seconds += fitted.seconds
            if place == len(self.part.folds) - 1:
                break
            value = metric_of(pooled(found), self.plan.metric)
            if np.isfinite(value):
                trial.report(value, place)
            if may_stop and trial.should_prune():
                trial.set_user_attr(SECONDS, round(seconds, 4))
                raise optuna.TrialPruned
        return pooled(found), seconds

    def _tell(self, trial: Trial, value: float | None) -> None:
        state = optuna.trial.TrialState.PRUNED if value is None or not np.isfinite(value) else None
        self.trials.study.tell(trial, None if state else value, state=state)


def pooled(folds: Sequence[Sequence[Predictions]]) -> list[Predictions]:
    """Predictions of each target by all folds so far, of samples whose truth is known, in the order of their ids."""
    tables = []
    for of_target in zip(*folds, strict=True):
        table = concatenate([one.known() for one in of_target])
        tables.append(table.select(np.argsort(table.sample_ids.astype(str), kind="stable")))
    return tables


def metric_of(tables: Sequence[Predictions], name: str) -> float:
    """The metric that trials are judged by: its mean over targets."""
    return float(np.mean([score(table)[name] for table in tables]))


def metric_draws(tables: Sequence[Predictions], name: str) -> np.ndarray[Any, Any]:
    """The same in bootstrap draws of groups, which are the same draws for every trial."""
    found = [draw_repeats([table], draws=BOOTSTRAP_DRAWS)[name] for table in tables]
    return np.asarray(np.mean(found, axis=0))
