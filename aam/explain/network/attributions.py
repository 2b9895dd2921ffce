"""Attributions of ASVs by networks and draws, added up over groups of ASVs, as effects with intervals.

Legend of shapes: ``N`` explained samples, ``A`` ASVs, ``G`` groups, ``O`` outputs, ``M`` networks, ``R`` draws.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from aam.errors import ConfigError
from aam.explain.effects import AXES, Effects
from aam.explain.groups import AsvGroups
from aam.explain.intervals import bootstrap_interval
from aam.explain.method import Subject
from aam.explain.removal import MOST_VALUES

GROUPS_AT_ONCE = 1_024
"""Groups whose effects by all networks and draws are held in memory."""


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
        For each network, the attributions of each draw.

    Raises
    ------
    ConfigError
        If the effects in single samples do not fit into memory.
    """
    check_size(subject, named)
    return [_of_level(subject, named, groups, found_MR) for groups in subject.groups]


def check_size(subject: Subject, named: Named) -> None:
    """Refuse effects in single samples that do not fit into memory (:class:`~aam.errors.ConfigError`)."""
    of_sample = sum(map(len, subject.groups)) * len(named.outputs)
    if (total := of_sample * len(subject)) > MOST_VALUES:
        raise ConfigError(
            f"{named.method}: {total:,} effects of groups in samples do not fit into memory; "
            f"--max-samples {max(2, MOST_VALUES // of_sample)} does, or fewer --levels"
        )


def _of_level(subject: Subject, named: Named, groups: AsvGroups, found_MR: Sequence[Sequence[Attributions]]) -> Effects:
    parts = []
    for start in range(0, len(groups), GROUPS_AT_ONCE):
        some = groups.take(np.arange(start, min(start + GROUPS_AT_ONCE, len(groups))))
        values = np.stack([[one.grouped(some) for one in draws] for draws in found_MR])
        has = np.stack([[(one.seen @ some.members.T).toarray() > 0 for one in draws] for draws in found_MR])
        parts.append(effects_of(subject, named, (some.level, some.names, some.labels), values, has))
    if len(parts) == 1:
        return parts[0]
    joined = {name: tuple(x for part in parts for x in getattr(part, name)) for name in ("names", "labels")}
    arrays = {
        name: np.concatenate([getattr(part, name) for part in parts], axis=axis)
        for name, axis in AXES.items()
        if getattr(parts[0], name) is not None
    }
    return dataclasses.replace(parts[0], **joined, **arrays)


def effects_of(
    subject: Subject,
    named: Named,
    things: tuple[str, tuple[str, ...], tuple[str, ...]],
    values_MRNGO: np.ndarray,
    has_MRNG: np.ndarray,
) -> Effects:
    """The mean over networks and draws, with an interval over groups of samples, networks and draws.

    Parameters
    ----------
    subject, named
        As of :func:`group_effects`.
    things
        Their level, names and labels.
    values_MRNGO
        For each network and draw, the effects in each sample.
    has_MRNG
        Which samples have the things.
    """
    networks, draws, number = values_MRNGO.shape[:3]
    of_network, of_draw, unit = np.broadcast_arrays(
        np.arange(networks)[:, None, None], np.arange(draws)[:, None], subject.unit_N
    )
    flat, has = (values.reshape(networks * draws * number, *values.shape[3:]) for values in (values_MRNGO, has_MRNG))
    effect, low, high = bootstrap_interval(
        flat, has, unit.ravel(), seed=subject.seed, crossed=[of_network.ravel(), of_draw.ravel()]
    )
    by_sample = values_MRNGO.mean(axis=(0, 1))
    has_NG = has_MRNG.any(axis=(0, 1))
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
        by_sample_NGO=by_sample.astype(np.float32),
        has_NG=has_NG,
        **({} if networks == 1 else _agreement(values_MRNGO, has_MRNG)),
    )


def _agreement(values_MRNGO: np.ndarray, has_MRNG: np.ndarray) -> dict[str, np.ndarray]:
    """Share of the networks in which the mean effect has the sign of that over all; all of them know all samples."""
    sum_MGO = (values_MRNGO * has_MRNG[..., None]).sum(axis=(1, 2))
    same_MGO = np.sign(sum_MGO) == np.sign(sum_MGO.sum(axis=0))
    return {"agreement_GO": same_MGO.mean(axis=0), "presence_G": has_MRNG.any(axis=(1, 2)).mean(axis=0)}
