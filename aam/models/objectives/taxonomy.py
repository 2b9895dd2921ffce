"""The taxon of each ASV at one level of the taxonomy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aam.config import ModelOptions, ObjectiveOptions
from aam.data.batches.truths import DrawnSamples, TruthFormula
from aam.errors import ConfigError
from aam.evaluation.catalogue import Metric
from aam.models.objectives.objective import Given, Measured, Objective
from aam.models.objectives.registry import register_objective
from aam.models.size_estimate import linear_parameters

if TYPE_CHECKING:
    import numpy as np

    from aam.data.study.study import Study
    from aam.models.heads import SelfSupervisedHead


class Taxonomy(Objective):
    """The taxa of the distinct ASVs of a batch, where they are known."""

    name = head_name = "taxonomy"
    loss_label = "Taxonomy loss"
    metrics = (Measured("taxonomy_accuracy", "accuracy", Metric("Taxonomy accuracy", "of ASVs", is_share=True)),)
    truth_of = "asvs"
    has_classes = True

    def check(self, options: ObjectiveOptions, given: Given) -> None:
        """It needs taxa."""
        if not given.taxonomy:
            raise ConfigError("--encoder-type taxonomy needs --taxonomy")

    def truth(self, study: Study, options: ObjectiveOptions) -> TruthFormula:
        """Looked up in the study."""
        assert study.taxonomy_labels is not None
        return KnownTaxa(study.taxonomy_labels)

    def head(self, model: ModelOptions, num_classes: int) -> SelfSupervisedHead:
        """A linear map of the ASV's vector to the taxa."""
        from aam.models.heads import AsvClassHead

        return AsvClassHead(self.head_name, model.embedding_dim, num_classes)

    def num_parameters(self, model: ModelOptions, num_classes: int) -> int:
        """An output for each taxon."""
        return linear_parameters(model.embedding_dim, num_classes)


@dataclass(frozen=True, eq=False)
class KnownTaxa:
    """The taxon of each ASV of the study, -1 if unknown."""

    taxonomy_A: np.ndarray

    def __call__(self, drawn: DrawnSamples) -> np.ndarray:
        """Taxa ``U``."""
        taxonomy_U: np.ndarray = self.taxonomy_A[drawn.asvs_U]
        return taxonomy_U


register_objective(Taxonomy())
