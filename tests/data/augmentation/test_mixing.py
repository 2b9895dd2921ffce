"""Mixtures of two samples are those of scikit-bio, made of the same random choices."""

from __future__ import annotations

import numpy as np
import pytest
import skbio.table
from skbio.tree import TreeNode

from aam.data.augmentation import Mixing, find_augmentation
from aam.phylogeny.clade_ranges import CladeRanges

SAMPLES = np.random.default_rng(0).integers(0, 30, (2, 8)).astype(float)
SHARES = SAMPLES / SAMPLES.sum(axis=1, keepdims=True)
TREE = "(((a,b),(c,d)),((e,f),(g,(h,i))));"
CLASSES = np.array([0, 1])
SEEDS = range(12)


def mixing(name: str) -> Mixing:
    found = find_augmentation(name)
    assert isinstance(found, Mixing)
    return found


@pytest.mark.parametrize("seed", SEEDS)
def test_mixup_is_that_of_scikit_bio(seed: int) -> None:
    expected, labels = skbio.table.mixup(SHARES, 1, CLASSES, seed=seed)
    rng = np.random.default_rng(seed)
    rng.integers(0, 1, size=1)  # the pair
    share = mixing("mixup").share(rng)
    np.testing.assert_allclose(mixing("mixup").mixed(*SHARES, share, rng), expected[0])
    np.testing.assert_allclose([share, 1 - share], labels[0])


@pytest.mark.parametrize("seed", SEEDS)
def test_cutmix_is_that_of_scikit_bio(seed: int) -> None:
    expected, labels = skbio.table.compos_cutmix(SHARES, 1, np.array([0, 0]), seed=seed)
    rng = np.random.default_rng(seed)
    rng.integers(0, 1, size=1)
    found = mixing("cutmix").mixed(*SHARES, mixing("cutmix").share(rng), rng)
    np.testing.assert_allclose(found / found.sum(), expected[0])
    assert labels.tolist() == [[1]]
    assert mixing("cutmix").within_class


@pytest.mark.parametrize("seed", SEEDS)
def test_phylomix_is_that_of_scikit_bio(seed: int) -> None:
    tree, tips = TreeNode.read([TREE]), list("abcdefgh")
    expected, labels = skbio.table.phylomix(SAMPLES, 1, tree, tips, CLASSES, seed=seed)
    rng = np.random.default_rng(seed)
    rng.integers(0, 1, size=1)
    share = mixing("phylomix").share(rng)
    order = [1, 0] if rng.random(1)[0] < 0.5 else [0, 1]
    nodes = [[tips.index(tip.name) for tip in node.tips() if tip.name in tips] for node in tree.postorder()]
    # Nodes in scikit-bio's order; the tip i is not of the table.
    inner = [own for own, node in zip(nodes, tree.postorder(), strict=True) if node.children]
    clades = CladeRanges(np.arange(8), np.array([own[0] for own in inner]), np.array([own[-1] + 1 for own in inner]))
    found = mixing("phylomix").mixed(*SAMPLES[order], share, rng, clades)
    np.testing.assert_allclose(found, expected[0])
    np.testing.assert_allclose(labels[0][order], [share, 1 - share])


def test_phylomix_takes_whole_clades_with_their_sum() -> None:
    """Of ((a b) (c d)) with a share of a half, one pair is the other sample's, scaled to the first one's sum."""
    first, second = np.array([0.1, 0.3, 0.2, 0.4]), np.array([0.6, 0.2, 0.1, 0.1])
    clades = CladeRanges(np.arange(4), np.array([0, 2]), np.array([2, 4]))
    expected = {(0.3, 0.1, 0.2, 0.4), (0.1, 0.3, 0.3, 0.3)}
    found = [mixing("phylomix").mixed(first, second, 0.5, np.random.default_rng(s), clades) for s in SEEDS]
    assert {tuple(np.round(one, 12).tolist()) for one in found} == expected


def test_phylomix_without_reads_to_take_is_the_first() -> None:
    first, second = np.array([1.0, 0.0, 0.0]), np.array([0.0, 0.5, 0.5])
    clades = CladeRanges(np.arange(3), np.array([1]), np.array([3]))
    assert mixing("phylomix").mixed(first, second, 0.5, np.random.default_rng(0), clades).tolist() == first.tolist()
