"""Each ASV beside the smallest clade that it is in with another measured ASV, by the same method.

Relatives that occur together can stand in for each other: a model that loses one reads the others, so that each alone
has little effect, and their clade has much. An ASV of little effect is one that does not matter only where its clade
has little effect as well.

Legend of shapes: ``G`` ASVs, ``O`` outputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aam.explain.effects import Effects
from aam.explain.groups import ASV, CLADE, AsvGroups


@dataclass(frozen=True, eq=False)
class Relatives:
    """The clade of each ASV of some effects.

    Attributes
    ----------
    clade
        Its id, empty where no measured clade has the ASV.
    effect_GO
        Effect of the clade; NaN where there is none.
    """

    clade: tuple[str, ...]
    effect_GO: np.ndarray


def relatives_of(found: Effects, effects: Sequence[Effects], groups: Sequence[AsvGroups]) -> Relatives | None:
    """The clades of the ASVs of some effects; None for other things, or where no clades were measured.

    Parameters
    ----------
    found
        Of ASVs.
    effects, groups
        All effects, and the groups of all levels.
    """
    wanted = (found.method, found.learner, CLADE, found.outputs)
    clades = next((one for one in effects if (one.method, one.learner, one.level, one.outputs) == wanted), None)
    by_level = {one.level: one for one in groups}
    if found.level != ASV or clades is None or not {ASV, CLADE} <= set(by_level):
        return None
    measured = by_level[CLADE].take(np.isin(by_level[CLADE].names, clades.names))
    asvs = np.isin(np.arange(measured.members.shape[1]), by_level[ASV].members.indices)
    measured = measured.take(measured.members @ asvs.astype(np.int64) > 1)
    place_of = {name: place for place, name in enumerate(clades.names)}
    clade_of = dict(zip(by_level[ASV].names, smallest_clades(by_level[ASV], measured).tolist(), strict=True))
    places = [clade_of.get(name, -1) for name in found.names]
    names = tuple(measured.names[place] if place >= 0 else "" for place in places)
    effect_GO = np.full((len(found), len(found.outputs)), np.nan)
    for place, name in enumerate(names):
        if name:
            effect_GO[place] = clades.effect_GO[place_of[name]]
    return Relatives(names, effect_GO)


def smallest_clades(asvs: AsvGroups, clades: AsvGroups) -> np.ndarray:
    """Place of the smallest clade that holds each ASV; -1 where none does."""
    found = np.full(asvs.members.shape[1], -1)
    for place in np.argsort(-clades.size_G, kind="stable"):
        found[clades.members.indices[clades.members.indptr[place] : clades.members.indptr[place + 1]]] = place
    return np.asarray(found[asvs.members.indices])
