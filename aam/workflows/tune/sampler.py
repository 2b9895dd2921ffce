"""Which options a trial tries: a tree-structured Parzen estimator that draws by the seed and the trial's place.

A trial's draws depend on the seed, its place and what the trials before it found, and on nothing else: a search in one
process that was stopped goes on as if it had not been.

References
----------
Bergstra et al. (2011), Algorithms for hyper-parameter optimization, NIPS 24. Watanabe (2023), Tree-structured Parzen
estimator: understanding its algorithm components, arXiv:2304.11127.
"""

from __future__ import annotations

import warnings
import zlib
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, TPESampler
from optuna.trial import FrozenTrial, Trial

from aam.config import TrainConfig, replace, to_flat
from aam.config.tuning.space import Dimension, Space, as_choice, is_live

PLACE = "place"
"""Attribute of a trial: how many came before it, where a trial that is repeated takes the place of the one it repeats.
"""
RANDOM_FIRST = 10
"""Trials before the first that learns from others."""


class PlacedSampler(BaseSampler):
    """The estimator with draws of their own for each place.

    Parameters
    ----------
    seed
        Seed of the search.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._own: dict[int, TPESampler] = {}

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """What is drawn together."""
        return self._of(trial).infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Draw it."""
        return self._of(trial).sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Draw one option alone."""
        own = _estimator(self.seed, trial, param_name)
        return own.sample_independent(study, trial, param_name, param_distribution)

    def _of(self, trial: FrozenTrial) -> TPESampler:
        if trial.number not in self._own:
            self._own = {trial.number: _estimator(self.seed, trial, "")}
        return self._own[trial.number]


def _estimator(seed: int, trial: FrozenTrial, name: str) -> TPESampler:
    place = int(trial.user_attrs.get(PLACE, trial.number))
    drawn = np.random.SeedSequence([seed, place, zlib.crc32(name.encode())]).generate_state(1)[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return TPESampler(
            seed=int(drawn),
            n_startup_trials=RANDOM_FIRST,
            multivariate=True,
            group=True,
            constant_liar=True,
        )


def default_values(space: Space, config: TrainConfig) -> dict[str, Any]:
    """The untuned values of those options whose default lies in the space."""
    flat = to_flat(config)
    found = {one.name: as_choice(flat[one.name]) for one in space if is_live(one, config)}
    return {one.name: found[one.name] for one in space if one.name in found and one.holds(found[one.name])}


def note_defaults(trial: Trial, space: Space, values: dict[str, Any]) -> None:
    """Note the untuned values as what a trial tried."""
    for one in space:
        if one.name in values:
            suggest_one(trial, one)


def suggested_config(trial: Trial, space: Space, config: TrainConfig) -> TrainConfig:
    """The configuration of a trial: option by option, those that nothing reads by then left as they are.

    Raises
    ------
    ConfigError
        If the values do not go together.
    """
    for one in space:
        if is_live(one, config):
            config = replace(config, **{one.name: one.readable(suggest_one(trial, one))})
    return config


def suggest_one(trial: Trial, one: Dimension) -> Any:
    """A value of one option."""
    if one.choices:
        return trial.suggest_categorical(one.name, one.choices)
    assert one.low is not None
    assert one.high is not None
    if one.is_whole:
        return trial.suggest_int(one.name, int(one.low), int(one.high), log=one.log)
    return trial.suggest_float(one.name, one.low, one.high, log=one.log)
