from __future__ import annotations

import numpy as np
import pytest

from aam.data.study.subsets import ladder, nested_ranks


def groups_of(sizes: list[int]) -> np.ndarray:
    return np.repeat([f"g{i}" for i in range(len(sizes))], sizes).astype(object)


def test_subsets_are_nested_and_of_whole_groups() -> None:
    groups = groups_of([3, 1, 4, 2, 6, 2, 1])
    ranks, _ = nested_ranks(np.zeros(len(groups), dtype=np.int64), groups, np.random.default_rng(1))
    before: set[int] = set()
    for size in range(1, 8):
        rows = set(np.flatnonzero(ranks < size).tolist())
        inside = {groups[row] for row in rows}
        assert len(inside) == size
        assert rows == set(np.flatnonzero(np.isin(groups, list(inside))).tolist())
        assert before < rows
        before = rows


def test_subsets_are_a_function_of_the_seed() -> None:
    groups, strata = groups_of([2] * 30), np.zeros(60, dtype=np.int64)
    first, again, other = (nested_ranks(strata, groups, np.random.default_rng(seed))[0] for seed in (1, 1, 2))
    assert first.tolist() == again.tolist()
    assert first.tolist() != other.tolist()


def test_samples_alone_are_groups_of_one() -> None:
    ranks, _ = nested_ranks(np.zeros(9, dtype=np.int64), None, np.random.default_rng(0))
    assert sorted(ranks.tolist()) == list(range(9))


@pytest.mark.parametrize("seed", range(5))
def test_each_class_comes_first_in_two_groups(seed: int) -> None:
    groups = groups_of([2] * 40)
    strata = np.zeros(80, dtype=np.int64)
    strata[[20, 21, 51, 60, 61, 62]] = 1, 1, 1, 1, 1, 1
    strata[[7]] = 2
    ranks, least = nested_ranks(strata, groups, np.random.default_rng(seed), cover=True)
    within = ranks < least
    assert least <= 5
    assert len(set(groups[within & (strata == 1)])) >= 2
    assert len(set(groups[within & (strata == 2)])) == 1  # there is no other
    assert len(set(groups[within & (strata == 0)])) >= 2


@pytest.mark.parametrize(
    ("largest", "least", "sizes"),
    [
        (400, 20, (25, 50, 100, 200, 400)),
        (48, 6, (6, 12, 24, 48)),
        (34, 6, (6, 8, 12, 17, 24, 34)),
        (12, 6, (6, 8, 12)),
        (7, 6, (7,)),
        (3, 6, (3,)),
    ],
)
def test_ladder(largest: int, least: int, sizes: tuple[int, ...]) -> None:
    assert ladder(largest, least) == sizes
