"""Trees changed into other trees: some tips kept, or another root. All without recursion and in linear time.

Trees are arrays as in :class:`aam.phylogeny.tree.Tree`: ``M`` nodes in postorder with their parents (-1 for the root,
which is last) and the lengths of the branches above them.
"""

from __future__ import annotations

import math

import numpy as np


def keep_tips(parent: np.ndarray, length: np.ndarray, is_kept: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cut off tips, and merge each node that has one child left with that child.

    The root stays even with one child, so that the distances from it stay.

    Parameters
    ----------
    parent, length
        The tree.
    is_kept
        bool (M,): the tips to keep.

    Returns
    -------
    tuple
        Parents and lengths of the new tree, whose nodes are in the old order.
    """
    above, lengths, kept = parent.tolist(), length.tolist(), is_kept.tolist()
    root = len(above) - 1
    num_children = [0] * len(above)
    for node in range(root):
        if kept[node]:
            kept[above[node]] = True
            num_children[above[node]] += 1
    stays = [is_kept and number != 1 for is_kept, number in zip(kept, num_children, strict=True)]
    stays[root] = True
    merged, new_above, lowest = [0.0] * len(above), [-1] * len(above), list(range(len(above)))
    for node in range(root):
        if not kept[node]:
            continue
        low = lowest[node]
        merged[low] += lengths[node]
        if stays[above[node]]:
            new_above[low] = above[node]
        else:
            lowest[above[node]] = low
    nodes = np.flatnonzero(stays)
    number_of = np.cumsum(stays) - 1
    new_parent = number_of[np.array(new_above)[nodes]]
    new_parent[-1] = -1
    return new_parent, np.array(merged)[nodes]


def root_at_midpoint(parent: np.ndarray, length: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Put the root halfway between the two tips that are furthest apart.

    Returns
    -------
    tuple
        Parents and lengths of the new tree, whose root has two branches (one of length 0 if the middle is at a node);
        and the old place of each of its tips among the tips.
    """
    is_tip = np.ones(len(parent) + 1, dtype=bool)
    is_tip[parent[:-1]] = False
    is_tip[-1] = False
    tip, half = _longest_path(parent, length)
    above, lengths = parent.tolist(), length.tolist()
    reached, node = 0.0, tip
    while reached + lengths[node] < half:
        reached += lengths[node]
        node = above[node]
    _turn(above, lengths, node, half - reached)
    order = _postorder(above)
    number_of = np.empty(len(order), dtype=np.int64)
    number_of[order] = np.arange(len(order))
    new_parent = number_of[np.array(above)[order]]
    new_parent[-1] = -1
    places = (np.cumsum(is_tip) - 1)[order[is_tip[order]]]
    return *keep_tips(new_parent, np.array(lengths)[order], is_tip[order]), places


def _longest_path(parent: np.ndarray, length: np.ndarray) -> tuple[int, float]:
    """An end of the longest path between two tips, the one further from where both meet; and half its length."""
    above, lengths = parent.tolist(), length.tolist()
    depth = np.where(np.bincount(parent[:-1], minlength=len(parent)) == 0, 0.0, -math.inf).tolist()
    deepest = list(range(len(above)))
    longest, end = -math.inf, 0
    for node in range(len(above) - 1):
        meeting, reach = above[node], depth[node] + lengths[node]
        if depth[meeting] + reach > longest:
            longest = depth[meeting] + reach
            end = deepest[node] if reach > depth[meeting] else deepest[meeting]
        if reach > depth[meeting]:
            depth[meeting], deepest[meeting] = reach, deepest[node]
    return end, longest / 2


def _turn(above: list[int], lengths: list[float], node: int, below: float) -> None:
    """Add a root on the branch above a node, so far from it, and turn the branches between the new and the old root."""
    old, rest = above[node], max(lengths[node] - below, 0.0)
    above[node], lengths[node] = len(above), below
    new = len(above)
    while old >= 0:
        following, its_length = above[old], lengths[old]
        above[old], lengths[old] = new, rest
        old, new, rest = following, old, its_length
    above.append(-1)
    lengths.append(0.0)


def _postorder(above: list[int]) -> np.ndarray:
    """The nodes, the last of which is the root, with children before their parents."""
    children = np.argsort(np.array(above), kind="stable")[1:].tolist()
    ends = np.cumsum(np.bincount(above[:-1], minlength=len(above))).tolist()
    starts = [0, *ends]
    order, pending = [], [len(above) - 1]
    while pending:
        node = pending.pop()
        order.append(node)
        pending.extend(children[starts[node] : starts[node + 1]])
    return np.array(order[::-1])
