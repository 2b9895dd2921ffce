from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from aam.errors import InputError
from aam.files import cache as input_cache
from aam.phylogeny import tree as tree_cache
from aam.phylogeny.tree import Tree, read_cached_tree, read_tree
from tests.phylogeny.random_trees import random_newick


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AAM_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(input_cache, "FEWEST_BYTES", 0)
    return tmp_path / "cache"


def assert_same(tree: Tree, expected: Tree) -> None:
    assert (tree.source, tree.names) == (expected.source, expected.names)
    for name in ("parent", "length"):
        found, wanted = getattr(tree, name), getattr(expected, name)
        assert found.dtype == wanted.dtype
        assert found.tolist() == wanted.tolist()


@pytest.mark.parametrize("root", ["given", "midpoint"])
def test_a_tree_from_the_cache_is_the_same(
    root: Literal["given", "midpoint"], cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "tree.nwk"
    path.write_text(random_newick(40, 1).replace("t3:", "'it''s (\N{GREEK SMALL LETTER BETA}, _new\nline_)':"))
    expected = read_tree(path, root)
    assert_same(read_cached_tree(path, root), expected)
    monkeypatch.setattr(tree_cache, "read_tree", None)
    warm = read_cached_tree(path, root)
    assert_same(warm, expected)
    assert isinstance(warm.parent, np.memmap)
    some = warm.names[::3]
    assert_same(warm.prune(some), expected.prune(some))
    assert_same(warm.prune(warm.names), expected.prune(expected.names))
    moved = path.rename(tmp_path / "other.nwk")
    assert read_cached_tree(moved, root).source == str(moved)


def test_roots_are_kept_apart(cache: Path, tmp_path: Path) -> None:
    path = tmp_path / "tree.nwk"
    path.write_text("((a:1,b:2):1,(c:9,d:1):1);")
    for _ in range(2):
        assert_same(read_cached_tree(path), read_tree(path))
        assert_same(read_cached_tree(path, "midpoint"), read_tree(path, "midpoint"))
    assert len(list(cache.iterdir())) == 2


def test_what_is_refused_is_refused_again(cache: Path, tmp_path: Path) -> None:
    path = tmp_path / "tree.nwk"
    path.write_text("(a:1,b:1,c:1);")
    for _ in range(2):
        with pytest.raises(InputError, match="not rooted"):
            read_cached_tree(path)
    assert not cache.exists()
