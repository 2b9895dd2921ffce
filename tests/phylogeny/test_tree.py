from __future__ import annotations

import io
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from skbio import TreeNode

from aam.config.sections import Root
from aam.errors import InputError
from aam.files import cache as input_cache
from aam.phylogeny import tree as tree_cache
from aam.phylogeny.tree import Tree, read_cached_tree, read_tree
from tests.factories import write_qza
from tests.phylogeny.random_trees import ladder, random_newick

PROPERTY = settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])


def read(folder: Path, text: str, **options: str) -> Tree:
    path = folder / "t.nwk"
    path.write_text(text)
    return read_tree(path, **options)


def root_distances(tree: Tree) -> dict[str, float]:
    return dict(zip(tree.names, tree.root_distances()[tree.tips], strict=True))


def tip_distances(tree: Tree) -> np.ndarray:
    """Distances between all tips, in the order of their names."""
    order = np.argsort(tree.names)
    tips, depth = tree.tips[order], tree.root_distances()

    def ancestors(node: int) -> list[int]:
        path = [node]
        while tree.parent[path[-1]] >= 0:
            path.append(int(tree.parent[path[-1]]))
        return path

    paths = [ancestors(int(tip)) for tip in tips]
    meeting = [[next(node for node in one if node in set(other)) for other in paths] for one in paths]
    return depth[tips][:, None] + depth[tips] - 2 * depth[np.array(meeting)]


def test_a_tree_worked_by_hand(tmp_path: Path) -> None:
    tree = read(tmp_path, "((A:1,B:2):3,(C:4,D:5,E:6):7):99;")
    assert tree.source == str(tmp_path / "t.nwk")
    assert tree.names == ("A", "B", "C", "D", "E")
    assert tree.tips.tolist() == [0, 1, 3, 4, 5]
    assert root_distances(tree) == {"A": 4, "B": 5, "C": 11, "D": 12, "E": 13}
    assert (tree.parent[:-1] > np.arange(len(tree.parent) - 1)).all()
    assert tree.length[-1] == 0


def test_prune_worked_by_hand(tmp_path: Path) -> None:
    tree = read(tmp_path, "((A:1,B:2):3,(C:4,D:5,E:6):7);")
    pruned = tree.prune(["E", "A", "C"])
    assert pruned.names == ("A", "C", "E")
    assert pruned.parent.tolist() == [4, 3, 3, 4, -1]
    assert pruned.length.tolist() == [4, 4, 6, 7, 0]
    one_clade = tree.prune(["C", "D"])
    assert one_clade.parent.tolist() == [2, 2, 3, -1]
    assert one_clade.length.tolist() == [4, 5, 7, 0]
    assert tree.prune(["D"]).length.tolist() == [12, 0]
    assert root_distances(tree.prune(tree.names)) == root_distances(tree)


@PROPERTY
@given(num_tips=st.integers(3, 50), seed=st.integers(0, 2**32), share=st.floats(0.05, 1))
def test_prune_keeps_all_distances(num_tips: int, seed: int, share: float, tmp_path: Path) -> None:
    tree = read(tmp_path, random_newick(num_tips, seed))
    rng = np.random.default_rng(seed)
    names = [name for name in sorted(tree.names) if rng.random() < share] or ["t1"]
    pruned = tree.prune(names)
    assert sorted(pruned.names) == names
    where = np.searchsorted(sorted(tree.names), names)
    np.testing.assert_allclose(tip_distances(pruned), tip_distances(tree)[np.ix_(where, where)], atol=1e-12)
    before = root_distances(tree)
    assert root_distances(pruned) == pytest.approx({name: before[name] for name in names})
    children = np.bincount(pruned.parent[:-1])[:-1]
    assert (children != 1).all()


@PROPERTY
@given(num_tips=st.integers(3, 40), seed=st.integers(0, 2**32))
def test_midpoint_is_that_of_scikit_bio(num_tips: int, seed: int, tmp_path: Path) -> None:
    text = random_newick(num_tips, seed)
    given_root, tree = read(tmp_path, text), read(tmp_path, text, root="midpoint")
    assert sorted(tree.names) == sorted(given_root.names)
    np.testing.assert_allclose(tip_distances(tree), tip_distances(given_root), atol=1e-9)
    expected = TreeNode.read(io.StringIO(text)).root_at_midpoint()
    distances = {tip.name: tip.distance(expected) for tip in expected.tips()}
    assert root_distances(tree) == pytest.approx(distances, abs=1e-9)
    assert (tree.parent == len(tree.parent) - 1).sum() == 2
    assert (np.bincount(tree.parent[:-1])[:-1] != 1).all()
    assert (tree.length >= 0).all()
    farthest = sorted(root_distances(tree).values())[-2:]
    assert farthest[0] == pytest.approx(farthest[1], abs=1e-9)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(A:1,B:3);", {"A": 2, "B": 2}),
        ("(A:1,B:1,C:4);", {"A": 2.5, "B": 2.5, "C": 2.5}),
        ("(A:2,B:2,C:1);", {"A": 2, "B": 2, "C": 1}),
        ("((A:1,B:5):1);", {"A": 3, "B": 3}),
        ("((A:0,B:0):1);", {"A": 0, "B": 0}),
        ("((A:1,(B:1,C:1):4):2,D:3);", {"A": 1, "B": 5, "C": 5, "D": 5}),
    ],
)
def test_midpoint_worked_by_hand(text: str, expected: dict[str, float], tmp_path: Path) -> None:
    assert root_distances(read(tmp_path, text, root="midpoint")) == expected


def test_archives(tmp_path: Path) -> None:
    text = b"((A:1,B:2):3,C:4);"
    rooted = write_qza(tmp_path / "r.qza", "Phylogeny[Rooted]", text)
    unrooted = write_qza(tmp_path / "u.qza", "Phylogeny[Unrooted]", b"(A:1,B:2,C:4);", "tree.nwk")
    assert read_tree(rooted).names == ("A", "B", "C")
    bushy = write_qza(tmp_path / "b.qza", "Phylogeny[Rooted]", b"(A:1,B:2,C:4);")
    believed = read_tree(bushy)
    assert root_distances(believed) == {"A": 1, "B": 2, "C": 4}
    said = "3 branches meet at its root, which is used as it is (the file holds Phylogeny[Rooted])"
    assert believed.notes == (said,)
    assert root_distances(read_tree(unrooted, "given")) == {"A": 1, "B": 2, "C": 4}
    assert root_distances(read_tree(rooted, "midpoint")) == {"A": 3.5, "B": 4.5, "C": 4.5}
    assert root_distances(read_tree(unrooted, "midpoint")) == {"A": 2, "B": 3, "C": 3}
    with pytest.raises(
        InputError, match=r"u\.qza: holds Phylogeny\[Unrooted\]: the tree is not rooted; --root midpoint"
    ):
        read_tree(unrooted)


def test_all_problems_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, "((A:1,A:-1,B):1,C:1,D:1);")
    assert len(caught.value.problems) == 4


LENGTHLESS = "1 branch at the root has no length, read as 0"


@pytest.mark.parametrize(
    ("text", "root", "expected", "notes"),
    [
        ("((A:1,B:2)'k__B',(C:1,D:2)'k__A':3);", "auto", {"A": 1, "B": 2, "C": 4, "D": 5}, [LENGTHLESS]),
        ("((A:1,B:2),(C:1,D:2):4);", "midpoint", {"A": 3, "B": 4, "C": 3, "D": 4}, [LENGTHLESS]),
        ("(A,(B:1,C:2):3);", "auto", {"A": 0, "B": 4, "C": 5}, [LENGTHLESS]),
        ("((A:1,B:2),(C:1,D:2):3,E:1);", "given", {"A": 1, "B": 2, "C": 4, "D": 5, "E": 1}, [LENGTHLESS, "--root"]),
        ("(((A:1,B:2):4));", "auto", {"A": 5, "B": 6}, [LENGTHLESS]),
        ("((A:1,B:2),(C:1,D:2));", "auto", {"A": 1, "B": 2, "C": 1, "D": 2}, ["2 branches at the root have no length"]),
        ("[a] [&r] (A:1,B:2,C:3);", "auto", {"A": 1, "B": 2, "C": 3}, ["3 branches meet at its root", "[&R]"]),
        ("[&U](A:1,B:2);", "auto", {"A": 1, "B": 2}, []),
        ("(\"A b\":1,(B_c:2,'D''s e':1)97[x]:1);\r\n", "auto", {"A b": 1, "B_c": 3, "D's e": 2}, []),
    ],
)
def test_trees_as_programs_write_them(
    text: str, root: Root, expected: dict[str, float], notes: list[str], tmp_path: Path
) -> None:
    tree = read(tmp_path, text, root=root)
    assert root_distances(tree) == expected
    assert len(tree.notes) <= len(notes)
    for words in notes:
        assert words in " ".join(tree.notes)


def test_negative_branches(tmp_path: Path) -> None:
    text = "((A:-0.01,B:1):-1e-9,(C:-0.001,D:1):1.988999999);"
    with pytest.raises(InputError, match=r"3 branches are negative \(largest -0\.01\); --clip-negative-branches sets"):
        read(tmp_path, text)
    tree = read_tree(tmp_path / "t.nwk", clip_negative=True)
    assert root_distances(tree) == {"A": 0, "B": 1, "C": 1.988999999, "D": 2.988999999}
    said = "3 negative branches are set to 0 (largest -0.01, 0.28% of all lengths; --clip-negative-branches)"
    assert tree.notes == (said,)
    assert read(tmp_path, "(A:1,B:1);").notes == ()
    assert root_distances(read_tree(tmp_path / "t.nwk", "midpoint", clip_negative=True)) == {"A": 1, "B": 1}


@PROPERTY
@given(num_tips=st.integers(3, 30), seed=st.integers(0, 2**32))
def test_one_branch_may_hold_the_length_of_both(num_tips: int, seed: int, tmp_path: Path) -> None:
    text = random_newick(num_tips, seed)
    written = TreeNode.read(io.StringIO(text))
    one, other = written.children
    one.length, other.length = None, one.length + other.length
    expected = tip_distances(read(tmp_path, text))
    np.testing.assert_allclose(tip_distances(read(tmp_path, str(written))), expected, atol=1e-12)


def test_deep_trees(tmp_path: Path) -> None:
    for root in ("given", "midpoint"):
        tree = pickle.loads(pickle.dumps(read(tmp_path, ladder(20_000), root=root)))
        pruned = tree.prune(tree.names[::2])
        assert len(pruned.names) == 10_000
        assert pruned.root_distances().max() <= 20_000


@pytest.mark.slow
def test_a_ladder_of_a_million_tips(tmp_path: Path) -> None:
    tree = read(tmp_path, ladder(1_000_000), root="midpoint")
    depth = root_distances(tree)
    assert depth["t0"] == depth["t999999"] == 500_000
    assert len(tree.prune(tree.names[::1000]).names) == 1000


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AAM_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(input_cache, "FEWEST_BYTES", 0)
    return tmp_path / "cache"


def assert_same(tree: Tree, expected: Tree) -> None:
    assert (tree.source, tree.names, tree.notes) == (expected.source, expected.names, expected.notes)
    for name in ("parent", "length"):
        found, wanted = getattr(tree, name), getattr(expected, name)
        assert found.dtype == wanted.dtype
        assert found.tolist() == wanted.tolist()


@pytest.mark.parametrize("root", ["auto", "midpoint"])
def test_a_tree_from_the_cache_is_the_same(
    root: Root, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "tree.nwk"
    path.write_text(random_newick(40, 1).replace("t3:", "'it''s (\N{GREEK SMALL LETTER BETA}, _new\nline_)':-"))
    expected = read_tree(path, root, clip_negative=True)
    assert_same(read_cached_tree(path, root, clip_negative=True), expected)
    monkeypatch.setattr(tree_cache, "read_tree", None)
    warm = read_cached_tree(path, root, clip_negative=True)
    assert len(warm.notes) == 1
    assert_same(warm, expected)
    assert isinstance(warm.parent, np.memmap)
    some = warm.names[::3]
    assert_same(warm.prune(some), expected.prune(some))
    assert_same(warm.prune(warm.names), expected.prune(expected.names))
    moved = path.rename(tmp_path / "other.nwk")
    assert read_cached_tree(moved, root, clip_negative=True).source == str(moved)


def test_roots_are_cached_apart(cache: Path, tmp_path: Path) -> None:
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
