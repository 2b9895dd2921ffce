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

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from aam.errors import ConfigError
from aam.explanation.effects import Effects, mean_size
from aam.explanation.groups import AsvGroups
from aam.explanation.intervals import bootstrap_interval
from aam.explanation.method import Method, Subject, register
from aam.explanation.model import with_counts
from aam.explanation.redraw import redrawn
from aam.explanation.variants import AT_ONCE, Variants, variants

MOST_VALUES = 250_000_000
"""Effects of single samples that are held in memory (four bytes each)."""


def removals(counts_NA: csr_array, levels: Sequence[AsvGroups]) -> Variants:
    """All removals of a group from a sample that has it and something else."""
    return variants(counts_NA, levels, whole=False)


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
            importance_GO=mean_size(mean_NGO, (times_NG > 0).sum(axis=0)),
            support_G=(times_NG > 0).sum(axis=0),
            by_sample_NGO=mean_NGO,
            has_NG=times_NG > 0,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Round:
    """One draw of the samples' reads: the variants, and what the removal changes in each, by learner (``V x O``)."""

    found: Variants
    changes: Mapping[str, np.ndarray]

    @classmethod
    def of(cls, subject: Subject, draw: int) -> _Round:
        counts = _reads(subject, draw)
        found = removals(counts, subject.groups)
        study, number = subject.study, len(subject)
        whole = subject.model.predict(with_counts(study, subject.rows, counts), np.arange(number), draw)
        subject.on_done(number)
        pieces: list[Mapping[str, np.ndarray]] = []
        for start in range(0, len(found), AT_ONCE):
            some = slice(start, start + AT_ONCE)
            sample = found.sample_V[some]
            left = with_counts(study, subject.rows[sample], without(csr_array(counts[sample]), found.members_of(some)))
            pieces.append(subject.model.predict(left, np.arange(len(sample)), draw))
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
