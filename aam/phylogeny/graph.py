"""The tree in a TreeData file: a graph of nodes and edges, as networkx has it, written as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from aam.errors import InputError
from aam.files.annotated import open_annotated, tree_of_asvs
from aam.files.limits import limits
from aam.phylogeny.newick_text import newick_text
from aam.text import shorten

LENGTH, DEPTH = "length", "depth"
"""Attribute of an edge, and of a node, that branch lengths are read from."""

Node = dict[str, object]
AGAIN = "write the tree again with treedata"


def newick_of_graph(path: Path) -> str:
    """The one tree of ASVs in a TreeData file, as rooted Newick.

    Parameters
    ----------
    path
        The file. A branch is as long as its edge says (``length``), else as far apart as its nodes are (``depth``).

    Raises
    ------
    InputError
        If the file has no tree, or several; if it is no rooted tree, or has no lengths.
    """
    with open_annotated(path) as file:
        graph = tree_of_asvs(file)
    edges, nodes = graph.get("edges"), graph.get("nodes")
    if not isinstance(edges, dict) or not isinstance(nodes, dict):
        raise InputError(path, "damaged tree in 'vart': it has no nodes and edges", AGAIN)
    children: dict[str, list[str]] = {}
    above: dict[str, str] = {}
    for parent, below in edges.items():
        if not isinstance(below, dict):
            raise InputError(path, f"damaged tree in 'vart': edges of {shorten(parent)}", AGAIN)
        for child in below:
            if child in above:
                raise InputError(path, f"node {shorten(child)} of the tree has two parents", "it must be a rooted tree")
            above[child] = parent
        children[parent] = list(below)
    order = _postorder(path, children, above, nodes)
    number = {name: place for place, name in enumerate(order)}
    parents = np.array([number[above[name]] if name in above else -1 for name in order])
    lengths = np.array([_length(path, name, above.get(name), edges, nodes) for name in order])
    tips = {place: name for place, name in enumerate(order) if not children.get(name)}
    return "[&R] " + newick_text(parents, lengths, tips)


def _postorder(
    path: Path, children: Mapping[str, list[str]], above: Mapping[str, str], nodes: Mapping[str, object]
) -> list[str]:
    """The nodes, children before their parents, the root last."""
    names = {*nodes, *children, *above}
    if len(names) > 2 * limits().tree_tips:
        raise InputError(path, f"its tree has {len(names):,} nodes, more than are read")
    roots = [name for name in names if name not in above]
    if len(roots) != 1:
        raise InputError(path, f"the tree has {len(roots):,} roots, 1 is needed", "it must be a rooted tree")
    order, pending = [], [roots[0]]
    while pending:
        name = pending.pop()
        order.append(name)
        pending.extend(children.get(name, ()))
    if len(order) != len(names):
        raise InputError(path, f"{len(names) - len(order):,} nodes are not below the tree's root", AGAIN)
    return order[::-1]


def _length(
    path: Path, name: str, parent: str | None, edges: Mapping[str, dict[str, Node]], nodes: Mapping[str, Node]
) -> float:
    if parent is None:
        return 0.0
    edge = edges[parent][name]
    found = edge.get(LENGTH) if isinstance(edge, dict) else None
    if found is None:
        ends = [node.get(DEPTH) if isinstance(node := nodes.get(one), dict) else None for one in (parent, name)]
        if all(isinstance(end, int | float) for end in ends):
            found = float(ends[1]) - float(ends[0])  # type: ignore[arg-type]
    if not isinstance(found, int | float) or not np.isfinite(found):
        problem = f"the branch above {shorten(name)} has no length"
        raise InputError(path, problem, "give edges the attribute 'length', or nodes 'depth'")
    return float(found)
