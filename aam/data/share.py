"""What one of several processes has of a batch that they compute together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Counted = Literal["samples", "bases", "abundances", "taxa"]
"""What a loss is a mean over: samples (or pairs of them), masked bases, hidden abundances, ASVs of known taxon."""


@dataclass(frozen=True, kw_only=True)
class Share:
    """What one process has of a batch.

    Attributes
    ----------
    rank, world_size
        This process, and the number of processes.
    whole_size, whole_asvs
        Samples and distinct ASVs of the whole batch.
    samples, bases, abundances, taxa
        The share of each that is counted here; the shares of all processes sum to 1.
    """

    rank: int
    world_size: int
    whole_size: int
    samples: float
    whole_asvs: int = 0
    bases: float = 0.0
    abundances: float = 0.0
    taxa: float = 0.0

    @property
    def own(self) -> slice:
        """Places of this process's samples in the whole batch."""
        return slice(self.rank, None, self.world_size)

    def of(self, counted: Counted) -> float:
        """The share of what a loss counts."""
        return {
            "samples": self.samples,
            "bases": self.bases,
            "abundances": self.abundances,
            "taxa": self.taxa,
        }[counted]
