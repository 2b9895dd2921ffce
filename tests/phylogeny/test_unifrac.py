from __future__ import annotations

import io
import pickle
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from skbio import TreeNode
from skbio.diversity import alpha_diversity, beta_diversity

from aam.config import TableOptions
from aam.data.readers.table import read_table
from aam.phylogeny.tree import Tree, read_tree
from aam.phylogeny.unifrac import Phylogeny
from aam.simulation.tree import simulate_tree
from tests.phylogeny.random_trees import ladder, pairwise, random_newick, random_table, table_of

STUDIES = Path(__file__).resolve().parents[3] / "shared" / "data"
PROPERTY = settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
HAND = "((A:1,B:2):3,(C:4,D:5):6);"


def read(folder: Path, text: str) -> Tree:
    path = folder / "t.nwk"
    path.write_text(text)
    return read_tree(path)


def over(folder: Path, text: str, tips: str | list[str]) -> Phylogeny:
    return Phylogeny(read(folder, text), list(tips))


def check_against_scikit_bio(phylogeny: Phylogeny, counts: csr_array, tree: TreeNode, names: list[str]) -> None:
    table = counts.toarray()
    np.testing.assert_allclose(
        phylogeny.faith_pd(counts), alpha_diversity("faith_pd", table, taxa=names, tree=tree, validate=False), atol=1e-6
    )
    found = {
        "unweighted_unifrac": phylogeny.unweighted_unifrac(counts),
        "weighted_unifrac": phylogeny.weighted_unifrac(counts, normalized=False),
    }
    for metric, values in found.items():
        expected = beta_diversity(metric, table, taxa=names, tree=tree, validate=False).data
        np.testing.assert_allclose(values, expected, atol=1e-6)
    with np.errstate(invalid="ignore"):
        expected = beta_diversity(
            "weighted_unifrac", table, taxa=names, tree=tree, validate=False, normalized=True
        ).data
    # Of samples without any branch it makes 0 / 0; to us they are at one place, the root.
    np.testing.assert_allclose(phylogeny.weighted_unifrac(counts), np.nan_to_num(expected), atol=1e-6)


def test_a_rooted_polytomy_is_that_of_scikit_bio(tmp_path: Path) -> None:
    text = "(A:1,B:2,((C:4,D:5):1,E:1)g:3)root;"
    (tmp_path / "t.nwk").write_text(text)
    phylogeny = Phylogeny(read_tree(tmp_path / "t.nwk", "given"), list("ABCDE"))
    tree = TreeNode.read(io.StringIO(text))
    check_against_scikit_bio(phylogeny, random_table(6, 5, seed=2, share=0.6), tree, list("ABCDE"))


def generalized(tree: Tree, table: np.ndarray, alpha: float) -> np.ndarray:
    """The formula of Chen et al. 2012 on every branch of the tree; the table's columns are the tree's tips in order."""
    below = np.zeros((len(tree.parent), len(table)))
    below[tree.tips] = (table / table.sum(axis=1, keepdims=True)).T
    for node in range(len(tree.parent) - 1):
        below[tree.parent[node]] += below[node]

    def distance(i: int, j: int) -> float:
        p, q = below[:, i], below[:, j]
        used = p + q > 1e-12
        p, q, length = p[used], q[used], tree.length[used]
        whole = (length * (p + q) ** alpha).sum()
        return float((length * (p + q) ** (alpha - 1) * np.abs(p - q)).sum() / whole) if whole > 0 else 0.0

    return pairwise(distance, len(table))


def test_worked_by_hand(tmp_path: Path) -> None:
    phylogeny = over(tmp_path, HAND, "ABCD")
    counts = table_of([[2, 2, 0, 0], [0, 4, 4, 0], [0, 0, 0, 5]])
    assert phylogeny.faith_pd(counts).tolist() == [6, 15, 11]
    # s0 and s1 share B (2) and AB (3) of 1 + 2 + 3 + 4 + 6; s1 and s2 share CD (6) of 2 + 3 + 4 + 5 + 6.
    unweighted = phylogeny.unweighted_unifrac(counts)
    np.testing.assert_allclose(unweighted, [[0, 11 / 16, 1], [11 / 16, 0, 14 / 20], [1, 14 / 20, 0]], atol=1e-12)
    # s0 and s1: A 1 * 1/2, B 0, AB 3 * 1/2, C 4 * 1/2, CD 6 * 1/2.
    plain = phylogeny.weighted_unifrac(counts, normalized=False)
    np.testing.assert_allclose(plain, [[0, 7, 15.5], [7, 0, 1 + 1.5 + 2 + 5 + 3], [15.5, 12.5, 0]], atol=1e-12)
    # Mean distances from the root are 4.5, 7.5 and 11.
    normalized = phylogeny.weighted_unifrac(counts)
    expected = [[0, 7 / 12, 1], [7 / 12, 0, 12.5 / 18.5], [1, 12.5 / 18.5, 0]]
    np.testing.assert_allclose(normalized, expected, atol=1e-12)
    # p + q of s0 and s1: A 1/2, B 1, AB 3/2, C 1/2, CD 1/2; with alpha = 0 every branch counts |p - q| / (p + q).
    half = phylogeny.generalized_unifrac(counts, 0)
    assert half[0, 1] == pytest.approx((1 + 0 + 3 / 3 + 4 + 6) / (1 + 2 + 3 + 4 + 6))
    root = np.sqrt([0.5, 1, 1.5, 0.5, 0.5])
    parts = np.array([1, 0, 3 / 3, 4, 6]) @ root / (np.array([1, 2, 3, 4, 6]) @ root)
    assert phylogeny.generalized_unifrac(counts, 0.5)[0, 1] == pytest.approx(parts)


@PROPERTY
@example(num_tips=2, seed=1234, share=0.02)
@given(num_tips=st.integers(2, 60), seed=st.integers(0, 2**32), share=st.sampled_from([0.02, 0.3, 1.0]))
def test_the_same_as_scikit_bio(num_tips: int, seed: int, share: float, tmp_path: Path) -> None:
    text = random_newick(num_tips, seed)
    names = [f"t{i}" for i in np.random.default_rng(seed).permutation(num_tips)[: max(1, num_tips // 2)]]
    counts = random_table(7, len(names), seed, share)
    tree = read(tmp_path, text)
    for one in (tree, tree.prune(names)):
        check_against_scikit_bio(Phylogeny(one, names), counts, TreeNode.read(io.StringIO(text)), names)


@PROPERTY
@given(num_tips=st.integers(2, 40), seed=st.integers(0, 2**32), alpha=st.sampled_from([0.0, 0.25, 0.5, 0.9, 1.0]))
def test_generalized_is_its_formula(num_tips: int, seed: int, alpha: float, tmp_path: Path) -> None:
    tree = read(tmp_path, random_newick(num_tips, seed))
    counts = random_table(6, num_tips, seed)
    phylogeny = Phylogeny(tree, tree.names)
    values = phylogeny.generalized_unifrac(counts, alpha)
    np.testing.assert_allclose(values, generalized(tree, counts.toarray(), alpha), atol=1e-9)
    if alpha == 1:
        np.testing.assert_allclose(values, phylogeny.weighted_unifrac(counts), atol=1e-9)


def all_distances(phylogeny: Phylogeny, counts: csr_array) -> list[np.ndarray]:
    return [
        phylogeny.unweighted_unifrac(counts),
        phylogeny.weighted_unifrac(counts),
        phylogeny.weighted_unifrac(counts, normalized=False),
        phylogeny.generalized_unifrac(counts, 0.5),
    ]


def test_distances_are_symmetric_and_do_not_depend_on_the_batch(tmp_path: Path) -> None:
    names = [f"t{i}" for i in range(80)]
    phylogeny = over(tmp_path, random_newick(80, 5), names)
    counts = random_table(12, 80, 5)
    counts = csr_array(np.vstack([counts.toarray(), 3 * counts.toarray()[:2]]))
    rows = np.array([13, 4, 0, 12])
    for whole, part in zip(all_distances(phylogeny, counts), all_distances(phylogeny, counts[rows]), strict=True):
        assert (whole == whole.T).all()
        assert (np.diagonal(whole) == 0).all()
        assert (whole >= 0).all()
        assert whole[0, 12] == pytest.approx(0, abs=1e-12)
        np.testing.assert_allclose(part, whole[np.ix_(rows, rows)], atol=1e-12)


def test_distances_from_others_are_part_of_all_distances(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    phylogeny = over(tmp_path, random_newick(80, 7), [f"t{i}" for i in range(80)])
    counts = random_table(90, 80, 7)
    some, others = counts[:70], counts[70:]
    for values in (1 << 19, 50):
        monkeypatch.setattr("aam.phylogeny.batch_tree.MOST_VALUES", values)
        found = [
            phylogeny.unweighted_unifrac(some, others),
            phylogeny.weighted_unifrac(some, others_CA=others),
            phylogeny.weighted_unifrac(some, False, others),
            phylogeny.generalized_unifrac(some, 0.5, others),
        ]
        for part, whole in zip(found, all_distances(phylogeny, counts), strict=True):
            np.testing.assert_allclose(part, whole[:70, 70:], atol=1e-12)


def test_few_branches_are_held_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aam.phylogeny.batch_tree.MOST_VALUES", 1000)
    phylogeny = over(tmp_path, ladder(400), [f"t{i}" for i in range(400)])
    counts = random_table(10, 400, 1)
    blocks = list(phylogeny.tree_of(counts).blocks())
    assert max(reads_NB.size for _, reads_NB in blocks) <= 1000
    assert sum(len(length_N) for length_N, _ in blocks) > 500


def test_blocks_give_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    phylogeny = over(tmp_path, random_newick(60, 6), [f"t{i}" for i in range(60)])
    counts = random_table(9, 60, 6)
    before, diversity = all_distances(phylogeny, counts), phylogeny.faith_pd(counts)
    monkeypatch.setattr("aam.phylogeny.batch_tree.MOST_VALUES", 20)
    np.testing.assert_allclose(all_distances(phylogeny, counts), before, atol=1e-12)
    np.testing.assert_allclose(phylogeny.faith_pd(counts), diversity)


def test_columns_may_share_a_tip(tmp_path: Path) -> None:
    shared, single = over(tmp_path, HAND, "ACAD"), over(tmp_path, HAND, "ACD")
    many, few = table_of([[1, 2, 3, 0], [0, 1, 2, 2]]), table_of([[4, 2, 0], [2, 1, 2]])
    for one, other in zip(all_distances(shared, many), all_distances(single, few), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-12)


def test_one_sample_one_tip_and_branches_of_no_length(tmp_path: Path) -> None:
    phylogeny = over(tmp_path, "((A:0,B:0):0,C:2);", "ABC")
    for values in all_distances(phylogeny, table_of([[3, 0, 0], [0, 1, 0], [0, 0, 9]])):
        assert values[0, 1] == 0
        assert values[0, 2] > 0
    for values in all_distances(phylogeny, table_of([[0, 0, 4]])):
        assert values.tolist() == [[0]]
    assert phylogeny.faith_pd(table_of([[3, 1, 0], [0, 0, 4]])).tolist() == [0, 2]


def test_counts_stay_as_they_are_and_their_type_does_not_matter(tmp_path: Path) -> None:
    phylogeny = over(tmp_path, HAND, "ABCD")
    counts = random_table(5, 4, 1)
    before = counts.toarray()
    expected = all_distances(phylogeny, counts)
    assert (counts.toarray() == before).all()
    for dtype in (np.int32, np.uint16, np.float32):
        np.testing.assert_allclose(all_distances(phylogeny, counts.astype(dtype)), expected, atol=1e-12)


def test_can_be_sent_to_a_worker(tmp_path: Path) -> None:
    names = [f"t{i}" for i in range(20_000)]
    phylogeny = over(tmp_path, ladder(20_000), names)
    counts = random_table(3, 20_000, 1, share=0.01)
    sent = pickle.loads(pickle.dumps(phylogeny))
    np.testing.assert_array_equal(sent.unweighted_unifrac(counts), phylogeny.unweighted_unifrac(counts))


def batch(num_tips: int, num_samples: int, num_asvs: int) -> tuple[Phylogeny, csr_array]:
    """Samples whose ASVs come from 10,000 tips of a simulated tree."""
    rng = np.random.default_rng(0)
    simulated = simulate_tree(num_tips, 0.5, rng)
    tree = Tree("simulated", simulated.parent, simulated.length, tuple(f"t{i}" for i in range(num_tips)))
    pool = rng.choice(num_tips, 10_000, replace=False)
    columns = np.concatenate([np.sort(rng.choice(pool, num_asvs, replace=False)) for _ in range(num_samples)])
    pointers = np.arange(num_samples + 1) * num_asvs
    counts = csr_array((rng.integers(1, 100, len(columns)), columns, pointers), shape=(num_samples, num_tips))
    return Phylogeny(tree, tree.names), counts


@pytest.mark.slow
@pytest.mark.parametrize("num_tips", [10_000, 300_000])
def test_a_batch_is_fast_whatever_the_size_of_the_tree(num_tips: int) -> None:
    phylogeny, counts = batch(num_tips, 256, 500)
    seconds = []
    for _ in range(3):
        start = time.process_time()
        phylogeny.unweighted_unifrac(counts)
        seconds.append(time.process_time() - start)
    assert min(seconds) < 0.3


@pytest.mark.slow
@pytest.mark.skipif(not STUDIES.is_dir(), reason="the real studies are not there")
@pytest.mark.parametrize("study", ["infant_ecam", "gut_udca_crc", "soil_neon_ph"])
def test_real_studies_against_scikit_bio(study: str) -> None:
    table = read_table(TableOptions(table=(STUDIES / study / "table.biom",)))
    tree = read_tree(STUDIES / study / "tree.nwk")
    tips = set(tree.names)
    columns = np.flatnonzero([sequence in tips for sequence in table.sequences])
    rows = np.random.default_rng(0).choice(len(table.sample_ids), 24, replace=False)
    counts = table.counts[rows][:, columns]
    columns, counts = columns[counts.sum(axis=0) > 0], counts[:, counts.sum(axis=0) > 0]
    counts = counts[counts.sum(axis=1) > 0]
    names = [str(sequence) for sequence in table.sequences[columns]]
    expected = TreeNode.read(str(STUDIES / study / "tree.nwk"))
    for one in (tree, tree.prune(names)):
        check_against_scikit_bio(Phylogeny(one, names), counts, expected, names)
