"""A rooted tree as arrays, and how it is read and checked."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aam.config.sections import Root
from aam.errors import InputError
from aam.files.annotated import is_hdf5
from aam.files.archive import archive_type, is_archive, read_content
from aam.files.array_folder import Parsed, pack_texts, unpack_texts
from aam.files.cache import CacheCodec, read_through_cache
from aam.phylogeny.graph import newick_of_graph
from aam.phylogeny.newick import Nodes, parse_newick
from aam.phylogeny.tree_checks import BELIEVE, make_usable
from aam.text import decode_text


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


def read_cached_tree(path: Path, root: Root = "auto", clip_negative: bool = False) -> Tree:
    """Read a tree as :func:`~aam.phylogeny.tree.read_tree` does, from the cache where it was read before."""

    def unpack(parsed: Parsed) -> Tree:
        arrays, names = parsed.arrays, tuple(unpack_texts(parsed.arrays["names"]))
        return Tree(os.fspath(path), arrays["parent"], arrays["length"], names, tuple(parsed.facts["notes"]))

    result_depends_on = {"root": root, "clip_negative": clip_negative}
    codec = CacheCodec("tree", _pack, unpack)
    return read_through_cache(codec, (path,), result_depends_on, lambda: read_tree(path, root, clip_negative))


def _pack(tree: Tree) -> Parsed:
    arrays = {"parent": tree.parent, "length": tree.length, "names": pack_texts(tree.names)}
    return Parsed(arrays, {"notes": list(tree.notes)})


ROOTED, UNROOTED = "Phylogeny[Rooted]", "Phylogeny[Unrooted]"


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
    notes
        What was changed or believed in reading.
    """

    source: str
    parent: np.ndarray
    length: np.ndarray
    names: tuple[str, ...]
    notes: tuple[str, ...] = ()

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
        return Tree(self.source, parent, length, tuple(name for name in self.names if name in wanted), self.notes)

    def _has_single_children(self) -> bool:
        """Whether a node other than the root has one child."""
        return bool((np.bincount(self.parent[:-1])[:-1] == 1).any())


def read_tree(path: str | os.PathLike[str], root: Root = "auto", clip_negative: bool = False) -> Tree:
    """Read a tree from Newick text, a QIIME 2 archive or a TreeData file.

    Parameters
    ----------
    path
        The file.
    root
        ``given`` believes that the tree is rooted where it is written to be; ``midpoint`` roots it at the midpoint of
        its longest path; ``auto`` believes a root with two branches, and any other that the file says to be one
        (``Phylogeny[Rooted]``, or ``[&R]`` before the tree).
    clip_negative
        Set negative lengths to 0, and note it.

    Raises
    ------
    InputError
        If it is no tree that phylogenetic distances can be computed with.
    """
    source = os.fspath(path)
    kind = archive_type(path) if is_archive(path) else ""
    if root == "auto" and kind == UNROOTED:
        raise InputError(source, f"holds {UNROOTED}: the tree is not rooted", BELIEVE)
    types = (ROOTED,) if root == "auto" else (ROOTED, UNROOTED)
    if not kind and is_hdf5(Path(path)):
        text = newick_of_graph(Path(path))
    else:
        text = decode_text(read_content(path, types, (".nwk",)), path)
    nodes = parse_newick(text, source)
    notes = make_usable(source, nodes, root, clip_negative, _rooted_by(root, kind, nodes))
    if root != "midpoint":
        return Tree(source, nodes.parent, nodes.length, nodes.names, notes)
    parent, length, places = root_at_midpoint(nodes.parent, nodes.length)
    return Tree(source, parent, length, tuple(nodes.names[place] for place in places), notes)


def _rooted_by(root: Root, kind: str, nodes: Nodes) -> str:
    """What says that a tree is rooted."""
    if root == "given":
        return "--root given"
    if kind == ROOTED:
        return f"the file holds {ROOTED}"
    return "the file says [&R]" if nodes.is_rooted else ""
