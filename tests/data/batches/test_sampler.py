from __future__ import annotations

from itertools import chain
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset

from aam.data.batches.batching import deal, num_batches, split_step, step_size
from aam.data.batches.sampler import ResumableLoader, ShardedBatches


def batches_of(num_samples: int, batch_size: int, **options: Any) -> ShardedBatches:
    """Batches of samples with 1, 2, 3, ... ASVs."""
    return ShardedBatches(np.arange(1, num_samples + 1), batch_size, **options)


class Pairs(Dataset[tuple[int, int]]):
    """Gives each item as it is asked for."""

    def __getitem__(self, item: tuple[int, int]) -> tuple[int, int]:
        return item


def loader(num_samples: int = 11, batch_size: int = 3, num_workers: int = 0, **options: Any) -> ResumableLoader:
    batches = batches_of(num_samples, batch_size, seed=options.pop("seed", 5), **options)
    workers = {"num_workers": num_workers, "persistent_workers": num_workers > 0}
    return ResumableLoader(Pairs(), batches, collate_fn=list, **workers)


def positions(batches: ShardedBatches) -> list[list[int]]:
    return [[position for _, position in batch] for batch in batches]


@pytest.mark.parametrize(("num_samples", "batch_size"), [(1, 8), (2, 8), (9, 8), (17, 8), (40, 8), (3, 2), (5, 1)])
def test_batches_cover_all_samples_and_none_is_alone(num_samples: int, batch_size: int) -> None:
    batches = batches_of(num_samples, batch_size, seed=1)
    drawn = positions(batches)
    assert sorted(chain.from_iterable(drawn)) == list(range(num_samples))
    assert len(drawn) == len(batches) == num_batches(num_samples, batch_size)
    sizes = [len(batch) for batch in drawn]
    assert max(sizes) - min(sizes) <= 1
    assert max(sizes) <= max(batch_size, 3 if batch_size == 2 else 0)
    assert min(sizes) >= min(2, num_samples, batch_size)


def test_the_order_is_a_function_of_seed_and_epoch() -> None:
    batches, twin, other = batches_of(30, 4, seed=1), batches_of(30, 4, seed=1), batches_of(30, 4, seed=2)
    first = positions(batches)
    assert positions(batches) == first == positions(twin)
    assert positions(other) != first
    batches.sampler.set_epoch(1)
    assert positions(batches) != first
    assert {epoch for batch in batches for epoch, _ in batch} == {1}


@pytest.mark.parametrize("num_samples", [64, 61, 400])
def test_batches_have_nearly_the_same_number_of_asvs(num_samples: int) -> None:
    sizes = np.random.default_rng(0).lognormal(4, 1, num_samples).astype(int) + 1
    dealt = np.array([sizes[drawn].sum() for drawn in positions(ShardedBatches(sizes, 8, seed=1))])
    order = np.random.default_rng(1).permutation(num_samples)
    at_random = np.array([sizes[part].sum() for part in np.array_split(order, len(dealt))])
    assert dealt.std() < 0.6 * at_random.std()
    assert dealt.max() < at_random.max()
    assert dealt.sum() == sizes.sum()


def test_every_batch_has_one_of_the_richest_by_lot() -> None:
    sizes = np.array([10, 90, 20, 50, 30, 40, 5])
    dealt = [deal(np.arange(7), sizes, 3, np.random.default_rng(seed)) for seed in range(20)]
    for batches in dealt:
        assert [len(batch) for batch in batches] == [3, 2, 2]
        assert [sizes[batch[0]] in (90, 50, 40) and sizes[batch[1]] in (30, 20, 10) for batch in batches] == [True] * 3
    assert len({tuple(sorted(batches[0].tolist())) for batches in dealt}) > 5


def test_a_step_is_split_evenly() -> None:
    sizes = np.array([10, 90, 20, 50, 30, 40, 5])
    parts = split_step(np.arange(7), sizes, 3)
    assert [sorted(sizes[part].tolist()) for part in parts] == [[5, 10, 90], [20, 50], [30, 40]]


@pytest.mark.parametrize(
    ("num_samples", "batch_size", "accumulation"), [(64, 4, 2), (61, 4, 3), (7, 4, 8), (9, 2, 3), (3, 1, 2)]
)
def test_the_samples_of_a_step_do_not_depend_on_its_batches(
    num_samples: int, batch_size: int, accumulation: int
) -> None:
    whole = batches_of(num_samples, batch_size * accumulation, seed=3)
    parts = batches_of(num_samples, batch_size, accumulation=accumulation, seed=3)
    drawn = positions(parts)
    assert len(drawn) == len(parts) == parts.steps * parts.batches_of_step
    assert max(map(len, drawn)) <= max(batch_size, 2)
    assert all(drawn)
    for step, together in enumerate(positions(whole)):
        first = step * parts.batches_of_step
        step_batches = drawn[first : first + parts.batches_of_step]
        assert sorted(chain.from_iterable(step_batches)) == sorted(together)
        assert len(together) == step_size(num_samples, parts.steps, step)


def test_without_a_seed_the_samples_keep_their_order_and_draws() -> None:
    batches = batches_of(7, 3, seed=None, epoch=99)
    batches.set_epoch(4)
    assert list(chain.from_iterable(batches)) == [(99, position) for position in range(7)]


@pytest.mark.parametrize(("num_samples", "world"), [(40, 2), (41, 2), (43, 3), (3, 3), (7, 4)])
def test_batches_to_measure_are_dealt_out_to_processes(num_samples: int, world: int) -> None:
    single = positions(batches_of(num_samples, 4, seed=None, epoch=9))
    parts = [batches_of(num_samples, 4, seed=None, epoch=9, rank=rank, world_size=world) for rank in range(world)]
    given = [positions(part) for part in parts]
    assert {len(own) for own in given} == {-(-len(single) // world)} == {len(part) for part in parts}
    own = [batch for part, batches in zip(parts, given, strict=True) for batch in batches[: part.num_own]]
    assert sorted(own) == sorted(single)


def test_each_process_is_given_the_whole_batches_of_an_epoch() -> None:
    single = positions(batches_of(41, 4, seed=3))
    assert positions(batches_of(41, 4, seed=3, rank=1, world_size=2)) == single


def run(data: ResumableLoader, epochs: range) -> list[Any]:
    given = []
    for epoch in epochs:
        data.batch_sampler.sampler.set_epoch(epoch)
        given.extend(list(data))
    return given


@pytest.mark.parametrize(("seen", "num_workers"), [*((seen, 0) for seen in range(9)), (1, 2), (4, 2), (5, 2)])
def test_a_resumed_run_sees_the_same_batches(seen: int, num_workers: int) -> None:
    unbroken = run(loader(), range(3))
    length = len(loader())
    first = loader(num_workers=num_workers)
    given: list[Any] = []
    for epoch in range(3):
        first.batch_sampler.sampler.set_epoch(epoch)
        for batch in first:
            given.append(batch)
            if len(given) == seen:
                break
        if len(given) == seen:
            break
    state = first.state_dict() if seen else loader().state_dict()
    second = loader(num_workers=num_workers)
    second.load_state_dict(state)
    rest = run(second, range(seen // length, 3))
    assert unbroken[:seen] + rest == unbroken


def test_a_pass_leaves_the_global_random_numbers_alone() -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    list(loader())
    assert torch.equal(torch.rand(3), expected)
