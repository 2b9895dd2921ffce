"""The members of a blend: which of the catalogue's learners a study can have, and how each is made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aam.config.tuning.settings import LearnerSettings
from aam.learners.catalogue import FOREST, LABELS, NETWORK, WITHOUT_DNA
from aam.learners.kernel import KernelLearner
from aam.learners.protocol import Learner, Task
from aam.learners.reference import PHYLOGENY
from aam.learners.similarity import SIMILARITIES
from aam.learners.trees.extra_trees import MAX_GROWN, CladeTreesLearner
from aam.learners.trees.forest import ForestLearner, ForestSettings

if TYPE_CHECKING:
    from aam.data.study.study import Study

TREES_PREFIX = "trees-"


@dataclass(frozen=True)
class Unable:
    """A learner that was asked for and cannot be in the blend.

    Attributes
    ----------
    name
        In the catalogue.
    reason
        In words.
    """

    name: str
    reason: str


def possible_members(names: Sequence[str], study: Study, *, has_encoder: bool) -> tuple[list[str], list[Unable]]:
    """The learners that a study can have, and why not the others.

    Parameters
    ----------
    names
        Single learners of the catalogue.
    study
        The study; its tree is the phylogeny.
    has_encoder
        Whether there is a pre-trained encoder.
    """
    able, unable = [], []
    for name in names:
        if name.endswith(PHYLOGENY) and study.tree is None:
            unable.append(Unable(name, "needs --tree"))
        elif name not in WITHOUT_DNA and not study.has_dna:
            unable.append(Unable(name, "needs DNA"))
        elif name.startswith("encoder-") and not has_encoder:
            unable.append(Unable(name, "needs --pretrained-encoder"))
        else:
            able.append(name)
    return able, unable


def new_member(name: str, task: Task, seed: int, network: Callable[[Task], Learner] | None = None) -> Learner:
    """A learner of the catalogue, not fitted.

    Parameters
    ----------
    name
        Its name.
    task
        What is to be learned; with a reference.
    seed
        Seed of its trees.
    network
        Makes the network, where it may be a member.
    """
    assert name in LABELS
    if name == FOREST:
        return ForestLearner(task, _forest_settings(task.settings, seed))
    if name == NETWORK:
        assert network is not None
        return network(task)
    if name.startswith(TREES_PREFIX):
        return CladeTreesLearner(task, name.removeprefix(TREES_PREFIX), seed)
    assert name in SIMILARITIES
    return KernelLearner(task, name)


def _forest_settings(given: LearnerSettings, seed: int) -> ForestSettings:
    """How the forest of a blend is grown."""
    own: dict[str, Any] = {} if given.trees is None else {"n_estimators": given.trees}
    own |= {"max_features": given.forest_max_features, "min_leaf": given.forest_leaf}
    return ForestSettings(seed=seed, max_grown=MAX_GROWN, **own)
