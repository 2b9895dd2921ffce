"""Reads of other samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aam.data.augmentation.augmentation import Drawn, OfReads, Other, Strength
from aam.data.augmentation.registry import register_augmentation

if TYPE_CHECKING:
    import numpy as np


class Contaminate(OfReads):
    """A sample of which some reads are replaced by reads of another training sample, as between wells of a plate.

    The share of foreign reads is drawn evenly between 0 and the strength; the target and the depth stay.

    References
    ----------
    Minich et al. (2019), Quantifying and understanding well-to-well contamination in microbiome research,
    mSystems 4:e00186-19, doi:10.1128/mSystems.00186-19.
    """

    name = "contaminate"
    strength = Strength("largest share of reads of another sample", 0.0, 0.99)
    order = 10
    adds_asvs = True

    def changed(self, sample: Drawn, strength: float, rng: np.random.Generator, other: Other) -> Drawn:
        """As of :meth:`OfReads.changed <aam.data.augmentation.augmentation.OfReads.changed>`."""
        from aam.data.study.perturbation import contaminate

        foreign = other(rng)
        return sample if foreign is None else Drawn(*contaminate(sample, foreign, rng.uniform(0, strength), rng))


register_augmentation(Contaminate())
