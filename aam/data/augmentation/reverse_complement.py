"""The other strand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aam.data.augmentation.augmentation import Chance, OfSequences, Strength
from aam.data.augmentation.registry import register_augmentation

if TYPE_CHECKING:
    import numpy as np


class ReverseComplement(OfSequences):
    """Samples whose sequences are read from the other strand, so that a network may learn to take either.

    References
    ----------
    Zhou, Shrikumar, Kundaje (2022), Towards a better understanding of reverse-complement equivariance for deep learning
    models in genomics, Proceedings of Machine Learning Research 165:1 (no DOI; reverse complements as augmentation).
    """

    name = "reverse-complement"
    strength = Strength("share of the samples that are read from the other strand", 0.0, 1.0)
    order = 60

    def of_sample(self, strength: float, rng: np.random.Generator, epoch: int) -> float:
        """1 for a sample that is turned around, else 0."""
        return float(rng.random() < strength)

    def changed(
        self, tokens_UL: np.ndarray, bases_U: np.ndarray, value_U: np.ndarray, strength: float, chance: Chance
    ) -> tuple[np.ndarray, np.ndarray]:
        """As of :meth:`OfSequences.changed <aam.data.augmentation.augmentation.OfSequences.changed>`."""
        import numpy as np

        from aam.data.readers.strand import SequenceSet

        turned_UL = SequenceSet(tokens_UL, np.ones(len(tokens_UL))).turned.tokens
        return np.where(value_U[:, None] > 0, turned_UL, tokens_UL), bases_U


register_augmentation(ReverseComplement())
