"""Distances, Faith PD and, where there is one, the taxonomy, learned together."""

from __future__ import annotations

from aam.config import ObjectiveOptions
from aam.data.distances.measure import DISTANCES, ON_A_TREE
from aam.models.objectives.distance import DistanceObjective
from aam.models.objectives.faith_pd import FaithPD
from aam.models.objectives.objective import Given, Objective
from aam.models.objectives.registry import register_objective
from aam.models.objectives.taxonomy import Taxonomy

ON_THE_TREE = (DistanceObjective(DISTANCES[ON_A_TREE]), FaithPD())


class Combined(Objective):
    """All objectives on tree and taxonomy; its parts are what is learned."""

    name = "combined"
    head_name = loss_label = ""
    metrics = ()

    def parts(self, has_classes: bool) -> tuple[Objective, ...]:
        """Taxa are learned where they are known."""
        return (*ON_THE_TREE, Taxonomy()) if has_classes else ON_THE_TREE

    def check(self, options: ObjectiveOptions, given: Given) -> None:
        """All but the taxonomy must be possible."""
        FaithPD().check(options, given)


register_objective(Combined())
