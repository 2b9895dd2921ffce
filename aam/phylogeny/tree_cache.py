"""A tree through the cache of parsed inputs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from aam.files.array_folder import Parsed, pack_texts, unpack_texts
from aam.files.input_cache import Form, read_through_cache
from aam.phylogeny.tree import Tree, read_tree


def read_cached_tree(path: Path, root: Literal["given", "midpoint"] = "given") -> Tree:
    """Read a tree as :func:`~aam.phylogeny.tree.read_tree` does, from the cache where it was read before."""

    def unpack(parsed: Parsed) -> Tree:
        arrays = parsed.arrays
        return Tree(os.fspath(path), arrays["parent"], arrays["length"], tuple(unpack_texts(arrays["names"])))

    return read_through_cache(Form("tree", _pack, unpack), (path,), {"root": root}, lambda: read_tree(path, root))


def _pack(tree: Tree) -> Parsed:
    return Parsed({"parent": tree.parent, "length": tree.length, "names": pack_texts(tree.names)}, {})
