from __future__ import annotations

import numpy as np
import pytest
from skbio import TreeNode

from aam.simulation.tree import newick, simulate_tree


def brute_ranges(parent: np.ndarray, tips: np.ndarray) -> list[list[int]]:
    under: list[list[int]] = [[] for _ in parent]
    for number, node in enumerate(tips.tolist()):
        while node >= 0:
            under[node].append(number)
            node = int(parent[node])
    return under


@pytest.mark.parametrize("num_tips", [2, 3, 8, 200])
def test_arrays_are_a_binary_tree_in_postorder(num_tips: int) -> None:
    tree = simulate_tree(num_tips, 0.25, np.random.default_rng(num_tips))
    assert len(tree.parent) == 2 * num_tips - 1
    assert tree.parent[-1] == -1
    assert tree.length[-1] == 0
    assert (tree.parent[:-1] > np.arange(2 * num_tips - 2)).all()
    assert (tree.length[:-1] > 0).all()
    children = np.bincount(tree.parent[:-1], minlength=len(tree.parent))
    assert set(np.flatnonzero(children == 0)) == set(tree.tips)
    assert (children[children > 0] == 2).all()
    assert sorted(np.concatenate(tree.levels)) == list(range(2 * num_tips - 2))
    first, size = tree.tip_ranges()
    assert [list(range(a, a + n)) for a, n in zip(first, size, strict=True)] == brute_ranges(tree.parent, tree.tips)


def test_newick_is_the_same_tree() -> None:
    tree = simulate_tree(60, 0.25, np.random.default_rng(0))
    names = [f"t{number}" for number in range(60)]
    read = TreeNode.read(["".join(newick(tree, names))])
    assert [tip.name for tip in read.tips()] == names
    expected = tree.root_distances()[tree.tips]
    found = [sum(node.length or 0 for node in [tip, *tip.ancestors()]) for tip in read.tips()]
    np.testing.assert_allclose(found, expected, rtol=1e-7)
    _, size = tree.tip_ranges()
    assert sorted(len(list(node.tips())) for node in read.non_tips(include_self=True)) == sorted(size[size > 1])


def test_divergence_is_the_mean_distance_to_the_tips() -> None:
    tree = simulate_tree(500, 0.25, np.random.default_rng(1))
    distances = tree.root_distances()[tree.tips]
    assert distances.mean() == pytest.approx(0.25)
    assert 0 < distances.std() < 0.1


def test_lineages_accumulate_as_in_a_birth_death_process() -> None:
    """The time in which lineages double, far from present and root, is log(2) / (birth - death)."""
    slopes = []
    for seed in range(20):
        tree = simulate_tree(2_000, 1.0, np.random.default_rng(seed))
        heights = np.sort(tree.root_distances()[np.setdiff1d(np.arange(len(tree.parent)), tree.tips)])
        inner = slice(20, 400)
        slopes.append(np.polyfit(heights[inner], np.log(np.arange(2, 2_001)[inner]), 1)[0])
    age = np.log(2_000) + np.log(0.5)
    assert np.mean(slopes) == pytest.approx(age, rel=0.25)
