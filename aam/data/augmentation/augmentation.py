"""What an augmentation is: all that the rest of the program asks of it.

Augmentations start without NumPy, so that options can be read quickly.
Legend: ``S`` ASVs of a sample, ``U`` sequences of a batch, ``L`` bases.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple

if TYPE_CHECKING:
    import numpy as np

    from aam.phylogeny.clade_ranges import CladeRanges


@dataclass(frozen=True)
class Strength:
    """What the strength of an augmentation means, and its range, whose ends it may have.

    Attributes
    ----------
    words
        What it is.
    least, most
        The range.
    """

    words: str
    least: float
    most: float


class Drawn(NamedTuple):
    """Reads of a sample: ASVs as columns of the study, ascending, and how many reads each has, above 0."""

    asvs: np.ndarray
    reads: np.ndarray


Other = Callable[["np.random.Generator"], Drawn | None]
"""Gives the draw of another training sample; None where there is no other."""


class Augmentation(ABC):
    """One way to change training samples. Subclass one of the three below, and register an object of the class.

    Attributes
    ----------
    name
        As options name it.
    strength
        What its strength is.
    order
        Augmentations are applied in this order: as in nature and in the laboratory, what comes first has the lower one.
    adds_asvs
        Whether a sample may have ASVs of another one afterwards.
    """

    name: ClassVar[str]
    strength: ClassVar[Strength]
    order: ClassVar[int]
    adds_asvs: ClassVar[bool] = False


class OfReads(Augmentation):
    """Changes the reads of a sample; its target stays."""

    @abstractmethod
    def changed(self, sample: Drawn, strength: float, rng: np.random.Generator, other: Other) -> Drawn:
        """The sample as it is learned from, with a read at least.

        Parameters
        ----------
        sample
            As it was drawn.
        strength
            How strongly to change it.
        rng
            Source of the random numbers.
        other
            Draws another training sample.
        """


SHAPE = 2.0
"""Both shape parameters of the Beta distribution of shares, as in PhyloMix and scikit-bio."""


class Mixing(Augmentation):
    """Mixes a sample with another, and their targets by the same share. The strength is the share that is mixed.

    Attributes
    ----------
    within_class
        Whether samples of classes are mixed within their class.
    needs_clades
        Whether it needs clades of the ASVs.
    """

    strength = Strength("share of the samples that are mixed with another", 0.0, 1.0)
    order = 0
    adds_asvs = True
    within_class: ClassVar[bool] = False
    needs_clades: ClassVar[bool] = False

    def share(self, rng: np.random.Generator) -> float:
        """Share of the first sample in the mixture and its target, between 0 and 1: Beta-distributed."""
        return float(rng.beta(SHAPE, SHAPE))

    @abstractmethod
    def mixed(
        self,
        first: np.ndarray,
        second: np.ndarray,
        share: float,
        rng: np.random.Generator,
        clades: CladeRanges | None = None,
    ) -> np.ndarray:
        """Abundances of the mixture (``S``, float64), in any unit; all 0 where the two cannot be mixed.

        Parameters
        ----------
        first, second
            Relative abundances of the two over the ASVs that one of them has.
        share
            As of :meth:`share`.
        rng
            Source of the random numbers.
        clades
            Clades of these ASVs, where they are needed.
        """


class OfSequences(Augmentation):
    """Changes the sequences of the ASVs; counts and target stay.

    Attributes
    ----------
    differs_by_sample
        Whether the samples of a batch may have an ASV changed in different ways.
    """

    differs_by_sample: ClassVar[bool] = True

    @abstractmethod
    def of_sample(self, strength: float, rng: np.random.Generator, epoch: int) -> float:
        """What is done to all sequences of a sample, as a number: samples of the same number share sequences."""

    @abstractmethod
    def changed(
        self, tokens_UL: np.ndarray, bases_U: np.ndarray, value_U: np.ndarray, strength: float, chance: Chance
    ) -> tuple[np.ndarray, np.ndarray]:
        """The sequences as they are learned from, and their numbers of bases, none of which grows.

        Parameters
        ----------
        tokens_UL, bases_U
            Codes of :mod:`aam.alphabet`, padded at the end, and numbers of bases.
        value_U
            What :meth:`of_sample` gave.
        strength
            How strongly to change them.
        chance
            Random numbers that depend on the seed and the sequences.
        """


Chance = Callable[["np.ndarray", str], "np.ndarray"]
"""Uniform numbers ``U x L`` for each sequence and place, by a number for each sequence (the epoch) and a word."""
