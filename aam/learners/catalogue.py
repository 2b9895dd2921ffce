"""The learners that a blend may hold, by the names that `--learners` takes; loads no numerical library.

A name stands for one learner, or for a family of them. `auto` is every learner that costs about as much as a forest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

AUTO = "auto"
NETWORK = "network"
FOREST = "forest"

FAMILIES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        FOREST: (FOREST,),
        "trees": ("trees-dna", "trees-phylogeny"),
        "kernels": (
            "jaccard",
            "unifrac-dna",
            "unifrac-phylogeny",
            "clr-linear",
            "clr-radial",
            "clades-linear",
            "clades-radial",
        ),
        "encoder": ("encoder-linear", "encoder-radial"),
        NETWORK: (NETWORK,),
    }
)
"""Family -> its learners. Those of the phylogeny need a tree, those of the encoder a pre-trained encoder."""

NO_DNA = "no-dna"
WITHOUT_DNA = (FOREST, "trees-phylogeny", "jaccard", "unifrac-phylogeny", "clr-linear", "clr-radial")
"""Learners that know ASVs by their ids, whatever these are: those of a collapsed or a closed-reference table."""

TREE_ENSEMBLES = (*FAMILIES[FOREST], *FAMILIES["trees"])

LABELS: Mapping[str, str] = MappingProxyType(
    {
        FOREST: "random forest on ASVs",
        "trees-dna": "extra trees on DNA clades",
        "trees-phylogeny": "extra trees on clades of the phylogeny",
        "jaccard": "kernel ridge on Jaccard distances",
        "unifrac-dna": "kernel ridge on UniFrac over the DNA tree",
        "unifrac-phylogeny": "kernel ridge on UniFrac over the phylogeny",
        "clr-linear": "linear ridge on log-ratios of ASVs",
        "clr-radial": "radial kernel ridge on log-ratios of ASVs",
        "clades-linear": "linear ridge on DNA clades",
        "clades-radial": "radial kernel ridge on DNA clades",
        "encoder-linear": "linear ridge on clades of the encoder's vectors",
        "encoder-radial": "radial kernel ridge on clades of the encoder's vectors",
        NETWORK: "network",
    }
)
"""Learner -> what it is, in words."""


def names() -> tuple[str, ...]:
    """Everything that `--learners` takes."""
    return tuple(dict.fromkeys([AUTO, *FAMILIES, NO_DNA, *LABELS]))


def options(name: str) -> tuple[str, ...]:
    """No learner has options of the registry's own."""
    return ()


def expand(wanted: Iterable[str]) -> tuple[str, ...]:
    """The single learners that some names stand for, in the order of the catalogue.

    Parameters
    ----------
    wanted
        Names of :func:`names`. ``auto`` is every family but the network, which is trained only where asked for;
        ``no-dna`` is those that need no DNA of the ASVs.
    """
    found: set[str] = set()
    for name in wanted:
        if name == AUTO:
            found |= {learner for family in FAMILIES if family != NETWORK for learner in FAMILIES[family]}
        elif name == NO_DNA:
            found |= set(WITHOUT_DNA)
        else:
            found |= set(FAMILIES.get(name, (name,)))
    return tuple(name for name in LABELS if name in found)
