"""The weighted mean of two samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aam.data.augmentation.augmentation import Mixing
from aam.data.augmentation.registry import register_augmentation

if TYPE_CHECKING:
    import numpy as np

    from aam.phylogeny.clade_ranges import CladeRanges


class Mixup(Mixing):
    """The mean of two compositions, weighted by a share of a Beta(2, 2) distribution.

    Relative abundances are mixed and not counts, so that a sample of many reads does not outweigh the other.

    References
    ----------
    Zhang, Cisse, Dauphin, Lopez-Paz (2018), mixup: beyond empirical risk minimization, ICLR,
    doi:10.48550/arXiv.1710.09412.
    """

    name = "mixup"

    def mixed(
        self,
        first: np.ndarray,
        second: np.ndarray,
        share: float,
        rng: np.random.Generator,
        clades: CladeRanges | None = None,
    ) -> np.ndarray:
        """As of :meth:`Mixing.mixed <aam.data.augmentation.augmentation.Mixing.mixed>`."""
        return share * first + (1 - share) * second


register_augmentation(Mixup())
