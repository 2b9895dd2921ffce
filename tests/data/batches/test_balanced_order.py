from __future__ import annotations

from itertools import chain

import numpy as np
import pytest

from aam.data.batches.batching import balanced_order
from aam.data.batches.sampler import ResumableLoader, ShardedBatches
from tests.data.batches.test_sampler import Pairs, positions

LEVELS = np.array(["a"] * 40 + ["b"] * 9 + ["c"] * 2)


def test_each_level_has_the_same_share_of_an_epoch() -> None:
    counts = []
    for seed in range(30):
        drawn = balanced_order(LEVELS, np.random.default_rng(seed))
        assert len(drawn) == len(LEVELS)
        assert [(LEVELS[drawn] == level).sum() for level in "abc"] == [17, 17, 17]
        times = np.bincount(drawn, minlength=len(LEVELS))
        for level in "abc":
            own = times[level == LEVELS]
            assert own.max() - own.min() <= 1
        counts.append(times)
    assert np.mean(counts, axis=0)[:40] == pytest.approx(np.full(40, 17 / 40), abs=0.3)


def test_what_does_not_come_out_even_goes_by_lot() -> None:
    shares = []
    for seed in range(200):
        drawn = balanced_order(LEVELS[:50], np.random.default_rng(seed))
        shares.append([(LEVELS[drawn] == level).sum() for level in "abc"])
        assert sum(shares[-1]) == 50
    assert np.mean(shares, axis=0) == pytest.approx([50 / 3] * 3, abs=0.15)


def batches(**options: object) -> ShardedBatches:
    sizes = np.random.default_rng(2).integers(1, 300, len(LEVELS))
    return ShardedBatches(sizes, 8, seed=5, level_N=LEVELS, **options)


def test_the_balanced_order_is_a_function_of_seed_and_epoch() -> None:
    first, twin = batches(), batches()
    once = positions(first)
    assert once == positions(twin) == positions(first)
    first.set_epoch(1)
    assert positions(first) != once
    sizes = np.random.default_rng(2).integers(1, 300, len(LEVELS))
    plain = ShardedBatches(sizes, 8, seed=5)
    assert len(first) == len(plain)
    assert [len(batch) for batch in once] == [len(batch) for batch in positions(plain)]
    drawn = np.array(list(chain.from_iterable(once)))
    assert [(LEVELS[drawn] == level).sum() for level in "abc"] == [17, 17, 17]


def test_a_balanced_pass_resumes_where_it_stopped() -> None:
    unbroken = list(ResumableLoader(Pairs(), batches(), collate_fn=list))
    loader = ResumableLoader(Pairs(), batches(), collate_fn=list)
    begun = iter(loader)
    seen = [next(begun) for _ in range(3)]
    again = ResumableLoader(Pairs(), batches(), collate_fn=list)
    again.load_state_dict(loader.state_dict())
    assert [*seen, *again] == unbroken


def test_balanced_batches_cost_about_the_same() -> None:
    sizes = np.random.default_rng(2).integers(1, 300, len(LEVELS))
    dealt = [int(sizes[own].sum()) / len(own) for own in positions(batches())]
    drawn = balanced_order(LEVELS, np.random.default_rng(0))
    plain = [int(sizes[own].sum()) / len(own) for own in np.array_split(drawn, len(dealt))]
    assert np.std(dealt) < np.std(plain)
