"""PERMANOVA and PERMDISP against scikit-bio, and against sums of squares by hand."""

from __future__ import annotations

import numpy as np
import pytest
from skbio import DistanceMatrix
from skbio.stats import distance

from aam.ordination.association import permanova, permanova_of_numbers, permdisp
from aam.ordination.permutations import Permutations
from tests.ordination.studies import NUMBER, bray_curtis, euclidean, levels, points

NAMES = np.array(["a", "b", "c"])
GROUPS = np.arange(NUMBER) // 4


def freely(number: int = 999, seed: int = 3) -> Permutations:
    return Permutations.of(levels(), None, number, seed)


@pytest.mark.parametrize("distances", [euclidean(1), bray_curtis(1)], ids=["euclidean", "bray_curtis"])
def test_permanova_is_that_of_scikit_bio(distances):
    found = permanova(distances, levels(), freely())
    known = distance.permanova(DistanceMatrix(distances), NAMES[levels()], permutations=999, seed=1)
    assert found.statistic == pytest.approx(known["test statistic"], rel=1e-12)
    assert found.p == pytest.approx(known["p-value"], abs=4 * np.sqrt(max(found.p, 0.001) / 999))
    assert found.share == pytest.approx(1 - 1 / (1 + found.statistic * 2 / (NUMBER - 3)))


def test_permdisp_is_that_of_scikit_bio():
    found = permdisp(euclidean(1), levels(), freely())
    known = distance.permdisp(DistanceMatrix(euclidean(1)), NAMES[levels()], test="centroid", permutations=99, seed=1)
    assert found.statistic == pytest.approx(known["test statistic"], rel=1e-9)
    assert 0 < found.p <= 1


def test_permdisp_sees_scatter():
    cloud = points(2)
    cloud[levels() == 1] *= 6
    distances = np.linalg.norm(cloud[:, None] - cloud[None], axis=2)
    assert permdisp(distances, levels(), freely()).p < 0.01


def test_a_number_explains_what_a_regression_does():
    value = points(3)[:, 0] + np.random.default_rng(0).normal(size=NUMBER)
    centred, slope = points(3) - points(3).mean(axis=0), value - value.mean()
    fitted = np.outer(slope, slope @ centred / (slope @ slope))
    share = (fitted**2).sum() / (centred**2).sum()
    found = permanova_of_numbers(euclidean(3), value, Permutations.of(value, None, 199, 0))
    assert found.share == pytest.approx(share, rel=1e-9)
    assert found.statistic == pytest.approx(share / (1 - share) * (NUMBER - 2), rel=1e-9)
    assert found.p == pytest.approx(1 / 200)


def test_two_levels_are_a_number():
    value = (np.arange(NUMBER) % 2).astype(np.float64)
    by_number = permanova_of_numbers(bray_curtis(4), value, Permutations.of(value, None, 49, 0))
    by_level = permanova(bray_curtis(4), value.astype(np.int64), Permutations.of(value, None, 49, 0))
    assert by_number.statistic == pytest.approx(by_level.statistic, rel=1e-9)
    assert by_number.p == by_level.p


def test_p_of_nothing_is_uniform():
    rng = np.random.default_rng(0)
    found = []
    for seed in range(60):
        value = rng.permutation(levels())
        found.append(permanova(bray_curtis(5), value, Permutations.of(value, None, 39, seed)).p)
    assert 0.3 < np.mean(found) < 0.7
    assert np.mean(np.array(found) <= 0.1) < 0.25


def test_values_of_groups_move_with_them():
    value = (GROUPS % 2).astype(np.int64)
    whole = Permutations.of(value, GROUPS, 20, 0)
    assert whole.how == "whole groups"
    assert all((permuted == permuted[GROUPS * 4]).all() for permuted in whole.permuted(value))


def test_values_within_groups_stay_within():
    value = np.arange(NUMBER) * 1.0
    within = Permutations.of(value, GROUPS[::-1], 20, 0)
    assert within.how == "within groups"
    for permuted in within.permuted(value):
        assert all(set(permuted[rows]) == set(value[rows]) for rows in (GROUPS[::-1] == g for g in range(10)))
    assert len({tuple(permuted) for permuted in within.permuted(value)}) == 20


def test_groups_of_one_kind_are_no_evidence():
    """Samples of a group are alike, so that a label of groups looks certain where groups are not asked for."""
    rng = np.random.default_rng(1)
    cloud = rng.normal(size=(10, 4))[GROUPS] + rng.normal(size=(NUMBER, 4)) * 0.01
    distances, value = np.linalg.norm(cloud[:, None] - cloud[None], axis=2), (GROUPS < 5).astype(np.int64)
    naive = permanova(distances, value, Permutations.of(value, None, 999, 0)).p
    assert permanova(distances, value, Permutations.of(value, GROUPS, 999, 0)).p > 10 * naive
