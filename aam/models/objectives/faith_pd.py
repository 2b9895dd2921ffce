"""Faith's phylogenetic diversity of a sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aam.config import ObjectiveOptions
from aam.data.batches.truths import DrawnSamples, TruthFormula
from aam.data.distances.measure import WITHOUT_A_TREE
from aam.errors import ConfigError
from aam.evaluation.catalogue import Metric
from aam.models.objectives.objective import Given, Measured, SampleNumber
from aam.models.objectives.registry import register_objective

if TYPE_CHECKING:
    import numpy as np

    from aam.data.study.study import Study
    from aam.phylogeny.unifrac import Phylogeny


class FaithPD(SampleNumber):
    """The length of all branches of the tree above a sample's ASVs."""

    name = head_name = "faith_pd"
    loss_label = "Faith PD loss"
    metrics = (
        Measured(
            "faith_pd_correlation",
            "correlation",
            Metric("Faith PD correlation", "between predicted and true phylogenetic diversity", has_scale=True),
        ),
    )

    def check(self, options: ObjectiveOptions, given: Given) -> None:
        """It is a length in the tree; distances do not have it."""
        if not given.tree:
            raise ConfigError(f"--encoder-type {options.encoder_type} needs --tree; without one try {WITHOUT_A_TREE}")

    def truth(self, study: Study, options: ObjectiveOptions) -> TruthFormula:
        """Computed on the study's tree."""
        assert study.phylogeny is not None
        return DrawnDiversity(study.phylogeny)


@dataclass(frozen=True)
class DrawnDiversity:
    """Faith PD of the reads as drawn."""

    phylogeny: Phylogeny

    def __call__(self, drawn: DrawnSamples) -> np.ndarray:
        """Diversity ``B``, in the tree's unit."""
        return self.phylogeny.faith_pd(drawn.counts_BA)


register_objective(FaithPD())
