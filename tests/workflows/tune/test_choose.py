from __future__ import annotations

import numpy as np
import optuna
import pytest
from optuna.trial import FrozenTrial

from aam.errors import InputError
from aam.workflows.tune.choose import choose, standard_error
from aam.workflows.tune.trials import DEFAULT, DRAWS, SECONDS

SHARED = np.random.default_rng(1).normal(0, 1, 200)
"""What groups do to all trials alike."""


def trial(number: int, value: float, seconds: float, noise: float = 0.0, *, default: bool = False) -> FrozenTrial:
    draws = value + SHARED + np.random.default_rng(number).normal(0, noise, 200) if noise else value + SHARED
    attributes = {SECONDS: seconds, DRAWS: draws.tolist()} | ({DEFAULT: True} if default else {})
    found = optuna.create_trial(value=value, user_attrs=attributes)
    found.number = number
    return found


def test_the_error_is_that_of_the_difference() -> None:
    one, other = trial(0, 3.0, 1), trial(1, 2.0, 1)
    assert standard_error(one, other) == pytest.approx(0, abs=1e-12), "what they share is no error of the difference"
    assert standard_error(trial(0, 3.0, 1, 0.5), other) == pytest.approx(0.5, rel=0.2)


def test_the_cheapest_within_one_error_is_chosen() -> None:
    trials = [trial(0, 1.0, 9, 0.1), trial(1, 1.05, 5, 0.1), trial(2, 1.04, 7, 0.1), trial(3, 1.9, 1, 0.1)]
    found = choose(trials, -1)
    assert found.best.number == 0
    assert found.trial.number == 1
    assert found.within == (0, 1, 2)
    assert found.error > 0.05


def test_larger_is_better_where_it_is() -> None:
    trials = [trial(0, 0.9, 9, 0.02), trial(1, 0.89, 2, 0.02), trial(2, 0.5, 1, 0.02)]
    assert choose(trials, 1).trial.number == 1
    assert choose(trials, -1).best.number == 2


def test_of_those_about_as_fast_the_best_is_chosen() -> None:
    trials = [trial(0, 1.0, 9, 0.1), trial(1, 1.05, 5, 0.1), trial(2, 1.04, 5.9, 0.1)]
    assert choose(trials, -1).trial.number == 2


def test_the_choice_is_never_worse_than_the_default() -> None:
    trials = [trial(0, 1.03, 8, 0.1, default=True), trial(1, 1.05, 1, 0.1), trial(2, 1.0, 9, 0.1)]
    found = choose(trials, -1)
    assert found.within == (0, 1, 2)
    assert found.trial.number in (0, 2)


def test_draws_of_other_lengths_are_told() -> None:
    other = trial(1, 2.0, 1)
    other.set_user_attr(DRAWS, [1.0])
    with pytest.raises(InputError, match="is damaged"):
        standard_error(trial(0, 3.0, 1), other)


def test_one_trial_is_the_choice() -> None:
    found = choose([trial(0, 1.0, 9)], -1)
    assert (found.trial.number, found.best.number, found.within, found.error) == (0, 0, (0,), 0.0)
