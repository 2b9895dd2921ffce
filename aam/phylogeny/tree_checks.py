"""What is made of a tree that distances cannot be computed with as it is written: refused, or changed and said."""

from __future__ import annotations

import numpy as np

from aam.config.sections import Root
from aam.errors import Problems
from aam.phylogeny.newick import Nodes
from aam.text import ONCE, duplicates, plural, shorten

MOST_ROOT_BRANCHES = 2
BELIEVE = "--root midpoint roots it, --root given believes its root"
CLIP = "--clip-negative-branches sets them to 0"


def make_usable(source: str, nodes: Nodes, root: Root, clip_negative: bool, rooted_by: str) -> tuple[str, ...]:
    """Refuse what distances cannot be computed with, all of it at once; set to 0 what may be.

    Parameters
    ----------
    source
        The file, for messages.
    nodes
        The tree. Its lengths are changed: those that are missing at the root, above the root, and, if asked for, the
        negative ones become 0.
    root, clip_negative
        As for :func:`~aam.phylogeny.tree.read_tree`.
    rooted_by
        What says that the tree is rooted, in words; empty where nothing does.

    Returns
    -------
    tuple
        What was changed or believed, a note each.

    Raises
    ------
    InputError
        With everything that is wrong.
    """
    # What is above the root lies between no two tips.
    nodes.length[-1] = 0.0
    problems, notes = Problems(source), []
    if len(nodes.names) == 1:
        problems.add(f"has a single tip ('{shorten(nodes.names[0])}')", "distances need a tree of all ASVs")
    if problem := duplicates("tip", nodes.names):
        problems.add(problem, ONCE)
    notes += _fill_at_root(nodes)
    notes += _clip(nodes) if clip_negative else []
    _check_lengths(problems, nodes)
    num_branches = _root_branches(nodes)
    if root != "midpoint" and num_branches > MOST_ROOT_BRANCHES:
        meet = f"{num_branches:,} branches meet at its root"
        if rooted_by:
            notes.append(f"{meet}, which is used as it is ({rooted_by})")
        else:
            problems.add(f"the tree is not rooted ({meet})", BELIEVE)
    problems.raise_if_any()
    return tuple(notes)


def _root_branches(nodes: Nodes) -> int:
    return int((nodes.parent == len(nodes.parent) - 1).sum())


def _fill_at_root(nodes: Nodes) -> list[str]:
    """Set missing lengths at the root to 0.

    Of the two branches at a root, one may hold the length of both, as programs write it that root a tree. Of more, a
    single one may lack its length.
    """
    missing = np.flatnonzero(np.isnan(nodes.length))
    num_children = np.bincount(nodes.parent[:-1], minlength=len(nodes.parent))
    fork = len(nodes.parent) - 1
    while num_children[fork] == 1:
        fork -= 1  # in postorder, a single child comes right before its parent
    is_at_root = (nodes.parent[missing] == fork) | (missing >= fork)
    is_lost = num_children[fork] > MOST_ROOT_BRANCHES and (missing < fork).sum() > 1
    if not len(missing) or is_lost or not is_at_root.all():
        return []
    nodes.length[missing] = 0.0
    have = "has" if len(missing) == 1 else "have"
    return [f"{plural(len(missing), 'branch', 'es')} at the root {have} no length, read as 0"]


def _clip(nodes: Nodes) -> list[str]:
    """Set negative lengths to 0."""
    is_negative = nodes.length < 0
    negative = nodes.length[is_negative]
    if not len(negative):
        return []
    percent = 100 * -negative.sum() / np.nansum(np.abs(nodes.length))
    nodes.length[is_negative] = 0.0
    are = "is" if len(negative) == 1 else "are"
    size = f"largest {negative.min():.4g}, {percent:.2g}% of all lengths"
    return [f"{plural(len(negative), 'negative branch', 'es')} {are} set to 0 ({size}; --clip-negative-branches)"]


def _check_lengths(problems: Problems, nodes: Nodes) -> None:
    length = nodes.length
    absent, negative = np.isnan(length), length[length < 0]
    if absent.any():
        has = "has" if absent.sum() == 1 else "have"
        problem = f"{plural(int(absent.sum()), 'branch', 'es')} {has} no length{_first_tip(nodes, absent)}"
        problems.add(problem, "make the tree again with branch lengths")
    if len(negative):
        are = "is" if len(negative) == 1 else "are"
        problem = f"{plural(len(negative), 'branch', 'es')} {are} negative (largest {negative.min():.4g})"
        problems.add(problem, CLIP)
    if not absent.any() and not (length > 0).any() and not len(negative):
        problems.add("all branch lengths are 0: UniFrac is undefined", "make the tree again with branch lengths")


def _first_tip(nodes: Nodes, which: np.ndarray) -> str:
    """The first tip among some nodes, for a message."""
    tips = np.flatnonzero(np.bincount(nodes.parent[:-1], minlength=len(nodes.parent)) == 0)
    own = np.flatnonzero(which[tips])
    return f" (first: that of '{shorten(nodes.names[own[0]])}')" if len(own) else ""
