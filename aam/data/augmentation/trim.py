"""Shorter reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aam.data.augmentation.augmentation import Chance, OfSequences, Strength
from aam.data.augmentation.registry import register_augmentation

if TYPE_CHECKING:
    import numpy as np

LENGTHS = 4
"""Different lengths: samples of one length share the vectors of their ASVs."""


class Trim(OfSequences):
    """All sequences of a sample trimmed to a share of their bases, as of studies of shorter reads.

    The share is one of four, evenly spread from the strength to 1. ASVs that become identical stay apart.

    References
    ----------
    Amir et al. (2017), Deblur rapidly resolves single-nucleotide community sequence patterns, mSystems 2:e00191-16,
    doi:10.1128/mSystems.00191-16 (studies are combined at the shortest of their lengths).
    """

    name = "trim"
    strength = Strength("lowest share of the bases", 0.1, 1.0)
    order = 50

    def of_sample(self, strength: float, rng: np.random.Generator, epoch: int) -> float:
        """The share of the bases that stays."""
        return 1 - (1 - strength) * int(rng.integers(LENGTHS)) / (LENGTHS - 1)

    def changed(
        self, tokens_UL: np.ndarray, bases_U: np.ndarray, value_U: np.ndarray, strength: float, chance: Chance
    ) -> tuple[np.ndarray, np.ndarray]:
        """As of :meth:`OfSequences.changed <aam.data.augmentation.augmentation.OfSequences.changed>`."""
        import numpy as np

        from aam.alphabet import PAD

        kept_U = np.maximum(1, np.rint(value_U * bases_U)).astype(bases_U.dtype)
        is_kept_UL = np.arange(tokens_UL.shape[1]) < kept_U[:, None]
        return np.where(is_kept_UL, tokens_UL, np.uint8(PAD)), kept_U


register_augmentation(Trim())
