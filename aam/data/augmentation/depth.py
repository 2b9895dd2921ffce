"""Rarefying to varying depths."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aam.data.augmentation.augmentation import Drawn, OfReads, Other, Strength
from aam.data.augmentation.registry import register_augmentation

if TYPE_CHECKING:
    import numpy as np


class Depth(OfReads):
    """A sample with some of its reads, drawn without replacement.

    The share of the reads is drawn between the strength and 1, evenly on a logarithmic scale, so that half of the
    reads is as likely as half of these again.

    References
    ----------
    Willis (2019), Rarefaction, alpha diversity, and statistics, Frontiers in Microbiology 10:2407,
    doi:10.3389/fmicb.2019.02407.
    """

    name = "depth"
    strength = Strength("lowest share of the reads", 0.01, 1.0)
    order = 30

    def changed(self, sample: Drawn, strength: float, rng: np.random.Generator, other: Other) -> Drawn:
        """As of :meth:`OfReads.changed <aam.data.augmentation.augmentation.OfReads.changed>`."""
        from aam.data.study.rarefaction import rarefy

        share = strength ** rng.random()
        reads = rarefy(sample.reads, max(1, round(share * int(sample.reads.sum()))), rng)
        return Drawn(sample.asvs[reads > 0], reads[reads > 0])


register_augmentation(Depth())
