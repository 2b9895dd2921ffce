"""A control that has learned nothing, and models that have no network."""

from __future__ import annotations

import dataclasses

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


def forest(asked: Subject) -> ForestLearner:
    learner = ForestLearner(Task(targets=Targets(specs=(REGRESSION,))), ForestSettings(n_estimators=2, max_grown=2))
    return learner.fit(asked.study, asked.rows, np.linspace(-1, 1, 5)[:, None])


def test_a_model_without_a_network_is_not_looked_into() -> None:
    asked = subject()
    without = ExplainedModel(predictor=predictor_of([forest(asked)], Combination()))
    reasons = {METHODS[name].unable(dataclasses.replace(asked, model=without)) for name in OF_NETWORKS}
    assert reasons == {"the model has no network (its learners: forest)"}
    assert not any(METHODS[name].unable(asked) for name in OF_NETWORKS)
    with pytest.raises(ConfigError, match="random weights: the model has no network"):
        randomised(without)


def test_of_a_blend_the_network_is_looked_into() -> None:
    asked = subject()
    weights = ((0.4,), (0.6,))
    blend = ExplainedModel(predictor=predictor_of([forest(asked), network()], Combination(weights=weights)))
    found = METHODS["abundance-gradients"].explain(dataclasses.replace(asked, model=blend))
    alone = METHODS["abundance-gradients"].explain(asked)
    assert [one.learner for one in found] == ["network"] * 2
    assert found[0].effect_GO == pytest.approx(alone[0].effect_GO, nan_ok=True)
    control = randomised(blend).predictor.learners
    assert control[0] is blend.predictor.learners[0]
    assert control[1] is not blend.predictor.learners[1]
