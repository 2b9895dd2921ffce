"""A tree as Newick text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import numpy as np

PLAIN = re.compile(r"[A-Za-z0-9._-]+")
"""Names that every reader takes as they are."""


def newick_text(parent: np.ndarray, length: np.ndarray | None, names: Mapping[int, str]) -> str:
    """A rooted tree as Newick text, children in the order of their numbers.

    Parameters
    ----------
    parent
        Parent of each node; -1 for the root, which is the last.
    length
        Length of the branch above each node; None to write none.
    names
        Node -> its name, of tips and of any others. A name that has more than letters, digits, points, hyphens and
        underscores is quoted.

    References
    ----------
    Olsen (1990), Gary Olsen's interpretation of the "Newick's 8:45" tree format standard.
    """
    return "".join(_pieces(parent, length, names)) + ";\n"


def _pieces(parent: np.ndarray, length: np.ndarray | None, names: Mapping[int, str]) -> Iterator[str]:
    children: list[list[int]] = [[] for _ in parent]
    for node, up in enumerate(parent.tolist()):
        if up >= 0:
            children[up].append(node)
    root = len(parent) - 1
    pending: list[tuple[int, int]] = [(root, 0)]
    while pending:
        node, place = pending.pop()
        if place < len(children[node]):
            yield "(" if place == 0 else ","
            pending += [(node, place + 1), (children[node][place], 0)]
            continue
        yield f"{')' if children[node] else ''}{_quoted(names.get(node, ''))}"
        if length is not None and node != root:
            yield f":{float(length[node])!r}"


def _quoted(name: str) -> str:
    return name if not name or PLAIN.fullmatch(name) else "'" + name.replace("'", "''") + "'"
