"""What a model knows of its training data: its ASVs, words of its samples, and how unlike each other these are.

A sample is unlike the training samples where its ASVs are far from all known ones, or its profile, the frequencies of
words of five bases among its reads, is far from the profile of each training sample. Where ASVs have names and no DNA,
a name is known or not, and the profile is the frequencies of names. How far is too far, training samples say
themselves: each is compared with the samples of other groups, as if its own group were new.

Legend: ``B`` samples that are asked for, ``N`` training samples that are kept, ``A`` known ASVs, ``W`` words.

References
----------
Vovk, Gammerman, Shafer (2005), Algorithmic learning in a random world (a share of at most ``RATE`` of exchangeable new
samples is beyond the limit). Rao (1995), A review of canonical coordinates and an alternative to correspondence
analysis using Hellinger distance, Questiio 19.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csr_array

from aam.alphabet import NUM_BASES, PAD
from aam.config.json_dataclass import need
from aam.data.counts.blocks import prevalence, row_blocks, select_columns, select_rows
from aam.data.readers.feature_ids import takes_names
from aam.learners.clades import (
    ASVS_PER_BLOCK,
    kmer_frequencies,
    most_prevalent,
    scale_rows,
    squared_distances,
    totals,
)
from aam.learners.features import read_tokens
from aam.learners.known_asvs import KnownAsvs, words_lacking
from aam.learners.stored import PerStudyCache, Stored

if TYPE_CHECKING:
    from aam.data.study.study import Study

RATE = 0.05
"""Share of samples like the training samples that are called unlike them."""
MAX_SAMPLES = 500
"""Training samples that are kept and judged; a random choice of more."""
WORD = 5
PARTS = NUM_BASES**WORD
"""Parts of a profile: words, or names."""
LEAST_READS, LEAST_SAMPLES = 0.02, 0.01
"""Limits are at least so large: few sequencing errors, and samples that are all but equal, are nothing new."""
SHALLOW = 2
"""Times that a sample has fewer reads than each training sample where it is shallow."""
MOST_READS = 2**53


@dataclass(frozen=True)
class Limits:
    """How far from the training samples samples like these are, but for a share of ``RATE``.

    Attributes
    ----------
    reads
        Distance of a sample's reads from the nearest known ASV, on average.
    samples
        Distance of its profile from the nearest training sample.
    judged
        Training samples that say so.
    """

    reads: float
    samples: float
    judged: int

    @property
    def rate(self) -> float:
        """Share of samples like the training samples that are beyond the limits: more than ``RATE`` where few judge."""
        return max(RATE, 1 / (self.judged + 1))


class Familiarity:
    """What a model knows of its training data.

    Parameters
    ----------
    asvs
        The known ASVs.
    roots
        Square roots of the profiles of training samples, ``N x W``; of names, the last part is all other names.
    limits
        How far is too far; None where the training samples could not say.
    fewest_reads
        Reads of the shallowest training sample; 0 where that is not known.
    """

    def __init__(self, asvs: KnownAsvs, roots: np.ndarray, limits: Limits | None, fewest_reads: int = 0) -> None:
        self.asvs = asvs
        self.roots = roots
        self.limits = limits
        self.fewest_reads = fewest_reads
        lengths = (asvs.tokens != PAD).sum(axis=1)
        self.shortest, self.longest = int(lengths.min()), int(lengths.max())
        self._parts = PerStudyCache(self._parts_of)

    @classmethod
    def of_asvs(cls, asvs: KnownAsvs) -> Familiarity:
        """What is known of a model that keeps its ASVs and says nothing else of its training samples."""
        return cls(asvs, np.empty((0, PARTS), dtype=np.float32), None)

    @classmethod
    def fit(
        cls,
        study: Study,
        rows: np.ndarray,
        groups: np.ndarray | None = None,
        asvs: KnownAsvs | None = None,
        seed: int = 42,
    ) -> Familiarity | None:
        """Learn what the training samples are like; None where there is none.

        Parameters
        ----------
        study, rows
            The training samples.
        groups
            Group of each of them; samples of one group do not judge each other.
        asvs
            Their ASVs, where they are known already.
        seed
            Seed of the choice of samples that are kept.
        """
        if not len(rows):
            return None
        counts = select_rows(study.table.counts, rows)
        number = prevalence(counts)
        present = np.flatnonzero(number)
        asvs = asvs or KnownAsvs(study.tokens[present], number[present], has_dna=study.has_dna)
        kept = np.arange(len(rows))
        if len(rows) > MAX_SAMPLES:
            kept = np.sort(np.random.default_rng(seed).choice(len(rows), MAX_SAMPLES, replace=False))
        own = cls(asvs, np.empty((0, PARTS), dtype=np.float32), None, int(totals(counts).min()))
        own.roots = own.roots_of(study, rows[kept])
        group_B = _groups(groups, len(rows))
        if len(np.unique(group_B)) > 1:
            apart = _apart(select_columns(counts, present), group_B, kept, asvs)
            own.limits = limits_of(apart, _from_others(own.roots, group_B[kept]))
        return own

    def roots_of(self, study: Study, rows: np.ndarray) -> np.ndarray:
        """Square roots of the profiles of samples, ``B x W`` (float32)."""
        counts = study.table.counts[rows]
        shares = scale_rows(csr_array(counts, dtype=np.float64), 1 / totals(counts))
        return np.sqrt((shares @ self._parts(study)).toarray()).astype(np.float32)

    def from_known_asvs(self, study: Study, rows: np.ndarray) -> np.ndarray:
        """Distance of each sample's reads from the nearest known ASV, on average (``B``).

        A read of a known ASV is at 0, one that shares no word of six bases with any, or has an unknown name, at 1.
        """
        counts = study.table.counts[rows]
        found: np.ndarray = (counts @ self.asvs.placement(study).distance) / totals(counts)
        return found

    def from_samples(self, study: Study, rows: np.ndarray) -> np.ndarray:
        """Hellinger distance of each sample's profile from that of the nearest training sample (``B``), from 0 to 1."""
        return _hellinger(self.roots_of(study, rows), self.roots).min(axis=1)

    def to_arrays(self, *, with_asvs: bool) -> Stored:
        """Arrays and facts of which :meth:`from_arrays` makes the same; without the ASVs where others store them."""
        arrays = {"roots": self.roots}
        if with_asvs:
            arrays |= {"tokens": self.asvs.tokens, "prevalence": self.asvs.prevalence.astype(np.int32)}
        limits = self.limits
        numbers = None if limits is None else [limits.reads, limits.samples, limits.judged]
        return Stored(arrays, {"own_asvs": with_asvs, "limits": numbers, "fewest_reads": self.fewest_reads})

    @classmethod
    def from_arrays(cls, stored: Stored, shared: KnownAsvs | None) -> Familiarity:
        """From an untrusted source.

        Parameters
        ----------
        stored
            What was stored.
        shared
            The ASVs, where others stored them.

        Raises
        ------
        ValueError
            Saying in a few words what cannot be right.
        """
        own, fewest = stored.facts.get("own_asvs"), stored.facts.get("fewest_reads")
        need(isinstance(own, bool) and (own or shared is not None), "the known ASVs are lacking")
        need(type(fewest) is int and 0 <= fewest < MOST_READS, "a number of reads is out of range")
        asvs = _read_asvs(stored) if own else shared
        assert asvs is not None
        assert isinstance(fewest, int)
        roots = stored.array("roots", np.float32, (None, PARTS))
        in_range = bool((roots >= 0).all() and (roots <= 1).all())
        need(len(roots) > 0 and in_range, "the training samples' words are out of range")
        return cls(asvs, roots, _read_limits(stored.facts.get("limits")), fewest)

    def _parts_of(self, study: Study) -> csr_array:
        """What each ASV of a study adds to a profile (``A x W``): its words, or its name."""
        if self.asvs.has_dna:
            return kmer_frequencies(study.tokens, WORD, np.float64)
        most = np.argsort(-self.asvs.prevalence, kind="stable")[: PARTS - 1]
        part = np.full(len(self.asvs) + 1, PARTS - 1)
        part[most] = np.arange(len(most))
        part_A = part[self.asvs.placement(study).known]
        ones = np.ones(len(part_A))
        return csr_array((ones, (np.arange(len(part_A)), part_A)), shape=(len(part_A), PARTS))


def limits_of(reads: np.ndarray, samples: np.ndarray) -> Limits:
    """Limits of two distances that all but ``RATE`` of these samples keep together.

    Parameters
    ----------
    reads, samples
        Both distances of each sample.
    """
    own = (max(_conformal(reads), LEAST_READS), max(_conformal(samples), LEAST_SAMPLES))
    factor = max(1.0, _conformal(np.maximum(reads / own[0], samples / own[1])))
    return Limits(reads=factor * own[0], samples=factor * own[1], judged=len(reads))


def _conformal(scores: np.ndarray) -> float:
    """The score that a further one exceeds with a probability of at most ``RATE``; the largest where there are few."""
    place = math.ceil((1 - RATE) * (len(scores) + 1))
    return float(np.sort(scores)[min(place, len(scores)) - 1])


def _groups(groups: np.ndarray | None, number: int) -> np.ndarray:
    """Number of each sample's group; of its own where nothing groups them."""
    if groups is None:
        return np.arange(number)
    found: np.ndarray = np.unique(groups.astype(str), return_inverse=True)[1]
    return found if found.max() > 0 else np.arange(number)


def _apart(counts: csr_array, group_B: np.ndarray, kept: np.ndarray, asvs: KnownAsvs) -> np.ndarray:
    """Distance of the reads of kept samples from the nearest ASV that another group has, on average."""
    only_A = _only_group(counts, group_B)
    own = counts[kept]
    asked = np.unique(own.indices)
    asked = asked[only_A[asked] >= 0]
    if not asvs.has_dna:
        foreign: np.ndarray = (own @ np.isin(np.arange(len(asvs)), asked).astype(np.float64)) / totals(own)
        return foreign
    compared = most_prevalent(asvs.prevalence)
    known = kmer_frequencies(asvs.tokens[compared], WORD).toarray()
    distance = np.zeros(len(asvs))
    for start in range(0, len(asked), ASVS_PER_BLOCK):
        some = asked[start : start + ASVS_PER_BLOCK]
        squares = squared_distances(kmer_frequencies(asvs.tokens[some], WORD).toarray(), known)
        squares[only_A[some, None] == only_A[compared]] = np.inf
        nearest = compared[squares.argmin(axis=1)]
        distance[some] = np.where(
            np.isfinite(squares).any(axis=1), words_lacking(asvs.tokens[some], asvs.tokens[nearest]), 1
        )
    found: np.ndarray = (own @ distance) / totals(own)
    return found


def _only_group(counts: csr_array, group_B: np.ndarray) -> np.ndarray:
    """The one group that has each ASV; -1 where several have it."""
    first, last = np.full(counts.shape[1], len(group_B)), np.full(counts.shape[1], -1)
    for rows, some in row_blocks(counts):
        group = np.repeat(group_B[rows], np.diff(some.indptr))
        np.minimum.at(first, some.indices, group)
        np.maximum.at(last, some.indices, group)
    return np.where(first == last, first, -1)


def _from_others(roots: np.ndarray, group_N: np.ndarray) -> np.ndarray:
    """Distance of each sample's profile from the nearest one of another group; 1 where there is none."""
    distance = _hellinger(roots, roots)
    distance[group_N[:, None] == group_N] = 1
    return distance.min(axis=1)


def _hellinger(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Hellinger distances of all rows of one matrix of square roots to all of another (float64)."""
    alike = np.asarray(first, dtype=np.float64) @ np.asarray(second, dtype=np.float64).T
    return np.sqrt(np.clip(1 - alike, 0, 1))


def _read_asvs(stored: Stored) -> KnownAsvs:
    tokens = read_tokens(stored)
    prevalence = stored.array("prevalence", np.int32, (len(tokens),)).astype(np.int64)
    need(len(tokens) > 0 and bool((prevalence > 0).all()), "no ASV is known")
    return KnownAsvs(tokens, prevalence, has_dna=not takes_names(stored.facts))


def _read_limits(found: Any) -> Limits | None:
    if found is None:
        return None
    need(isinstance(found, list) and len(found) == 3, "the limits of novelty are not three numbers")
    reads, samples, judged = found
    numbers = all(isinstance(one, (int, float)) and not isinstance(one, bool) for one in found)
    need(numbers and isinstance(judged, int), "the limits of novelty are not three numbers")
    need(0 < reads < MOST_READS and 0 < samples < MOST_READS and 0 < judged < MOST_READS, "limits of novelty")
    return Limits(float(reads), float(samples), judged)
