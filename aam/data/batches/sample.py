"""A sample as it is drawn, before it stands in a batch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aam.data.batches.augmenter import Partner


@dataclass(frozen=True)
class Sample:
    """One sample as drawn for one epoch. ASVs are columns of the study, ascending.

    Attributes
    ----------
    row
        Its row in the study.
    asvs, counts
        The ASVs that the model sees, at most as many as the token limit, and their reads.
    all_asvs, all_counts
        The draw before the token limit cut it, from which distances and diversity are computed.
    partner
        What it is mixed with, where it is.
    sequences
        What is done to its sequences: a number for each augmentation that changes some.
    earlier
        Earlier samples of its subject as drawn for the same epoch, the latest first, and the time since each.
    """

    row: int
    asvs: np.ndarray
    counts: np.ndarray
    all_asvs: np.ndarray
    all_counts: np.ndarray
    partner: Partner | None = None
    sequences: tuple[float, ...] = ()
    earlier: tuple[tuple[float, Sample], ...] = ()
