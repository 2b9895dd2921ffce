from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from sklearn.decomposition import PCA
from sklearn.metrics import r2_score, roc_auc_score

from aam.learners.clades import Clades, clade_counts, log_abundances, totals
from benchmarks.network.clades import CladeComponents
from benchmarks.network.examples import Examples, changed, cuts_of, mixed
from benchmarks.network.recipes import IDEAS, PLAIN
from benchmarks.network.table import helps
from benchmarks.network.tasks import score

NUM_SAMPLES, NUM_ASVS = 12, 8
# ((0 1) (2 3)) ((4 5) (6 7))
TREE = Clades(np.array([8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13, 14, 14, -1]), np.arange(NUM_ASVS))


@pytest.fixture
def examples() -> Examples:
    rng = np.random.default_rng(0)
    counts = csr_array(rng.integers(0, 50, (NUM_SAMPLES, NUM_ASVS)))
    truth = rng.normal(size=(NUM_SAMPLES, 1)).astype(np.float32)
    return Examples(counts, truth, torch.zeros(NUM_ASVS, 4), (TREE.parent[:NUM_ASVS] - 8,), None, 40)


def whole(row: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    found = np.zeros(NUM_ASVS)
    found[row[0]] = row[1] / row[1].sum()
    return found


def test_mixup_is_the_weighted_mean_of_compositions(examples: Examples) -> None:
    first, second = examples.row(0), examples.row(1)
    found = mixed(examples, first, second, 0.3, "mixup", np.random.default_rng(0))
    np.testing.assert_allclose(whole(found), 0.3 * whole(first) + 0.7 * whole(second))


def test_each_clade_of_a_mixture_is_of_one_sample(examples: Examples) -> None:
    first, second, rng = examples.row(0), examples.row(1), np.random.default_rng(0)
    sources = np.stack([whole(first), whole(second)])
    seen = set()
    for _ in range(30):
        asvs, shares = mixed(examples, first, second, 0.5, "clades", rng)
        row = np.zeros(NUM_ASVS)
        row[asvs] = shares
        of = []
        for clade in range(4):
            own = slice(2 * clade, 2 * clade + 2)
            of.append([place for place in range(2) if np.array_equal(row[own], sources[place, own])])
            assert of[-1]
        seen.add(str(of))
    assert len(seen) > 4


def test_a_tree_is_cut_into_so_many_clades() -> None:
    ladder = Clades(np.array([40, *range(40, 79), *range(41, 79), -1]), np.arange(40))
    for cut, number in zip(cuts_of(ladder), (16, 32, 40, 40), strict=True):
        assert len(np.unique(cut)) == number


def test_mixed_truths_are_those_of_the_partner(examples: Examples) -> None:
    chosen = np.arange(NUM_SAMPLES)
    found = changed(examples, chosen, replace(PLAIN, mixing="mixup", mixed=1.0), np.random.default_rng(1))
    assert found.share is not None
    assert found.second is not None
    reads = examples.counts.toarray()
    shares = reads / reads.sum(axis=1, keepdims=True)
    partner = [int(np.flatnonzero(examples.truth[:, 0] == float(value))[0]) for value in found.second[:, 0]]
    for one in range(NUM_SAMPLES):
        there = found.batch.counts_BS[one] > 0
        row = np.zeros(NUM_ASVS)
        row[found.batch.asvs_U[found.batch.index_BS[one][there]].numpy()] = found.batch.counts_BS[one][there].numpy()
        share = float(found.share[one])
        np.testing.assert_allclose(row, share * shares[one] + (1 - share) * shares[partner[one]], atol=1e-6)


def test_draws_have_the_depth_and_no_new_asvs(examples: Examples) -> None:
    for number in range(NUM_SAMPLES):
        asvs, reads = examples.drawn(number, np.random.default_rng(number))
        assert reads.sum() == 40
        assert set(asvs) <= set(examples.row(number)[0])


def test_components_are_those_of_scikit_learn(examples: Examples) -> None:
    found = CladeComponents.fit(examples.counts, TREE, 5).of(examples.counts)
    logs = log_abundances(clade_counts(examples.counts, TREE), totals(examples.counts)).toarray()
    expected = PCA(5).fit_transform(logs)
    scaled = expected * np.sqrt(5 * NUM_SAMPLES / (expected**2).sum())
    np.testing.assert_allclose(np.abs(found), np.abs(scaled), atol=1e-4)


def test_scores_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    truth, predicted = rng.normal(size=20), rng.normal(size=(20, 1))
    assert score(truth, predicted, 0) == pytest.approx(r2_score(truth, predicted[:, 0]))
    codes, shares = rng.integers(0, 3, 20), rng.dirichlet(np.ones(3), 20)
    assert score(codes, shares, 3) == pytest.approx(roc_auc_score(codes, shares, multi_class="ovr"))
    two = rng.dirichlet(np.ones(2), 20)
    assert score(codes % 2, two, 2) == pytest.approx(roc_auc_score(codes % 2, two[:, 1]))


def test_ideas_that_do_the_same_share_their_files() -> None:
    assert IDEAS["seeds"].single[1].key == IDEAS["again"].key
    assert len({recipe.key for recipe in IDEAS.values()}) == len(IDEAS)


@pytest.mark.parametrize(
    ("apart", "expected"),
    [([0.02, 0.03], True), ([0.05, -0.02], False), ([0.01, 0.005], False), ([0.02, float("nan")], True)],
)
def test_an_idea_helps_where_no_task_loses(apart: list[float], expected: bool) -> None:
    assert helps(apart) is expected
