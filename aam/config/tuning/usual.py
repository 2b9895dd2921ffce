"""The spaces that are searched where nobody gives one: by what is trained, and by how much there is to learn from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from aam.config.learners import AUTO
from aam.config.tuning.settings import unread
from aam.config.tuning.space import LEARNERS, Dimension, Space, ordered

FEW, MANY = 100, 1_000
"""Groups (or samples that stand alone) below which fewer options are searched, and from which more are."""
FOREST_SHARES = (None, 0.02, 0.05, 0.2, 0.5)
CLADE_SHARES = (None, 0.02, 0.05, 0.2)
"""Features that trees try at each split. Trees take most of a trial's time, and trials whose values agree share them:
so what trees read has few values, the default among them. Their time grows with the share."""


def usual_space(config: Any, units: int, *, has_dna: bool) -> Space:
    """The options that are worth a search.

    Parameters
    ----------
    config
        The options of ``aam train``.
    units
        Groups to learn from, or samples where there are none: the fewer, the less a search can tell apart.
    has_dna
        Whether the DNA of ASVs is known.
    """
    found = _of_network(config, units) if config.learners.is_network_alone else _of_blend(config, units, has_dna)
    return ordered(list(found))


def _of_blend(config: Any, units: int, has_dna: bool) -> Iterator[Dimension]:
    own = [
        Dimension("blend_pull", 0.01, 10.0, True),
        Dimension("forest_max_features", choices=FOREST_SHARES),
        Dimension("clade_max_features", choices=CLADE_SHARES),
        Dimension("kernel_width", 0.3, 3.0, True),
    ]
    if units >= FEW:
        most = (10,) if units < MANY else (10, 20)
        own += [
            Dimension("forest_leaf", choices=(1, 2, 5, *most)),
            Dimension("clade_leaf", choices=(None, 1, 5, *most)),
            Dimension("clade_prevalence", choices=(0.005, 0.02, 0.1)),
            Dimension("asv_prevalence", 0.002, 0.1, True),
        ]
    if config.learners.learners == (AUTO,) and has_dna:
        yield Dimension(LEARNERS, choices=(AUTO, "forest,kernels", "forest,trees", "trees,kernels", "kernels"))
    yield from (one for one in own if not unread(one.name, config))


def _of_network(config: Any, units: int) -> Iterator[Dimension]:
    yield Dimension("lr", 3e-5, 3e-3, True)
    yield Dimension("dropout", 0.0, 0.5)
    yield Dimension("weight_decay", 1e-3, 0.3, True)
    if config.transfer.names_encoder:
        yield Dimension("freeze_base", choices=(False, True))
        yield Dimension("asv_lr", 0.01, 1.0, True)
        return
    yield Dimension("num_soft_clades", choices=(0, 128, 512))
    if units >= FEW:
        yield Dimension("embedding_dim", choices=(32, 64, 128))
        yield Dimension("attention_layers", 1, 3)
