"""An objective as another program would bring it: the log number of a sample's ASVs, in one file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from aam.data.batches.truths import DrawnSamples, TruthFormula
from aam.evaluation.catalogue import Metric
from aam.models.objectives import Measured, SampleNumber

if TYPE_CHECKING:
    from aam.config import ObjectiveOptions
    from aam.data.study.study import Study


class Richness(SampleNumber):
    """How many different ASVs the drawn reads of a sample are of, on a log scale."""

    name = head_name = "richness"
    loss_label = "Loss of the richness"
    metrics = (
        Measured("richness_correlation", "correlation", Metric("Correlation of richness", "1 is perfect", True)),
        Measured("richness_error", "mae", Metric("Error of richness", "in standard deviations", False)),
    )

    def truth(self, study: Study, options: ObjectiveOptions) -> TruthFormula:
        """Counted in each draw."""
        return log_richness


def log_richness(drawn: DrawnSamples) -> np.ndarray:
    """Logs ``B`` of the numbers of ASVs."""
    richness_B: np.ndarray = np.log((drawn.counts_BA > 0).sum(axis=1))
    return richness_B
