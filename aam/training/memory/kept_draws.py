"""How many rarefied draws of its samples a run with a frozen encoder keeps, and where: known before it begins."""

from __future__ import annotations

from dataclasses import dataclass

from aam.config import ModelOptions, TrainConfig
from aam.data.batches.loaders import StudyDataModule
from aam.models.size_estimate import BYTES

DRAWS = 16
"""Rarefied draws of the training samples that a frozen run goes round."""
FEWEST_DRAWS = 4
"""With fewer the head would learn the draws by heart: then each epoch encodes its own."""
MOST_BYTES = 10**9
"""Memory for the vectors of all draws."""
MOST_BYTES_ON_DISK = 20 * 10**9
"""Room on disk for the vectors of all draws, where they do not fit into that memory."""


@dataclass(frozen=True)
class KeptDraws:
    """The draws that are kept. It depends on sizes alone, since a resumed run is to see the same draws anywhere.

    Attributes
    ----------
    draws
        Draws of the training samples; 0 where nothing is kept and every epoch encodes its own.
    on_disk
        Whether they are in files instead of memory.
    of_draw, of_validation
        Bytes of the vectors of one draw, and of the validation samples.
    """

    draws: int
    on_disk: bool = False
    of_draw: int = 0
    of_validation: int = 0

    def bytes(self, epochs: int | None = None) -> int:
        """Bytes of all that is kept after so many epochs; of all draws where left out."""
        made = self.draws if epochs is None else min(self.draws, epochs)
        return made * self.of_draw + self.of_validation if self.draws else 0


def keep_draws(
    num_train: int, num_validation: int, options: ModelOptions, is_random: bool, with_contexts: bool = False
) -> KeptDraws:
    """The draws of the training samples that can be kept, beside the validation samples.

    Parameters
    ----------
    num_train, num_validation
        Samples of the parts.
    options
        Widths of the model.
    is_random
        Whether one draw differs from another.
    with_contexts
        Whether the target's head reads the ASVs of a sample and not its vector alone: then there is nothing to keep.
    """
    if with_contexts:
        return KeptDraws(0)
    of_sample = BYTES * (options.embedding_dim + options.num_soft_clades)
    of_draw, of_validation = num_train * of_sample, num_validation * of_sample
    wanted, fewest = (DRAWS, FEWEST_DRAWS) if is_random else (1, 1)
    if wanted * of_draw + of_validation <= MOST_BYTES:
        return KeptDraws(wanted, False, of_draw, of_validation)
    fitting = (MOST_BYTES_ON_DISK - of_validation) // of_draw
    return KeptDraws(min(fitting, wanted), True, of_draw, of_validation) if fitting >= fewest else KeptDraws(0)


def kept_in_memory(config: TrainConfig, data: StudyDataModule, with_contexts: bool = False) -> int:
    """Bytes that a frozen run will hold on the host for its samples' vectors; what is on disk does not count."""
    split = data.split
    is_random = data.is_random(split.train)
    kept = keep_draws(len(split.train), len(split.validation), config.model, is_random, with_contexts)
    return 0 if kept.on_disk else kept.bytes(config.optim.epochs)
