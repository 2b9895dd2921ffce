"""Effects of ASVs summed over their clades or taxa, for methods whose effects add up (such as integrated gradients).

Legend of shapes: ``N`` samples, ``A`` things of the given effects (ASVs), ``G`` groups, ``O`` outputs.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_array

from aam.explain.effects import Effects
from aam.explain.groups import ASV, AsvGroups
from aam.explain.intervals import bootstrap_interval


def roll_up(effects: Effects, groups: AsvGroups, asv_names: Sequence[str], unit_N: np.ndarray, *, seed: int) -> Effects:
    """Sum the effects of ASVs in each sample over the members of each group.

    Parameters
    ----------
    effects
        Of ASVs, with an effect in each sample.
    groups
        Clades or taxa.
    asv_names
        The ASVs in the order of the groups' columns.
    unit_N, seed
        Group of each sample, and seed of the bootstrap.

    Returns
    -------
    Effects
        Those of the groups. ASVs without an effect add nothing; a sample has a group if it has one of its ASVs.

    Raises
    ------
    ValueError
        If the effects are of other things, or of no single samples.
    """
    if effects.level != ASV or effects.by_sample_NGO is None:
        raise ValueError("effects of ASVs in single samples are needed")
    column_of = {name: place for place, name in enumerate(asv_names)}
    columns = np.array([column_of[name] for name in effects.names], dtype=np.int64)
    by_thing = csr_array(groups.members.tocsc()[:, columns].T, dtype=np.float64)
    by_sample_NGO = np.stack([layer @ by_thing for layer in np.moveaxis(effects.by_sample_NGO, 2, 0)], axis=2)
    has_NG = np.asarray(effects.present_NG.astype(np.float64) @ by_thing > 0)
    effect, low, high = bootstrap_interval(by_sample_NGO, has_NG, unit_N, seed=seed)
    return dataclasses.replace(
        effects,
        level=groups.level,
        names=groups.names,
        labels=groups.labels,
        effect_GO=effect,
        low_GO=low,
        high_GO=high,
        importance_GO=np.abs(by_sample_NGO).mean(axis=0),
        support_G=has_NG.sum(axis=0),
        by_sample_NGO=by_sample_NGO,
        has_NG=has_NG,
    )
