"""The largest batches that training can meet: those of the samples that keep the most ASVs after rarefaction.

Nothing is drawn for it: the chance that an ASV is still there after rarefaction has a closed form.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from aam.config import AugmentationOptions, SamplingOptions
from aam.data.augmentation import OfSequences, find_augmentation
from aam.models.size_estimate import BatchSizes

if TYPE_CHECKING:
    from aam.data.study.study import Study

MOST_SAMPLES = 4096
"""Samples that are looked at on either side: the richest, and as many at random. A bound of time and memory."""
SPREADS = 3
"""Standard deviations above the mean of a draw's ASVs that are still expected to come."""


class Changes(NamedTuple):
    """Whether augmentation adds ASVs of other samples, and whether samples have sequences changed in different ways."""

    adds_asvs: bool = False
    of_sequences: bool = False

    @classmethod
    def of(cls, options: AugmentationOptions) -> Changes:
        """Those of the augmentations that are asked for."""
        chosen = [find_augmentation(name) for name, _ in options.strengths]
        differs = any(isinstance(one, OfSequences) and one.differs_by_sample for one in chosen)
        return cls(adds_asvs=any(one.adds_asvs for one in chosen), of_sequences=differs)


class WorstCase:
    """Sizes of the largest batches of some samples.

    Parameters
    ----------
    study
        Its counts and rarefaction depth.
    rows
        The training samples.
    sampling
        The token limit.
    changes
        What augmentation adds to them.

    Attributes
    ----------
    rows
        The samples with the most ASVs after rarefaction, the richest first.
    """

    def __init__(
        self, study: Study, rows: np.ndarray, sampling: SamplingOptions, changes: Changes | None = None
    ) -> None:
        self.study = study
        self.changes = changes or Changes()
        self.limit = sampling.token_limit
        self.num_samples = len(rows)
        raw = np.diff(study.table.counts.indptr)[rows]
        candidates = rows[np.argsort(-raw, kind="stable")[:MOST_SAMPLES]]
        _, chances, sample = self._chances(candidates)
        mean = np.bincount(sample, chances, len(candidates))
        spread = np.sqrt(np.bincount(sample, chances * (1 - chances), len(candidates)))
        order = np.argsort(-mean, kind="stable")
        self.rows = candidates[order]
        at_most = np.minimum(np.ceil(mean + SPREADS * spread), np.bincount(sample, minlength=len(candidates)))
        if self.changes.adds_asvs:
            at_most = at_most + at_most.max()
        self.richness = np.minimum(at_most, self.limit)[order]
        self.prevalence = self._prevalence(rows)

    def sizes(self, batch_size: int) -> BatchSizes:
        """Sizes of the largest batch of this many samples.

        The distinct ASVs are those of the richest samples, or of samples at random where these have more together.
        """
        samples = min(batch_size, self.num_samples)
        richness = self.richness[:samples]
        missing = samples - len(richness)
        places = int(richness.sum()) + missing * int(richness[-1])
        at_random = float((1 - (1 - self.prevalence) ** samples).sum())
        together = (1 + self.changes.adds_asvs) * max(at_random, self._together(self.rows[:samples]))
        distinct = math.ceil(places if self.changes.of_sequences else min(places, together))
        return BatchSizes(
            samples=samples,
            asvs=int(richness[0]),
            places=places,
            distinct=distinct,
            bases=self.study.longest_sequence,
        )

    def _together(self, rows: np.ndarray) -> float:
        """Expected number of distinct ASVs of these samples."""
        asvs, chances, _ = self._chances(rows)
        absent = np.bincount(asvs, np.log1p(-np.minimum(chances, 1 - 1e-12)))
        return float(-np.expm1(absent).sum())

    def _prevalence(self, rows: np.ndarray) -> np.ndarray:
        """Share of the samples that have each ASV after rarefaction."""
        if len(rows) > MOST_SAMPLES:
            rows = np.sort(np.random.default_rng(0).choice(rows, MOST_SAMPLES, replace=False))
        asvs, chances, _ = self._chances(rows)
        return np.minimum(np.bincount(asvs, chances) / len(rows), 1.0)

    def _chances(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """ASV, chance to be there after rarefaction, and position in ``rows``, for each count above 0.

        Each read of a sample is drawn with the same chance; that its reads are drawn without replacement is left out.
        """
        counts = self.study.table.counts[rows]
        sample = np.repeat(np.arange(len(rows)), np.diff(counts.indptr))
        depth = self.study.rarefy_depth
        if depth is None:
            return counts.indices, np.ones(counts.nnz), sample
        share = np.minimum(1.0, depth / np.maximum(1, np.asarray(counts.sum(axis=1)).ravel()))
        with np.errstate(divide="ignore"):
            return counts.indices, -np.expm1(counts.data * np.log1p(-share)[sample]), sample
