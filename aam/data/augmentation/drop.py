"""Losing ASVs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aam.data.augmentation.augmentation import Drawn, OfReads, Other, Strength
from aam.data.augmentation.registry import register_augmentation

if TYPE_CHECKING:
    import numpy as np


class Drop(OfReads):
    """A sample without some of its ASVs; one stays at least.

    The share of the ASVs that are lost is drawn evenly between 0 and the strength: dropout of inputs.

    References
    ----------
    Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov (2014), Dropout: a simple way to prevent neural networks
    from overfitting, Journal of Machine Learning Research 15:1929 (no DOI; https://jmlr.org/papers/v15/srivastava14a).
    """

    name = "drop"
    strength = Strength("largest share of the ASVs that are lost", 0.0, 0.99)
    order = 20

    def changed(self, sample: Drawn, strength: float, rng: np.random.Generator, other: Other) -> Drawn:
        """As of :meth:`OfReads.changed <aam.data.augmentation.augmentation.OfReads.changed>`."""
        from aam.data.study.perturbation import lose_asvs

        return Drawn(*lose_asvs(sample.asvs, sample.reads, rng.uniform(0, strength), rng))


register_augmentation(Drop())
