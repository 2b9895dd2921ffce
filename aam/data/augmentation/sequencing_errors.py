"""Wrong bases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aam.data.augmentation.augmentation import Chance, OfSequences, Strength
from aam.data.augmentation.registry import register_augmentation

if TYPE_CHECKING:
    import numpy as np

SUBSTITUTED, INSERTED = 0.8, 0.1
"""Shares of the errors; the rest are deletions. On Illumina most are substitutions."""


class SequencingErrors(OfSequences):
    """Substitutions, insertions and deletions at a rate for each base.

    All samples of an epoch share the errors of an ASV, which is still encoded once; the next epoch has others. A
    sequence never grows: what an insertion moves beyond its end is lost, as a sequencer reads a fixed number of bases.

    References
    ----------
    Schirmer et al. (2015), Insight into biases and sequencing errors for amplicon sequencing with the Illumina MiSeq
    platform, Nucleic Acids Research 43:e37, doi:10.1093/nar/gku1341.
    """

    name = "sequencing-errors"
    strength = Strength("errors for each base", 0.0, 0.2)
    order = 40
    differs_by_sample = False

    def of_sample(self, strength: float, rng: np.random.Generator, epoch: int) -> float:
        """The epoch."""
        return float(epoch)

    def changed(
        self, tokens_UL: np.ndarray, bases_U: np.ndarray, value_U: np.ndarray, strength: float, chance: Chance
    ) -> tuple[np.ndarray, np.ndarray]:
        """As of :meth:`OfSequences.changed <aam.data.augmentation.augmentation.OfSequences.changed>`."""
        import numpy as np

        from aam.alphabet import NUM_BASES, A

        length = tokens_UL.shape[1]
        is_there_UL = np.arange(length) < bases_U[:, None]
        kind_UL = np.where(is_there_UL, chance(value_U, "errors") / max(strength, 1e-12), 1.0)
        step_UL = (1 + chance(value_U, "bases") * (NUM_BASES - 1)).astype(np.uint8)  # 1, 2 or 3
        is_base_UL = (tokens_UL >= A) & (tokens_UL < A + NUM_BASES)
        other_UL = (np.where(is_base_UL, tokens_UL - A, 0) + step_UL) % NUM_BASES + A
        found_UL = np.where(kind_UL < SUBSTITUTED, other_UL, tokens_UL).astype(np.uint8)
        is_inserted_UL = (kind_UL >= SUBSTITUTED) & (kind_UL < SUBSTITUTED + INSERTED)
        is_lost_UL = (kind_UL >= SUBSTITUTED + INSERTED) & (kind_UL < 1)
        is_lost_UL[:, 0] = False
        return _laid_out(found_UL, other_UL, bases_U, 1 + is_inserted_UL - is_lost_UL.astype(np.int64) * is_there_UL)


def _laid_out(
    found_UL: np.ndarray, new_UL: np.ndarray, bases_U: np.ndarray, number_UL: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Sequences of which each base is there so many times: not, once, or with a new base before it."""
    import numpy as np

    is_there_UL = np.arange(found_UL.shape[1]) < bases_U[:, None]
    number_UL = np.where(is_there_UL, number_UL, 0)
    end_UL = number_UL.cumsum(axis=1)
    laid_UL = np.zeros_like(found_UL)  # PAD
    for is_some_UL, values_UL, place_UL in (
        (number_UL > 0, found_UL, end_UL - 1),
        (number_UL > 1, new_UL, end_UL - 2),
    ):
        rows, columns = np.nonzero(is_some_UL & (place_UL < bases_U[:, None]))
        laid_UL[rows, place_UL[rows, columns]] = values_UL[rows, columns]
    return laid_UL, np.minimum(end_UL[:, -1], bases_U).astype(bases_U.dtype)


register_augmentation(SequencingErrors())
