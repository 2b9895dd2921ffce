"""The kinds of learners that a model folder may hold."""

from __future__ import annotations

from typing import TypeVar

from aam.learners.earlier.learner import WithEarlier
from aam.learners.kernel import KernelLearner
from aam.learners.network import NetworkLearner
from aam.learners.protocol import Learner
from aam.learners.trees.extra_trees import CladeTreesLearner
from aam.learners.trees.forest import ForestLearner

LearnerT = TypeVar("LearnerT", bound=type[Learner])

LEARNERS: dict[str, type[Learner]] = {}
"""Kind -> class."""


def register(cls: LearnerT) -> LearnerT:
    """Add a kind of learner, as a decorator of its class; one of the same name is replaced."""
    LEARNERS[cls.kind] = cls
    return cls


register(NetworkLearner)
register(ForestLearner)
register(CladeTreesLearner)
register(KernelLearner)
register(WithEarlier)
WithEarlier.known = LEARNERS
