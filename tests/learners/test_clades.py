from __future__ import annotations

import numpy as np
import pytest
from scipy.cluster.hierarchy import linkage, to_tree
from scipy.sparse import csr_array

from aam.alphabet import encode
from aam.files.scratch import is_on_disk
from aam.learners import clades as module
from aam.learners.clades import (
    MAX_CLUSTERED,
    Clades,
    asvs_per_clade,
    clade_counts,
    clades_of_sequences,
    kmer_frequencies,
    nearest_sequences,
)
from tests.data.study_files import random_counts
from tests.factories import random_sequences
from tests.learners.trees.trees_of_asvs import members, random_parents


def test_a_clade_has_what_is_on_its_node_and_below() -> None:
    """((a,b),c) with nodes a 0, b 1, their parent 2, c 3, root 4; a fourth ASV shares the tip c."""
    clades = Clades(np.array([2, 2, 4, 4, -1]), np.array([0, 1, 3, 3]))
    counts = csr_array(np.array([[1, 2, 4, 8], [0, 5, 0, 0]]))
    assert clade_counts(counts, clades).toarray().tolist() == [[1, 2, 3, 12, 15], [0, 5, 5, 0, 5]]
    assert clade_counts(counts, clades, np.array([4, 0])).toarray().tolist() == [[15, 1], [5, 0]]
    assert asvs_per_clade(clades).tolist() == [1, 1, 2, 2, 4]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("block", [1, 300, 1 << 23])
def test_reads_of_clades_are_sums_over_their_asvs(seed: int, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK_VALUES", block)
    rng = np.random.default_rng(seed)
    clades = Clades(random_parents(rng, 60), rng.integers(60, size=40))
    counts = csr_array(random_counts(25, 40, seed))
    nodes = rng.permutation(60)[:30]
    expected = counts.toarray() @ members(clades)
    assert (clade_counts(counts, clades).toarray() == expected).all()
    assert (clade_counts(counts, clades, nodes).toarray() == expected[:, nodes]).all()
    assert (asvs_per_clade(clades) == members(clades).sum(axis=0)).all()


def test_deep_trees_are_counted_by_cumulative_sums(monkeypatch: pytest.MonkeyPatch) -> None:
    clades = clades_of_sequences(encode(random_sequences(50)), np.ones(50))
    counts, nodes = csr_array(random_counts(9, 50)), np.array([80, 3, 98])
    assert clades.above is not None
    monkeypatch.setattr("aam.learners.clades.MAX_DEPTH", 1)
    deep = Clades(clades.parent, clades.node_of_asv)
    assert deep.above is None
    for some in (None, nodes):
        first, second = clade_counts(counts, clades, some), clade_counts(counts, deep, some)
        assert first.indices.tolist() == second.indices.tolist()
        assert (first.toarray() == second.toarray()).all()


def test_a_tree_that_is_one_long_ladder_takes_little_memory() -> None:
    """A matrix of ASVs x nodes above them would have 2 * 10^10 entries."""
    size = 200_000
    clades = Clades(np.append(np.arange(1, size), -1), np.arange(size))
    counts = csr_array(np.ones((1, size), dtype=np.int64))
    assert clade_counts(counts, clades, np.array([0, size // 2, size - 1])).toarray().tolist() == [
        [1, size // 2 + 1, size]
    ]


def test_words_are_counted_without_those_that_hold_n() -> None:
    found = kmer_frequencies(encode(["ACGTACG", "AAAAAANAAAAAAC", "ACGTA", "ACGTACG"])).toarray()
    assert found.shape == (4, 4**6)
    assert found[0, [0b000110110001, 0b011011000110]] == pytest.approx([0.5, 0.5])
    assert found[1, [0, 1]] == pytest.approx([2 / 3, 1 / 3])
    assert found.sum(axis=1) == pytest.approx([1, 1, 0, 1])
    assert (found[0] == found[3]).all()


@pytest.mark.parametrize("bases", [5, 6])
def test_words_of_many_asvs_are_counted_by_blocks(bases: int, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = encode([*random_sequences(9, length=40), "ACGTNNACGTACGTACG", "ACG", "AAAAAAAAAAAA"])
    whole = kmer_frequencies(tokens, bases)
    monkeypatch.setattr("aam.phylogeny.sequence_tree.ASVS_PER_BLOCK", 5)
    monkeypatch.setattr("aam.files.scratch.IN_MEMORY_BYTES", 0)
    found = kmer_frequencies(tokens, bases)
    assert is_on_disk(found.data)
    assert found.dtype == np.float32
    for name in ("data", "indices", "indptr"):
        assert np.array_equal(getattr(found, name), getattr(whole, name))
    wide = kmer_frequencies(tokens, bases, np.float64)
    assert wide.dtype == np.float64
    assert np.array_equal(wide.data, whole.data)


def tip_sets(clades: Clades) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(column).tolist()) for column in members(clades).T}


def test_the_tree_of_sequences_is_wards() -> None:
    """Lengths differ so that no two distances are equal: ties may be broken either way."""
    tokens = encode([sequence[row:] for row, sequence in enumerate(random_sequences(25, length=80))])
    found = clades_of_sequences(tokens, np.ones(25))
    assert found.node_of_asv.tolist() == list(range(25))
    _, nodes = to_tree(linkage(kmer_frequencies(tokens).toarray().astype(float), "ward"), rd=True)
    assert tip_sets(found) == {frozenset(node.pre_order()) for node in nodes}


def test_one_sequence_is_a_tree() -> None:
    found = clades_of_sequences(encode(["ACGTACGTA"]), np.ones(1))
    assert (found.parent.tolist(), found.node_of_asv.tolist()) == ([-1], [0])


def alike(sequence: str) -> str:
    return sequence[:-1] + ("A" if sequence[-1] != "A" else "C")


def test_rare_asvs_join_the_nearest_of_the_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_CLUSTERED > 6
    monkeypatch.setattr("aam.phylogeny.sequence_tree.MAX_CLUSTERED", 3)
    monkeypatch.setattr("aam.phylogeny.sequence_tree.ASVS_PER_BLOCK", 2)
    centres = random_sequences(3, length=60)
    found = clades_of_sequences(encode([*map(alike, centres), *centres]), np.array([1, 0, 1, 5, 6, 7]))
    assert found.node_of_asv.tolist() == [0, 1, 2, 0, 1, 2]
    assert len(found.parent) == 5


def test_the_nearest_sequence_is_found_whatever_its_length() -> None:
    known = random_sequences(5, length=60)
    asked = [alike(known[3]), known[1][:50], known[4] + "ACGT"]
    assert nearest_sequences(encode(asked), encode(known)).tolist() == [3, 1, 4]
    assert nearest_sequences(encode([]), encode(known)).tolist() == []
