"""Attributions of ASVs by networks and draws, added up over groups of ASVs, as effects with intervals.

Legend of shapes: ``N`` samples that are explained, ``A`` ASVs, ``G`` groups, ``O`` outputs, ``M`` networks, ``R`` draws
of all networks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from scipy.stats import t as student

from aam.explain.effects import Effects
from aam.explain.groups import AsvGroups
from aam.explain.intervals import LEVEL, bootstrap_interval
from aam.explain.method import Subject


@dataclass(frozen=True, kw_only=True, eq=False)
class Attributions:
    """What each ASV of each sample adds, by one network and draw.

    Attributes
    ----------
    values_O
        For each output ``N x A``, with an entry for each ASV that the network was given.
    """

    values_O: tuple[csr_array, ...]

    @property
    def seen(self) -> csr_array:
        """Which ASVs of which samples the network was given: ``N x A`` of ones."""
        first = self.values_O[0]
        return csr_array((np.ones(len(first.data)), first.indices, first.indptr), first.shape)

    def grouped(self, groups: AsvGroups) -> np.ndarray:
        """The sum over the ASVs of each group, ``N x G x O``."""
        return np.stack([(values @ groups.members.T).toarray() for values in self.values_O], axis=-1)


@dataclass(frozen=True, kw_only=True, eq=False)
class Named:
    """What effects are called.

    Attributes
    ----------
    method, learner
        As in :class:`~aam.explain.effects.Effects`.
    outputs, unit
        As there.
    """

    method: str
    learner: str
    outputs: tuple[str, ...]
    unit: str


def group_effects(subject: Subject, named: Named, found_MR: Sequence[Sequence[Attributions]]) -> list[Effects]:
    """Effects of the groups of all levels.

    Parameters
    ----------
    subject
        What is explained.
    named
        What the effects are called.
    found_MR
        For each network, the attributions of each of its draws.
    """
    seen = sum((one.seen for draws in found_MR for one in draws), csr_array(found_MR[0][0].values_O[0].shape))
    return [
        effects_of(
            subject,
            named,
            (groups.level, groups.names, groups.labels),
            (seen @ groups.members.T).toarray() > 0,
            [[_of_groups(one, groups) for one in draws] for draws in found_MR],
        )
        for groups in subject.groups
    ]


def _of_groups(one: Attributions, groups: AsvGroups) -> Callable[[], np.ndarray]:
    return lambda: one.grouped(groups)


def effects_of(
    subject: Subject,
    named: Named,
    things: tuple[str, tuple[str, ...], tuple[str, ...]],
    has_NG: np.ndarray,
    found_MR: Sequence[Sequence[Callable[[], np.ndarray]]],
) -> Effects:
    """The mean over networks and draws, with an interval over groups of samples, networks and draws.

    Parameters
    ----------
    subject, named
        As of :func:`group_effects`.
    things
        Their level, names and labels.
    has_NG
        Which samples have them.
    found_MR
        For each network and draw, what gives the effects in each sample, ``N x G x O``; asked for one by one.
    """
    whole, means_M, means_R = None, [], []
    number_G1 = np.maximum(has_NG.sum(axis=0), 1)[:, None]
    for draws in found_MR:
        for give in draws:
            values = give()
            whole = values if whole is None else whole + values
            means_R.append(np.einsum("ngo,ng->go", values, has_NG) / number_G1)
        means_M.append(np.mean(means_R[-len(draws) :], axis=0))
    assert whole is not None
    by_sample = whole / len(means_R)
    effect, low, high = bootstrap_interval(by_sample, has_NG, subject.unit_N, seed=subject.seed)
    low, high = with_replicates(effect, low, high, np.stack(means_M if len(means_M) > 1 else means_R))
    level, names, labels = things
    return Effects(
        method=named.method,
        learner=named.learner,
        level=level,
        names=names,
        labels=labels,
        outputs=named.outputs,
        unit=named.unit,
        effect_GO=effect,
        low_GO=low,
        high_GO=high,
        importance_GO=np.abs(by_sample).mean(axis=0),
        support_G=has_NG.sum(axis=0),
        by_sample_NGO=by_sample,
        agreement_GO=agreement(np.stack(means_M)) if len(means_M) > 1 else None,
    )


def with_replicates(
    effect_GO: np.ndarray, low_GO: np.ndarray, high_GO: np.ndarray, means_RGO: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Ends of an interval over samples, widened by how far the networks, or draws, differ in the mean effect.

    Both are errors of the mean and independent: their squares add. The second is that of a mean of few values (Student
    1908).
    """
    number = len(means_RGO)
    if number < 2:
        return low_GO, high_GO
    error_GO = means_RGO.std(axis=0, ddof=1) / np.sqrt(number) * student.ppf((1 + LEVEL) / 2, number - 1)
    return (
        effect_GO - np.hypot(effect_GO - low_GO, error_GO),
        effect_GO + np.hypot(high_GO - effect_GO, error_GO),
    )


def agreement(means_MGO: np.ndarray) -> np.ndarray:
    """Share of the networks in which the effect has the sign of the mean over all."""
    same_MGO = np.sign(means_MGO) == np.sign(means_MGO.mean(axis=0))
    found: np.ndarray = same_MGO.mean(axis=0)
    return found
