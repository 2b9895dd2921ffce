"""The clades of some tips as ranges of their order from left to right, whatever the tree.

Legend: ``A`` ASVs, ``T`` tips of the tree from left to right, ``S`` ASVs of some samples, ``C`` clades.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from aam.phylogeny.batch_tree import nearest_above
from aam.phylogeny.sequence_tree import tree_of_sequences


class Outline(NamedTuple):
    """A tree by the order of its tips and where neighbours part.

    Attributes
    ----------
    tip_A
        Number of each ASV's tip; several ASVs may have the same.
    parting_T
        How far from the root, in any unit that grows along every path, a tip and its left neighbour part.
    """

    tip_A: np.ndarray
    parting_T: np.ndarray

    def clades(self, asvs: np.ndarray) -> CladeRanges:
        """The clades of two or more of some ASVs, in the tree without all others.

        Nodes that have the same of these ASVs below them are one clade, and a node with several children is one too.
        """
        order = np.argsort(self.tip_A[asvs], kind="stable")
        tip_S = self.tip_A[asvs][order]
        parting = np.full(len(asvs) + 1, -1.0)
        if len(asvs) > 1:
            between = self.parting_T[tip_S[0] + 1 : tip_S[-1] + 1]
            starts = np.minimum(tip_S[:-1] - tip_S[0], max(0, len(between) - 1))
            parting[1:-1] = np.minimum.reduceat(between, starts) if len(between) else np.inf
            parting[1:-1][np.diff(tip_S) == 0] = np.inf
        left, right = nearest_above(parting)
        is_node = np.maximum(parting[left], parting[right]) < parting[1:-1]
        return CladeRanges(order, left[is_node], right[is_node])


class CladeRanges(NamedTuple):
    """Clades of some ASVs.

    Attributes
    ----------
    order_S
        Places of the ASVs from left to right.
    start_C, end_C
        The range of each clade in that order.
    """

    order_S: np.ndarray
    start_C: np.ndarray
    end_C: np.ndarray


def outline_of_sequences(tokens: np.ndarray, prevalence: np.ndarray) -> Outline:
    """The outline of the tree of :func:`~aam.phylogeny.sequence_tree.tree_of_sequences`."""
    parent, node_of_asv, _ = tree_of_sequences(tokens, prevalence)
    children: list[list[int]] = [[] for _ in parent]
    for node, above in enumerate(parent.tolist()):
        if above >= 0:
            children[above].append(node)
    place_of_node, parting = np.zeros(len(parent), dtype=np.int64), [0.0]
    pending: list[tuple[int, bool]] = [(len(parent) - 1, False)]
    while pending:
        node, is_between = pending.pop()
        if is_between:
            parting.append(float(len(parent) - node))  # a parent's number is above its children's
        elif children[node]:
            first, second = children[node]
            pending += [(second, False), (node, True), (first, False)]
        else:
            place_of_node[node] = len(parting) - 1
    return Outline(place_of_node[node_of_asv], np.array(parting))
