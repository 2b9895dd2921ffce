from __future__ import annotations

import numpy as np
import pytest

from aam.data.targets.kinds import CLASSES, NUMBERS
from aam.learners.folds import deal_folds
from aam.learners.protocol import Labelled

SIZE = 60
RNG = np.random.default_rng(0)
NUMBER = RNG.normal(size=(SIZE, 2))
GROUPS = np.array([f"g{group}" for group in RNG.integers(0, 13, SIZE)], dtype=object)


def samples(targets: np.ndarray, groups: np.ndarray | None = None) -> Labelled:
    return Labelled(rows=np.arange(len(targets)), targets=targets, groups=groups)


@pytest.mark.parametrize("seed", range(5))
def test_groups_stay_whole(seed: int) -> None:
    folds = deal_folds(NUMBERS, samples(NUMBER, GROUPS), seed)
    assert set(folds) == set(range(5))
    for group in set(GROUPS):
        assert len(set(folds[group == GROUPS])) == 1
    assert np.bincount(folds).max() <= 2 * np.bincount(folds).min() + 4


def test_folds_are_alike_in_size_and_classes() -> None:
    codes = np.repeat([0.0, 1.0, 2.0], [30, 20, 10])[:, None]
    folds = deal_folds(CLASSES, samples(codes))
    for code, share in ((0, 6), (1, 4), (2, 2)):
        assert np.bincount(folds[codes[:, 0] == code], minlength=5).tolist() == [share] * 5


def test_folds_are_alike_in_the_first_number() -> None:
    folds = deal_folds(NUMBERS, samples(NUMBER))
    rank = np.argsort(np.argsort(NUMBER[:, 0]))
    means = [rank[folds == fold].mean() for fold in range(5)]
    assert np.ptp(means) < 8  # of 60 ranks; at random about 12


def test_a_missing_first_number_is_no_matter() -> None:
    some = NUMBER.copy()
    some[::3, 0] = np.nan
    assert set(deal_folds(NUMBERS, samples(some))) == set(range(5))
    some[:, 0] = np.nan
    assert set(deal_folds(NUMBERS, samples(some))) == set(range(5))


def test_few_groups_make_few_folds() -> None:
    groups = np.array(["a", "b", "c"] * 20, dtype=object)
    assert set(deal_folds(NUMBERS, samples(NUMBER, groups))) == {0, 1, 2}
    assert sorted(deal_folds(NUMBERS, samples(NUMBER[:4]))) == [0, 1, 2, 3]


def test_folds_depend_on_the_seed_alone() -> None:
    one, again, other = (deal_folds(NUMBERS, samples(NUMBER, GROUPS), seed) for seed in (1, 1, 2))
    assert (one == again).all()
    assert (one != other).any()
