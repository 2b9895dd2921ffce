"""A control that has learned nothing, and models that have no network."""

from __future__ import annotations

import numpy as np
import pytest

from aam.data.targets.targets import Targets
from aam.errors import ConfigError
from aam.explain.catalogue import METHODS
from aam.explain.method import Subject
from aam.explain.model import ExplainedModel
from aam.explain.network.random_weights import randomised
from aam.learners.predictor import Combination, predictor_of
from aam.learners.protocol import Task
from aam.learners.trees.forest import ForestLearner, ForestSettings
from tests.explain.network.cases import network, subject
from tests.models.model_cases import REGRESSION

OF_NETWORKS = ("abundance-gradients", "identity-gradients", "attention", "rollout", "base-attention")


def test_random_weights_are_of_the_same_sizes_and_seeded() -> None:
    asked = subject(network(), network())
    said = [randomised(asked.model, seed).predictor for seed in (1, 1, 2)]
    first, same, other = (one.predict(asked.study, asked.rows) for one in said)
    assert (first == same).all()
    assert np.abs(first - other).min() > 0
    arrays, own = said[0].learners[0].to_arrays(), asked.model.predictor.learners[0].to_arrays()
    assert {name: a.shape for name, a in arrays.arrays.items()} == {name: a.shape for name, a in own.arrays.items()}
    assert arrays.facts == own.facts
    # Each network of an ensemble has weights of its own.
    members = [one.predict(asked.study, asked.rows) for one in said[0].learners]
    assert np.abs(members[0] - members[1]).min() > 0


def forest(asked: Subject) -> ExplainedModel:
    learner = ForestLearner(Task(targets=Targets(specs=(REGRESSION,))), ForestSettings(seed=1, max_grown=2))
    learner.fit(asked.study, asked.rows, np.linspace(-1, 1, 5)[:, None])
    return ExplainedModel(predictor=predictor_of([learner], Combination()))


def test_a_model_without_a_network_is_not_looked_into() -> None:
    asked = subject()
    without = Subject(model=forest(asked), study=asked.study, rows=asked.rows, groups=asked.groups, unit_N=asked.rows)
    reasons = {METHODS[name].unable(without) for name in OF_NETWORKS}
    assert reasons == {"the model has no network (its learners: forest)"}
    assert not any(METHODS[name].unable(asked) for name in OF_NETWORKS)
    with pytest.raises(ConfigError, match="random weights: the model has no network"):
        randomised(without.model)
