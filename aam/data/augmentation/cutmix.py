"""Single ASVs of another sample."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aam.data.augmentation.augmentation import Mixing
from aam.data.augmentation.registry import register_augmentation

if TYPE_CHECKING:
    import numpy as np

    from aam.phylogeny.clade_ranges import CladeRanges


class CutMix(Mixing):
    """A sample that has each ASV's abundance of one of two samples at random: compositional CutMix.

    The chance is drawn evenly between 0 and 1, and the sum is 1 again afterwards. As published, samples of classes are
    mixed within their class, whose label the mixture keeps; numbers are mixed by the chance.

    References
    ----------
    Gordon-Rodriguez, Quinn, Cunningham (2022), Data augmentation for compositional data: advancing predictive models
    of the microbiome, NeurIPS 35:20551, doi:10.48550/arXiv.2205.09906.
    """

    name = "cutmix"
    within_class = True

    def share(self, rng: np.random.Generator) -> float:
        """Evenly distributed."""
        return float(rng.uniform(0, 1))

    def mixed(
        self,
        first: np.ndarray,
        second: np.ndarray,
        share: float,
        rng: np.random.Generator,
        clades: CladeRanges | None = None,
    ) -> np.ndarray:
        """As of :meth:`Mixing.mixed <aam.data.augmentation.augmentation.Mixing.mixed>`."""
        import numpy as np

        return np.where(rng.binomial(1, share, len(first)).astype(bool), first, second)


register_augmentation(CutMix())
