"""Attributions of ASVs by networks and draws, added up over groups of ASVs, as effects with intervals.

Legend of shapes: ``N`` explained samples, ``A`` ASVs, ``G`` groups, ``O`` outputs, ``M`` networks, ``R`` draws.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from aam.errors import ConfigError
from aam.explain.effects import AXES, Effects
from aam.explain.groups import AsvGroups
from aam.explain.method import Subject
from aam.explain.removal import MOST_VALUES
from aam.explain.summary import Named, effects_of

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
    joined: dict[str, Any] = {name: sum((getattr(part, name) for part in parts), ()) for name in ("names", "labels")}
    for name, axis in AXES.items():
        if getattr(parts[0], name) is not None:
            joined[name] = np.concatenate([getattr(part, name) for part in parts], axis=axis)
    return dataclasses.replace(parts[0], **joined)
