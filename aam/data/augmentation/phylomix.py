"""Whole clades of another sample."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from aam.data.augmentation.augmentation import Mixing
from aam.data.augmentation.registry import register_augmentation

if TYPE_CHECKING:
    import numpy as np

    from aam.phylogeny.clade_ranges import CladeRanges


class PhyloMix(Mixing):
    """A sample that has clades of another one: PhyloMix.

    Clades are chosen at random, until together they have a share of the ASVs (a Beta(2, 2) distribution); of the last
    one too many are left out. What the other sample has there replaces what the first has, scaled to the same sum.
    Clades are those of ``--tree``, else of a tree of the DNA (Ward's, of words of six bases), and of the ASVs that
    one of the two samples has: others are 0 in the mixture whatever is chosen.

    References
    ----------
    Jiang, Liao, Zhu, Lu (2025), PhyloMix: enhancing microbiome-trait association prediction through phylogeny-mixing
    augmentation, Bioinformatics 41:btaf014, doi:10.1093/bioinformatics/btaf014.
    """

    name = "phylomix"
    needs_clades = True

    def mixed(
        self,
        first: np.ndarray,
        second: np.ndarray,
        share: float,
        rng: np.random.Generator,
        clades: CladeRanges | None = None,
    ) -> np.ndarray:
        """As of :meth:`Mixing.mixed <aam.data.augmentation.augmentation.Mixing.mixed>`."""
        assert clades is not None
        chosen = _chosen(clades, math.ceil((1 - share) * len(first)), rng)
        total, other = float(first[chosen].sum()), float(second[chosen].sum())
        mixture = first.copy()
        if total > 0 and other > 0:
            mixture[chosen] = second[chosen] * (total / other)
        return mixture


def _chosen(clades: CladeRanges, number: int, rng: np.random.Generator) -> np.ndarray:
    """So many places, of whole clades in random order."""
    import numpy as np

    found: dict[int, None] = {}
    order = clades.order_S.tolist()
    for clade in rng.permutation(len(clades.start_C)).tolist():
        if len(found) >= number:
            break
        found.update(dict.fromkeys(order[clades.start_C[clade] : clades.end_C[clade]]))
    chosen = np.fromiter(found, dtype=np.int64, count=len(found))
    kept: np.ndarray = rng.permutation(chosen)[:number]
    return kept


register_augmentation(PhyloMix())
