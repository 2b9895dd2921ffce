"""Who gives to whom, and what a sample becomes of it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array

from aam.explanation.exchange import donors, exchanged, exchanges, one_unit
from tests.explanation.subjects import groups_of


def reads(rows):
    return csr_array(np.array(rows, dtype=np.int64))


@pytest.mark.parametrize("sizes", [[1] * 7, [3, 3, 3], [5, 1, 1, 2, 1], [4, 2, 1, 1], [1, 1]])
def test_each_gives_once_to_another_unit(sizes):
    unit_N = np.random.default_rng(0).permutation(np.repeat(np.arange(len(sizes)), sizes))
    for seed in range(20):
        donor_N = donors(unit_N, np.random.default_rng(seed))
        assert sorted(donor_N) == list(range(len(unit_N)))
        assert (unit_N[donor_N] != unit_N).all()


def test_all_others_give_about_as_often():
    unit_N = np.repeat(np.arange(4), 3)
    given = np.zeros((12, 12))
    for seed in range(900):
        given[np.arange(12), donors(unit_N, np.random.default_rng(seed))] += 1
    others = unit_N[:, None] != unit_N
    assert (given[~others] == 0).all()
    assert given[others].min() > 60  # 100 are expected, with a standard deviation of 9
    assert given[others].max() < 140


def test_a_unit_of_most_samples_draws_from_all_others():
    unit_N = np.array([0, 0, 1, 0, 2, 0, 0])
    found = np.stack([donors(unit_N, np.random.default_rng(seed)) for seed in range(200)])
    assert (unit_N[found] != unit_N).all()
    assert [set(found[:, place]) for place in (0, 2, 4)] == [{2, 4}, {0, 1, 3, 4, 5, 6}, {0, 1, 2, 3, 5, 6}]


def test_one_unit_has_nobody_to_exchange_with():
    assert one_unit(np.zeros(4, dtype=int))
    assert not one_unit(np.array([0, 0, 1]))


def test_shares_of_the_donor_and_the_rest_scaled():
    # The group is A and B. Donor: 30 of 100 reads are A, 10 are B. The sample has 50 reads, 25 of them others.
    own, donor, group = reads([[25, 0, 20, 5]]), reads([[30, 10, 60, 0]]), reads([[1, 1, 0, 0]])
    assert exchanged(own, donor, group).toarray().tolist() == [[15, 5, 24, 6]]


@pytest.mark.parametrize(
    ("own", "donor", "expected"),
    [
        ([0, 0, 8, 2], [0, 0, 3, 3], [0, 0, 8, 2]),  # neither has it
        ([5, 5, 8, 2], [0, 0, 3, 3], [0, 0, 16, 4]),  # taken away
        ([0, 0, 8, 2], [3, 1, 0, 0], [7, 3, 0, 0]),  # the donor is nothing else; 7.5 and 2.5 sum to 10
        ([6, 4, 0, 0], [1, 4, 5, 0], [2, 8, 0, 0]),  # the sample is nothing else
        ([6, 4, 0, 0], [0, 0, 5, 5], [6, 4, 0, 0]),  # nothing would be left
        ([0, 0, 97, 3], [9, 0, 1, 0], [90, 0, 9, 1]),  # 0.3 reads stay one
    ],
)
def test_what_becomes_of_a_sample(own, donor, expected):
    found = exchanged(reads([own]), reads([donor]), reads([[1, 1, 0, 0]]))
    assert found.sum() == sum(own)
    assert found.nnz == np.count_nonzero(found.data)
    assert np.abs(found.toarray()[0] - expected).max() <= 1
    assert ((found.toarray()[0] > 0) == (np.array(expected) > 0)).all()


def test_each_set_is_exchanged_once():
    counts = reads([[5, 3, 0, 1], [0, 4, 2, 0], [0, 0, 7, 0]])
    singles, clades = groups_of("asv", np.eye(4, dtype=int)), groups_of("clade", [[1, 1, 0, 0], [0, 0, 1, 1]])
    found = exchanges(counts, np.array([2, 0, 1]), (singles, clades))
    # Sample 0 and its donor have A, B, C, D; 1 and its donor have A, B, C, D; 2 and its donor have B and C.
    assert found.sample_V.tolist() == [0] * 6 + [1] * 6 + [2] * 2
    assert (found.variant[0].toarray() > 0).tolist() == [[True] * 4, [True] * 4, [False, True, True, False]]
    assert found.variant[1].toarray()[2].tolist() == found.variant[0].toarray()[2, 1:3].tolist()
    stacked = np.vstack([np.eye(4, dtype=int), [[1, 1, 0, 0], [0, 0, 1, 1]]])
    assert found.members.toarray().tolist() == stacked.tolist()
    held = (counts + counts[[2, 0, 1]]).toarray() > 0
    for level, first in ((0, 0), (1, 4)):
        for sample, group in zip(*found.variant[level].nonzero(), strict=True):
            chosen = found.group_V[found.variant[level].toarray()[sample, group] - 1]
            assert ((stacked[chosen] > 0) & held[sample]).tolist() == (
                (stacked[first + group] > 0) & held[sample]
            ).tolist()
