"""Abundances: how many of a sample's reads an ASV has, where that is hidden from the model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aam.config import ModelOptions, ObjectiveOptions
from aam.evaluation.catalogue import Metric
from aam.models.objectives.objective import Measured, Objective
from aam.models.objectives.registry import register_objective
from aam.models.size_estimate import linear_parameters

if TYPE_CHECKING:
    import torch

    from aam.data.batches.batch import Batch
    from aam.models.heads import SelfSupervisedHead


class Counts(Objective):
    """The log relative abundance of ASVs; of all, where the model sees no abundances (``--no-count-embedding``)."""

    name = "counts"
    head_name = "count"
    weight_option = "count_penalty"
    loss_label = "Abundance loss"
    metrics = (
        Measured(
            "count_correlation",
            "correlation",
            Metric("Abundance correlation", "between predicted and true relative abundances", has_scale=True),
        ),
    )
    hides = True

    def head(self, model: ModelOptions, num_classes: int) -> SelfSupervisedHead:
        """A linear map of the ASV's vector in its sample."""
        from aam.models.heads import CountHead

        return CountHead(self.head_name, model.embedding_dim)

    def num_parameters(self, model: ModelOptions, num_classes: int) -> int:
        """One output."""
        return linear_parameters(model.embedding_dim, 1)

    def hide(
        self, batch: Batch, options: ObjectiveOptions, model: ModelOptions, generator: torch.Generator
    ) -> dict[str, torch.Tensor]:
        """Hide abundances, where the model sees any."""
        from aam.data.batches.corruption import hide_abundances

        if not model.count_embedding:
            return {}
        return {"hidden_BS": hide_abundances(batch.mask_BS, options.count_mask_ratio, generator)}


register_objective(Counts())
