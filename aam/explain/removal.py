"""Removal: how a prediction changes where the reads of some ASVs are taken out of a sample.

The other reads stay, so that their shares grow as they would in a sample without those microbes. For each sample and
each group the prediction without the group is subtracted from the one with it: a positive effect raises the prediction.

Legend of shapes: ``N`` samples that are explained, ``G`` groups, ``O`` outputs, ``V`` variants.

References
----------
Zeiler, Fergus (2014), Visualizing and understanding convolutional networks, ECCV (occlusion). Covert, Lundberg, Lee
(2021), Explaining by removing, Journal of Machine Learning Research 22.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from aam.explain.effects import Effects
from aam.explain.groups import AsvGroups
from aam.explain.intervals import bootstrap_interval
from aam.explain.method import Method, Subject, register
from aam.explain.model import with_counts

VARIANTS_PER_BLOCK = 4_096


@dataclass(frozen=True, kw_only=True, eq=False)
class Removals:
    """The variants of samples: which ASVs of which sample are removed, each set once.

    Attributes
    ----------
    sample_V
        Place of the sample among the explained ones.
    removed
        Which ASVs are taken out: ``V x A`` of 0 and 1.
    variant
        For each level, which variant has each group of each sample removed: sparse ``N x G`` of its number + 1.
    """

    sample_V: np.ndarray
    removed: csr_array
    variant: tuple[csr_array, ...]


def removals(counts_NA: csr_array, levels: tuple[AsvGroups, ...]) -> Removals:
    """All removals of a group from a sample that has it and something else.

    Groups that hold the same of a sample's ASVs, such as nested clades, are one variant.
    """
    number_of: dict[tuple[int, bytes], int] = {}
    samples: list[int] = []
    sets: list[np.ndarray] = []
    found: list[tuple[list[int], list[int], list[int]]] = [([], [], []) for _ in levels]
    columns = [level.members.tocsc() for level in levels]
    for sample in range(counts_NA.shape[0]):
        asvs = counts_NA.indices[counts_NA.indptr[sample] : counts_NA.indptr[sample + 1]]
        for place, members in enumerate(columns):
            inside = csr_array(members[:, asvs])
            for group in np.flatnonzero(np.diff(inside.indptr)):
                taken = np.sort(asvs[inside.indices[inside.indptr[group] : inside.indptr[group + 1]]])
                if len(taken) == len(asvs):
                    continue
                key = (sample, taken.tobytes())
                if key not in number_of:
                    number_of[key] = len(sets)
                    samples.append(sample)
                    sets.append(taken)
                for values, value in zip(found[place], (sample, int(group), number_of[key] + 1), strict=True):
                    values.append(value)
    starts = np.concatenate([[0], np.cumsum([len(one) for one in sets])]).astype(np.int64)
    asvs = np.concatenate(sets) if sets else np.empty(0, dtype=np.int64)
    removed = csr_array((np.ones(len(asvs), dtype=np.int64), asvs, starts), (len(sets), counts_NA.shape[1]))
    variant = [
        csr_array((np.array(v, dtype=np.int64), (rows, groups)), (counts_NA.shape[0], len(level)))
        for (rows, groups, v), level in zip(found, levels, strict=True)
    ]
    return Removals(sample_V=np.array(samples, dtype=np.int64), removed=removed, variant=tuple(variant))


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

    def num_predictions(self, subject: Subject) -> int:
        """One for each different removal, and one for each sample as it is."""
        counts = subject.study.table.counts[subject.rows]
        return subject.draws * (counts.shape[0] + len(removals(counts, tuple(subject.groups)).sample_V))

    def explain(self, subject: Subject) -> list[Effects]:
        """Effects of the groups of all levels on each learner."""
        counts = subject.study.table.counts[subject.rows]
        found = removals(counts, tuple(subject.groups))
        changes = _changes(subject, found)
        return [
            self._effects(subject, learner, groups, found.variant[place], change_VO)
            for learner, change_VO in changes.items()
            for place, groups in enumerate(subject.groups)
        ]

    def _effects(
        self, subject: Subject, learner: str, groups: AsvGroups, variant: csr_array, change_VO: np.ndarray
    ) -> Effects:
        number, outputs = len(subject), subject.model.outputs
        by_sample = np.zeros((number, len(groups), len(outputs)))
        sample, group = variant.nonzero()
        by_sample[sample, group] = change_VO[variant.data - 1]
        has_NG = np.zeros((number, len(groups)), dtype=bool)
        has_NG[sample, group] = True
        support_G = has_NG.sum(axis=0)
        effect, low, high = bootstrap_interval(by_sample, has_NG, subject.unit_N, seed=subject.seed)
        return Effects(
            method=self.name,
            learner=learner,
            level=groups.level,
            names=groups.names,
            labels=groups.labels,
            outputs=outputs,
            unit="prediction",
            effect_GO=effect,
            low_GO=low,
            high_GO=high,
            importance_GO=np.abs(by_sample).mean(axis=0),
            support_G=support_G,
            by_sample_NGO=by_sample,
        )


def _changes(subject: Subject, found: Removals) -> Mapping[str, np.ndarray]:
    """Learner -> prediction of each sample minus that of its variant, ``V x O``; the mean over draws."""
    study, counts = subject.study, subject.study.table.counts[subject.rows]
    total: dict[str, np.ndarray] = {}
    for draw in range(subject.draws):
        whole = subject.model.predict(study, subject.rows, draw)
        subject.on_done(len(subject))
        pieces: list[Mapping[str, np.ndarray]] = []
        for start in range(0, len(found.sample_V), VARIANTS_PER_BLOCK):
            some = slice(start, start + VARIANTS_PER_BLOCK)
            sample = found.sample_V[some]
            left = without(csr_array(counts[sample]), csr_array(found.removed[some]))
            variants = with_counts(study, subject.rows[sample], left)
            pieces.append(subject.model.predict(variants, np.arange(len(sample)), draw))
            subject.on_done(len(sample))
        for learner, values in whole.items():
            changed = np.concatenate([piece[learner] for piece in pieces]) if pieces else values[:0]
            total[learner] = total.get(learner, 0.0) + (values[found.sample_V] - changed) / subject.draws
    return total


register(Removal())
