"""Masked nucleotides: the bases of the ASVs that are hidden from the model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aam.alphabet import NUM_BASES
from aam.config import ModelOptions, ObjectiveOptions, PretrainConfig, TrainConfig
from aam.errors import ConfigError
from aam.evaluation.catalogue import Metric
from aam.models.objectives.objective import Given, Measured, Objective
from aam.models.objectives.registry import register_objective
from aam.models.size_estimate import linear_parameters

if TYPE_CHECKING:
    import torch

    from aam.data.batches.batch import Batch
    from aam.models.heads import SelfSupervisedHead


class Nucleotides(Objective):
    """Which of the four bases stands at each masked place."""

    name = "nucleotides"
    head_name = "nucleotide"
    weight_option = "nuc_penalty"
    loss_label = "Nucleotide loss"
    short_label = "bases"
    metrics = (
        Measured(
            "nucleotide_accuracy",
            "accuracy",
            Metric("Nucleotide accuracy", "of masked bases", is_share=True),
        ),
    )
    hides = True

    def is_in_model(self, config: PretrainConfig | TrainConfig) -> bool:
        """Learned, or kept from pre-training to be measured in validation alone."""
        is_kept = isinstance(config, TrainConfig) and config.transfer.skip_nuc_predictions is False
        return is_kept or super().is_in_model(config)

    def check(self, options: ObjectiveOptions, given: Given) -> None:
        """Some bases must be masked."""
        if not options.nuc_mask_ratio:
            raise ConfigError("--nuc-mask-ratio 0 masks nothing: set --nuc-penalty 0 as well")

    def head(self, model: ModelOptions, num_classes: int) -> SelfSupervisedHead:
        """A linear map of the patch's vector to the bases of all its places."""
        from aam.models.heads import NucleotideHead

        return NucleotideHead(self.head_name, model.embedding_dim, model.nucleotide_patch)

    def num_parameters(self, model: ModelOptions, num_classes: int) -> int:
        """Four outputs for each place of a patch."""
        return linear_parameters(model.embedding_dim, model.nucleotide_patch * NUM_BASES)

    def hide(
        self, batch: Batch, options: ObjectiveOptions, model: ModelOptions, generator: torch.Generator
    ) -> dict[str, torch.Tensor]:
        """Mask bases of the distinct ASVs."""
        from aam.data.batches.corruption import mask_bases

        masked_UL = mask_bases(batch.tokens_UL, options.nuc_mask_ratio, options.nuc_mask_strategy, generator)
        return {"masked_UL": masked_UL}


register_objective(Nucleotides())
