"""The choice among the trials of a search: the cheapest that the data do not tell from the best.

References
----------
Breiman, Friedman, Olshen, Stone (1984), Classification and Regression Trees, section 3.4.3 (the one-standard-error
rule). Hastie, Tibshirani, Friedman (2009), The Elements of Statistical Learning, section 7.10.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from optuna.trial import FrozenTrial

from aam.errors import InputError
from aam.workflows.tune.folder import JOURNAL
from aam.workflows.tune.trials import DRAWS, is_default, seconds_of

AS_FAST = 1.25
"""Ratio of times that counts as none: among trials as fast as the fastest, the best is taken."""


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """The choice of a search.

    Attributes
    ----------
    trial, best
        The trial that was chosen, and the one with the best metric.
    within
        Numbers of the trials within one standard error of the best, which is one of them.
    error
        Standard error of the difference between the chosen one and the best, by groups; 0 for the best itself.
    """

    trial: FrozenTrial
    best: FrozenTrial
    within: tuple[int, ...]
    error: float


def choose(trials: Sequence[FrozenTrial], sign: int) -> Chosen:
    """Choose by the one-standard-error rule.

    A trial counts where it is worse than the best by no more than one standard error of the difference between the two,
    from bootstrap draws of groups. Of these, and of those that are not worse than the untuned default, the one that
    trains in the least time is taken.

    Parameters
    ----------
    trials
        Trials with results, at least one.
    sign
        1 where a larger metric is better, else -1.
    """
    best = max(trials, key=lambda one: (sign * value_of(one), -one.number))
    errors = {one.number: standard_error(one, best) for one in trials}
    within = [one for one in trials if sign * (value_of(best) - value_of(one)) <= errors[one.number]]
    untuned = [sign * value_of(one) for one in trials if is_default(one)]
    better = [one for one in within if sign * value_of(one) >= max(untuned, default=-math.inf)]
    fastest = min(seconds_of(one) for one in better)
    fast = [one for one in better if seconds_of(one) <= AS_FAST * fastest]
    chosen = max(fast, key=lambda one: (sign * value_of(one), -one.number))
    return Chosen(trial=chosen, best=best, within=tuple(one.number for one in within), error=errors[chosen.number])


def value_of(trial: FrozenTrial) -> float:
    """The metric of a trial that has one."""
    assert trial.value is not None
    return trial.value


def standard_error(one: FrozenTrial, other: FrozenTrial) -> float:
    """Standard error of the difference of two trials' metrics, which were drawn together."""
    drawn, against = (np.array(each.user_attrs[DRAWS], dtype=np.float64) for each in (one, other))
    if drawn.shape != against.shape:
        raise InputError(JOURNAL, f"is damaged (trial {one.number})", "start another search")
    differences = drawn - against
    defined = differences[np.isfinite(differences)]
    return float(defined.std(ddof=1)) if len(defined) > 1 else 0.0
