"""A rooted tree as arrays, and how it is read and checked."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from aam.errors import InputError, Problems
from aam.files.archive import archive_type, is_archive, read_content
from aam.files.array_folder import Parsed, pack_texts, unpack_texts
from aam.files.cache import CacheCodec, read_through_cache
from aam.phylogeny.newick import Nodes, parse_newick
from aam.text import ONCE, decode_text, duplicates, plural, shorten


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


def read_cached_tree(path: Path, root: Literal["given", "midpoint"] = "given") -> Tree:
    """Read a tree as :func:`~aam.phylogeny.tree.read_tree` does, from the cache where it was read before."""

    def unpack(parsed: Parsed) -> Tree:
        arrays = parsed.arrays
        return Tree(os.fspath(path), arrays["parent"], arrays["length"], tuple(unpack_texts(arrays["names"])))

    return read_through_cache(CacheCodec("tree", _pack, unpack), (path,), {"root": root}, lambda: read_tree(path, root))


def _pack(tree: Tree) -> Parsed:
    return Parsed({"parent": tree.parent, "length": tree.length, "names": pack_texts(tree.names)}, {})


ROOTED, UNROOTED = "Phylogeny[Rooted]", "Phylogeny[Unrooted]"
MOST_ROOT_BRANCHES = 2


@dataclass(frozen=True, eq=False)
class Tree:
    """A rooted tree of ``M`` nodes in postorder: children come before their parent, the root is last.

    Attributes
    ----------
    source
        The file.
    parent
        int64 (M,): parent of each node, -1 for the root.
    length
        float64 (M,): length of the branch above each node; 0 for the root.
    names
        Names of the tips, from left to right: in the order of their nodes.
    """

    source: str
    parent: np.ndarray
    length: np.ndarray
    names: tuple[str, ...]

    @property
    def tips(self) -> np.ndarray:
        """int64 (T,): the node of each tip."""
        return np.flatnonzero(np.bincount(self.parent[:-1], minlength=len(self.parent)) == 0)

    def root_distances(self) -> np.ndarray:
        """float64 (M,): sum of the branch lengths from the root to each node."""
        parent, length = self.parent.tolist(), self.length.tolist()
        distance = [0.0] * len(parent)
        for node in range(len(parent) - 2, -1, -1):
            distance[node] = distance[parent[node]] + length[node]
        return np.array(distance)

    def prune(self, names: Iterable[str]) -> Tree:
        """The tree of some tips: without all others, and without nodes that have one child left.

        The root stays, so that every tip is as far from it as before.
        """
        wanted = set(names)
        is_kept = np.zeros(len(self.parent), dtype=bool)
        is_kept[self.tips] = [name in wanted for name in self.names]
        if is_kept.sum() == len(self.names) and not self._has_single_children():
            return self
        parent, length = keep_tips(self.parent, self.length, is_kept)
        return Tree(self.source, parent, length, tuple(name for name in self.names if name in wanted))

    def _has_single_children(self) -> bool:
        """Whether a node other than the root has one child."""
        return bool((np.bincount(self.parent[:-1])[:-1] == 1).any())


def read_tree(path: str | os.PathLike[str], root: Literal["given", "midpoint"] = "given") -> Tree:
    """Read a tree from Newick text or a QIIME 2 archive.

    Parameters
    ----------
    path
        The file.
    root
        Use the tree's own root, or root it at the midpoint of its longest path.

    Raises
    ------
    InputError
        If it is no tree that phylogenetic distances can be computed with.
    """
    types = (ROOTED,) if root == "given" else (ROOTED, UNROOTED)
    source = os.fspath(path)
    if root == "given" and is_archive(path) and archive_type(path) == UNROOTED:
        raise InputError(source, f"holds {UNROOTED}: the tree is not rooted", "--root midpoint roots it")
    nodes = parse_newick(decode_text(read_content(path, types, (".nwk",)), path), source)
    # What is above the root lies between no two tips.
    nodes.length[-1] = 0.0
    _check(source, nodes, root)
    if root == "given":
        return Tree(source, nodes.parent, nodes.length, nodes.names)
    parent, length, places = root_at_midpoint(nodes.parent, nodes.length)
    return Tree(source, parent, length, tuple(nodes.names[place] for place in places))


def _check(source: str, nodes: Nodes, root: Literal["given", "midpoint"]) -> None:
    """Refuse what distances cannot be computed with; all of it at once."""
    problems = Problems(source)
    if len(nodes.names) == 1:
        problems.add(f"has a single tip ('{shorten(nodes.names[0])}')", "distances need a tree of all ASVs")
    if problem := duplicates("tip", nodes.names):
        problems.add(problem, ONCE)
    _check_lengths(problems, nodes.length)
    num_branches = int((nodes.parent == len(nodes.parent) - 1).sum())
    if root == "given" and num_branches > MOST_ROOT_BRANCHES:
        problems.add(f"the tree is not rooted ({num_branches:,} branches meet at its root)", "--root midpoint roots it")
    problems.raise_if_any()


def _check_lengths(problems: Problems, length: np.ndarray) -> None:
    absent, negative = int(np.isnan(length).sum()), length[length < 0]
    if absent:
        has = "has" if absent == 1 else "have"
        problems.add(f"{plural(absent, 'branch', 'es')} {has} no length", "make the tree again with branch lengths")
    if len(negative):
        are = "is" if len(negative) == 1 else "are"
        problem = f"{plural(len(negative), 'branch', 'es')} {are} negative (smallest {negative.min():.4g})"
        problems.add(problem, "set them to 0, or make the tree with a method that has none")
    if not absent and not length.any():
        problems.add("all branch lengths are 0: UniFrac is undefined", "make the tree again with branch lengths")
