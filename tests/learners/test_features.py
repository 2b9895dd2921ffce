from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.cluster.hierarchy import linkage, to_tree
from scipy.sparse import issparse

from aam.alphabet import encode
from aam.learners import features as module
from aam.learners.features import (
    FLOOR,
    MOST_CLUSTERED,
    Clades,
    clades_of_sequences,
    forest_features,
    members,
    word_frequencies,
)
from aam.phylogeny.tree import read_tree
from aam.phylogeny.unifrac import Phylogeny
from tests.data.study_files import make_study, random_counts
from tests.factories import random_sequences

ALL = np.arange(300)


def test_a_node_has_what_is_on_it_and_below_it() -> None:
    """((a,b),c) with nodes a 0, b 1, their parent 2, c 3, root 4; a fourth ASV shares the tip c."""
    clades = Clades(np.array([2, 2, 4, 4, -1]), np.array([0, 1, 3, 3]))
    expected = [[1, 0, 1, 0, 1], [0, 1, 1, 0, 1], [0, 0, 0, 1, 1], [0, 0, 0, 1, 1]]
    assert members(clades).toarray().tolist() == expected
    counts = np.array([[1, 2, 4, 8], [0, 5, 0, 0]])
    assert (counts @ members(clades)).tolist() == [[1, 2, 3, 12, 15], [0, 5, 5, 0, 5]]


def test_relative_abundances_of_asvs_that_enough_training_samples_have() -> None:
    """Of 200 training samples 1 % are two: an ASV of one of them is left out, however many others have it."""
    counts = random_counts(300, 6)
    counts[:, 0] += 1
    counts[:, 2] = 0
    counts[0, 2] = 5
    counts[200:, 2] = 9
    counts[:, 4] = 0
    counts[[7, 9], 4] = 1
    found = forest_features(make_study(counts), "asv", ALL[:200])
    assert issparse(found)
    shares = counts / counts.sum(axis=1, keepdims=True)
    assert found.toarray() == pytest.approx(shares[:, [0, 1, 3, 4, 5]])


def test_centred_log_ratios_of_the_same_asvs() -> None:
    counts = random_counts(20, 6)
    counts[:10, 2] = 0
    found = forest_features(make_study(counts), "clr", ALL[:10])
    logs = np.log(counts[:, [0, 1, 3, 4, 5]] + 1)
    assert found == pytest.approx(logs - logs.mean(axis=1, keepdims=True))
    assert found.sum(axis=1) == pytest.approx(0)


def test_what_is_kept_depends_on_the_training_samples_alone() -> None:
    counts = random_counts(30, 12)
    changed = counts.copy()
    changed[20:] = random_counts(10, 12, seed=5)
    for kind in ("asv", "clr", "clades"):
        first, second = (forest_features(make_study(c), kind, ALL[:20])[:20] for c in (counts, changed))
        dense = [x.toarray() if issparse(x) else x for x in (first, second)]
        assert dense[0] == pytest.approx(dense[1])


def test_words_are_counted_without_those_that_hold_n() -> None:
    found = word_frequencies(encode(["ACGTACG", "AAAAAANAAAAAAC", "ACGTA", "ACGTACG"])).toarray()
    assert found.shape == (4, 4**6)
    assert found[0, [0b000110110001, 0b011011000110]] == pytest.approx([0.5, 0.5])
    assert found[1, [0, 1]] == pytest.approx([2 / 3, 1 / 3])
    assert found.sum(axis=1) == pytest.approx([1, 1, 0, 1])
    assert (found[0] == found[3]).all()


def tip_sets(parent: np.ndarray, num_tips: int) -> set[frozenset[int]]:
    clades = Clades(parent, np.arange(num_tips))
    return {frozenset(np.flatnonzero(column).tolist()) for column in members(clades).toarray().T}


def test_the_tree_of_sequences_is_wards() -> None:
    """Lengths differ so that no two distances are equal: ties may be broken either way."""
    tokens = encode([sequence[row:] for row, sequence in enumerate(random_sequences(25, length=80))])
    found = clades_of_sequences(tokens, np.ones(25))
    assert found.node_of_asv.tolist() == list(range(25))
    _, nodes = to_tree(linkage(word_frequencies(tokens).toarray().astype(float), "ward"), rd=True)
    assert tip_sets(found.parent, 25) == {frozenset(node.pre_order()) for node in nodes}


def test_one_sequence_is_a_tree() -> None:
    found = clades_of_sequences(encode(["ACGTACGTA"]), np.ones(1))
    assert (found.parent.tolist(), found.node_of_asv.tolist()) == ([-1], [0])


def test_rare_asvs_join_the_nearest_of_those_that_make_the_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST_CLUSTERED > 6
    monkeypatch.setattr(module, "MOST_CLUSTERED", 3)
    monkeypatch.setattr(module, "ASVS_AT_ONCE", 2)
    centres = random_sequences(3, length=60)
    near = [sequence[:-1] + ("A" if sequence[-1] != "A" else "C") for sequence in centres]
    found = clades_of_sequences(encode([*near, *centres]), np.array([1, 0, 1, 5, 6, 7]))
    assert found.node_of_asv.tolist() == [0, 1, 2, 0, 1, 2]
    assert len(found.parent) == 5


def test_clades_of_the_tree_hold_relatives_that_no_training_sample_has(tmp_path: Path) -> None:
    """The tree is ((a,b),(c,d)), and only the third sample, which does not train, has d.

    In the training samples c and (c,d) are alike, and (c,d) stays.
    """
    a, b, c, d = sequences = ["AAAA", "CCCC", "GGGG", "TTTT"]
    (tmp_path / "tree.nwk").write_text(f"(({a}:1,{b}:1):1,({c}:1,{d}:1):1);")
    tree = read_tree(tmp_path / "tree.nwk")
    counts = np.array([[1, 2, 1, 0], [0, 2, 6, 0], [1, 1, 2, 4]])
    study = make_study(counts, sequences=sequences, tree=tree, phylogeny=Phylogeny(tree, sequences))
    found = forest_features(study, "clades", np.arange(2)).toarray()
    shares = {(0.25, 0, 0.125), (0.5, 0.25, 0.125), (0.75, 0.25, 0.25), (0.25, 0.75, 0.75), (1, 1, 1)}
    assert {tuple(column.round(9)) for column in FLOOR * np.expm1(found.T)} == shares


def test_clades_without_a_tree_are_logs_of_sums_of_relative_abundances() -> None:
    counts = random_counts(40, 10)
    study = make_study(counts, sequences=random_sequences(10, length=40))
    found = forest_features(study, "clades", ALL[:30]).toarray()
    clades = clades_of_sequences(study.tokens, np.ones(10))
    table = study.table.counts.toarray()
    shares = table / table.sum(axis=1, keepdims=True)
    direct = {tuple(np.log((shares[:, list(tips)].sum(axis=1) + FLOOR) / FLOOR).round(6)) for tips in sets(clades)}
    assert {tuple(column) for column in found.T.round(6)} == direct
    assert found.shape[1] == 19


def sets(clades: Clades) -> set[frozenset[int]]:
    return tip_sets(clades.parent, len(clades.node_of_asv))
