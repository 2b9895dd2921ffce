"""Removal: how a prediction changes where the reads of some ASVs are taken out of a sample.

The other reads stay, so that their shares grow as they would in a sample without those microbes. For each sample and
each group the prediction without the group is subtracted from the one with it: a positive effect raises the prediction.

Legend of shapes: ``N`` samples that are explained, ``G`` groups, ``O`` outputs, ``V`` variants.

References
----------
Zeiler, Fergus (2014), Visualizing and understanding convolutional networks, ECCV (occlusion). Covert, Lundberg, Lee
(2021), Explaining by removing, Journal of Machine Learning Research 22. Zobrist (1970), A new hashing method with
application for game playing (a number for each set).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.sparse import csr_array, vstack

from aam.errors import ConfigError
from aam.explanation.effects import Effects
from aam.explanation.groups import AsvGroups
from aam.explanation.intervals import bootstrap_interval
from aam.explanation.method import Method, Subject, register
from aam.explanation.model import with_counts
from aam.explanation.redraw import redrawn

VARIANTS_PER_BLOCK = 1_024
MOST_VALUES = 250_000_000
"""Effects of single samples that are held in memory (four bytes each)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Removals:
    """The variants of samples: which ASVs of which sample are removed, each set once.

    Attributes
    ----------
    sample_V
        Place of the sample among the explained ones.
    group_V
        Which of the groups of all levels, one level after the other, is taken out.
    members
        Which ASVs are in each of them, of 0 and 1.
    variant
        For each level, which variant has each group of each sample removed: sparse ``N x G`` of its number + 1.
    """

    sample_V: np.ndarray
    group_V: np.ndarray
    members: csr_array
    variant: tuple[csr_array, ...]

    def __len__(self) -> int:
        return len(self.sample_V)

    def left(self, counts_NA: csr_array, some: slice = slice(None)) -> csr_array:
        """Reads that some of the variants have left, without zeros."""
        return without(csr_array(counts_NA[self.sample_V[some]]), csr_array(self.members[self.group_V[some]]))


def removals(counts_NA: csr_array, levels: Sequence[AsvGroups]) -> Removals:
    """All removals of a group from a sample that has it and something else.

    Groups that hold the same of a sample's ASVs, such as nested clades, are one variant: each ASV has a random number
    of 64 bits, and a set is known by their sum.
    """
    members = csr_array(vstack([level.members for level in levels], format="csr"))
    number_A = np.random.default_rng(0).integers(1, 2**63, members.shape[1], dtype=np.int64).astype(np.uint64)
    there = csr_array((np.ones(counts_NA.nnz, dtype=np.uint64), counts_NA.indices, counts_NA.indptr), counts_NA.shape)
    by_asv = csr_array(members.T.astype(np.uint64))
    size = csr_array(there @ by_asv)
    keys = csr_array(csr_array((number_A[there.indices], there.indices, there.indptr), there.shape) @ by_asv)
    # No number is 0, and no sum but by a chance of 2^-64: both products have the same places.
    size.sort_indices()
    keys.sort_indices()
    sample, group = np.repeat(np.arange(size.shape[0]), np.diff(size.indptr)), size.indices
    is_part = size.data < np.diff(counts_NA.indptr)[sample].astype(np.uint64)
    sample, group = sample[is_part].astype(np.int64), group[is_part].astype(np.int64)
    _, first, place = np.unique(_pairs(sample, keys.data[is_part]), return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")
    number_of = np.empty(len(first), dtype=np.int64)
    number_of[order] = np.arange(len(first))
    first = first[order]
    variant = csr_array((number_of[place.ravel()] + 1, (sample, group)), (size.shape[0], members.shape[0]))
    ends = np.cumsum([0, *map(len, levels)])
    parts = [csr_array(variant[:, start:end]) for start, end in pairwise(ends)]
    return Removals(sample_V=sample[first], group_V=group[first], members=members, variant=tuple(parts))


def _pairs(sample: np.ndarray, key: np.ndarray) -> np.ndarray:
    """Sample and key as one value that can be sorted."""
    pairs = np.empty(len(sample), dtype=[("sample", np.int64), ("key", np.uint64)])
    pairs["sample"], pairs["key"] = sample, key
    return pairs


def without(counts: csr_array, removed: csr_array) -> csr_array:
    """Reads that are left, ``V x A``, without zeros."""
    left = csr_array(counts - counts.multiply(removed))
    left.eliminate_zeros()
    left.sort_indices()
    return left


class Removal(Method):
    """In-silico removal of each group of ASVs from each sample that has it."""

    name = "removal"
    title = "Removal"
    summary = "the change of a prediction where the reads of these ASVs are taken out of a sample"
    in_auto = True

    def num_predictions(self, subject: Subject) -> int:
        """One for each different removal, and one for each sample as it is."""
        draws = range(subject.draws)
        return sum(len(subject) + len(removals(_reads(subject, draw), subject.groups)) for draw in draws)

    def explain(self, subject: Subject) -> list[Effects]:
        """Effects of the groups of all levels on each learner.

        Raises
        ------
        ConfigError
            If the effects in single samples do not fit into memory.
        """
        _check_size(subject)
        rounds = [_Round.of(subject, draw) for draw in range(subject.draws)]
        return [
            self._effects(subject, learner, place, rounds)
            for learner in subject.model.learners
            for place in range(len(subject.groups))
        ]

    def _effects(self, subject: Subject, learner: str, place: int, rounds: Sequence[_Round]) -> Effects:
        groups, number = subject.groups[place], len(subject)
        each = [one.effects(learner, place) for one in rounds]
        by_sample_NGO = np.concatenate([found for found, _ in each])
        has_NG = np.concatenate([has for _, has in each])
        draw_N = np.repeat(np.arange(len(rounds)), number)
        effect, low, high = bootstrap_interval(
            by_sample_NGO, has_NG, np.tile(subject.unit_N, len(rounds)), seed=subject.seed, crossed=[draw_N]
        )
        times_NG = has_NG.reshape(len(rounds), number, len(groups)).sum(axis=0)
        total_NGO = by_sample_NGO.reshape(len(rounds), number, len(groups), -1).sum(axis=0)
        mean_NGO = (total_NGO / np.maximum(times_NG, 1)[:, :, None]).astype(np.float32)
        return Effects(
            method=self.name,
            learner=learner,
            level=groups.level,
            names=groups.names,
            labels=groups.labels,
            outputs=subject.model.outputs,
            unit=subject.model.unit,
            effect_GO=effect,
            low_GO=low,
            high_GO=high,
            importance_GO=np.abs(mean_NGO).mean(axis=0, dtype=np.float64),
            support_G=(times_NG > 0).sum(axis=0),
            by_sample_NGO=mean_NGO,
            has_NG=times_NG > 0,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Round:
    """One draw of the samples' reads: the variants, and what the removal changes in each, by learner (``V x O``)."""

    found: Removals
    changes: Mapping[str, np.ndarray]

    @classmethod
    def of(cls, subject: Subject, draw: int) -> _Round:
        counts = _reads(subject, draw)
        found = removals(counts, subject.groups)
        study, number = subject.study, len(subject)
        whole = subject.model.predict(with_counts(study, subject.rows, counts), np.arange(number), draw)
        subject.on_done(number)
        pieces: list[Mapping[str, np.ndarray]] = []
        for start in range(0, len(found), VARIANTS_PER_BLOCK):
            some = slice(start, start + VARIANTS_PER_BLOCK)
            sample = found.sample_V[some]
            variants = with_counts(study, subject.rows[sample], found.left(counts, some))
            pieces.append(subject.model.predict(variants, np.arange(len(sample)), draw))
            subject.on_done(len(sample))
        changes = {
            learner: values[found.sample_V] - np.concatenate([values[:0], *(piece[learner] for piece in pieces)])
            for learner, values in whole.items()
        }
        return cls(found=found, changes=changes)

    def effects(self, learner: str, place: int) -> tuple[np.ndarray, np.ndarray]:
        """Effects of the groups of one level in each sample (``N x G x O``, float32), and which samples have them."""
        variant, change_VO = self.found.variant[place], self.changes[learner]
        sample, group = variant.nonzero()
        by_sample_NGO = np.zeros((*variant.shape, change_VO.shape[1]), dtype=np.float32)
        by_sample_NGO[sample, group] = change_VO[variant.data - 1]
        has_NG = np.zeros(variant.shape, dtype=bool)
        has_NG[sample, group] = True
        return by_sample_NGO, has_NG


def _reads(subject: Subject, draw: int) -> csr_array:
    """Reads of the explained samples in one of the draws."""
    return redrawn(subject.study, subject.rows, draw, seed=subject.seed, several=subject.draws > 1)


def _check_size(subject: Subject) -> None:
    of_sample = sum(map(len, subject.groups)) * len(subject.model.outputs) * len(subject.model.learners)
    if (total := of_sample * len(subject) * subject.draws) > MOST_VALUES:
        fits = max(2, MOST_VALUES // (of_sample * subject.draws))
        raise ConfigError(
            f"removal: {total:,} effects of groups in samples do not fit into memory; --max-samples {fits} does, or "
            "fewer --levels, without --by-learner"
        )


register(Removal())
