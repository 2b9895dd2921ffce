"""A random phylogeny: a birth-death tree with a relaxed clock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

EXTINCTION = 0.5
CLOCK_SD = 0.3


@dataclass(frozen=True)
class SimulatedTree:
    """A rooted binary tree as arrays, its nodes in postorder: a parent comes after its children, the root is last.

    Attributes
    ----------
    parent
        int64 (M,): parent of each node, -1 for the root.
    length
        float64 (M,): length of the branch above each node, in substitutions per site; 0 for the root.
    tips
        int64 (A,): node of each tip, from left to right.
    levels
        Nodes at 1, 2, ... branches from the root, so that what evolves along the tree can be computed level by level.
    """

    parent: np.ndarray
    length: np.ndarray
    tips: np.ndarray
    levels: tuple[np.ndarray, ...]

    def root_distances(self) -> np.ndarray:
        """Sum of the branch lengths from the root to each node, float64 (M,)."""
        distance = np.zeros(len(self.parent))
        for nodes in self.levels:
            distance[nodes] = distance[self.parent[nodes]] + self.length[nodes]
        return distance

    def tip_ranges(self) -> tuple[np.ndarray, np.ndarray]:
        """First tip and number of tips under each node, int64 (M,) each; the tips of a clade are neighbours."""
        size = np.zeros(len(self.parent), dtype=np.int64)
        size[self.tips] = 1
        seen = np.cumsum(size)
        for nodes in reversed(self.levels):
            np.add.at(size, self.parent[nodes], size[nodes])
        return seen - size, size


def simulate_tree(num_tips: int, divergence: float, rng: np.random.Generator) -> SimulatedTree:
    """Draw a birth-death tree of a given number of living species.

    The divergence times are those of the reconstructed process conditioned on the number of tips, drawn directly
    (Gernhard 2008, J. Theor. Biol. 253:769; Hartmann, Wong and Stadler 2010, Syst. Biol. 59:465). Each branch has a
    rate of its own (log-normal), so the tips are not all equally far from the root, as in trees made from sequences.

    Parameters
    ----------
    num_tips
        Number of tips, 2 or more.
    divergence
        Mean distance from the root to a tip, in substitutions per site.
    rng
        Source of the random numbers.
    """
    parent, height, tips = _join(_divergence_times(num_tips, rng))
    length = np.where(parent >= 0, height[parent] - height, 0.0)
    length *= rng.lognormal(0.0, CLOCK_SD, len(length))
    tree = SimulatedTree(parent, length, tips, _levels(parent))
    length *= divergence / tree.root_distances()[tips].mean()
    return tree


def newick(tree: SimulatedTree, names: Sequence[str]) -> Iterator[str]:
    """Pieces of the tree's Newick text, one a node, so that a large tree never is one string."""
    first, size = tree.tip_ranges()
    opened = np.bincount(first[size > 1], minlength=len(names))
    tip = -1
    for node, length in enumerate(tree.length[:-1].tolist()):
        if size[node] > 1:
            yield f"):{length:.9g}"
            continue
        tip += 1
        yield f"{',' if tip else ''}{'(' * opened[tip]}{names[tip]}:{length:.9g}"
    yield ");\n"


def _divergence_times(num_tips: int, rng: np.random.Generator) -> np.ndarray:
    """Time before present at which each tip and the next one part; birth rate 1."""
    net = 1.0 - EXTINCTION
    share = rng.random() ** (1.0 / num_tips)
    origin_decay = (1.0 - share) / (1.0 - share * EXTINCTION)
    scaled = rng.random(num_tips - 1) * (1.0 - origin_decay) / (1.0 - EXTINCTION * origin_decay)
    return -np.log((1.0 - scaled) / (1.0 - EXTINCTION * scaled)) / net


def _join(times: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Build the tree in which tips ``i`` and ``i + 1`` part at ``times[i]``: parents, heights and tips in postorder."""
    num_nodes = 2 * len(times) + 1
    parent = [-1] * num_nodes
    height = [0.0] * num_nodes
    tips: list[int] = []
    pending: list[tuple[int, float]] = []
    next_node = 0
    for time in [*times.tolist(), np.inf]:
        node, next_node = next_node, next_node + 1
        tips.append(node)
        while pending and pending[-1][1] < time:
            left, height[next_node] = pending.pop()
            parent[left] = parent[node] = next_node
            node, next_node = next_node, next_node + 1
        pending.append((node, time))
    return np.array(parent, dtype=np.int64), np.array(height), np.array(tips, dtype=np.int64)


def _levels(parent: np.ndarray) -> tuple[np.ndarray, ...]:
    level = [0] * len(parent)
    above = parent.tolist()
    for node in range(len(parent) - 2, -1, -1):
        level[node] = level[above[node]] + 1
    depth = np.array(level)
    order = np.argsort(depth, kind="stable")
    ends = np.cumsum(np.bincount(depth))
    return tuple(order[start:end] for start, end in pairwise(ends.tolist()))
