"""The order of samples as a function of seed and epoch, and a loader that can resume where a killed run stopped."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from torch import Generator
from torch.utils.data import DataLoader

from aam.data.batches.batch import Batch
from aam.data.batches.batching import balanced_order, deal, num_batches, num_steps, split_step

Item = tuple[int, int]


class ShardedBatches:
    """Batches of ``(epoch, position)`` pairs, of nearly equal size and none dropped.

    The order depends on seed, epoch and the samples' numbers of ASVs alone. Of several processes, each gets all batches
    of a shuffled epoch, whole, and takes its share of each (:mod:`aam.data.batches.rank_batch`). Batches in the
    samples' own order are for measuring: they are dealt out one by one, and where they do not come out even, some
    processes are given one more that is not theirs, as all must take as many steps.

    Parameters
    ----------
    size_N
        Number of ASVs of each sample; a shuffled epoch has batches of nearly equal sums.
    batch_size
        Most samples in a batch.
    accumulation
        Batches of a step. The samples of a step do not depend on how many batches they are computed in.
    seed
        Seed of the order; None keeps the samples' own order.
    epoch
        Epoch whose draws are wanted in every pass; None follows :meth:`set_epoch`.
    rank, world_size
        This process, and the number of processes.
    level_N
        Level of each sample: a shuffled epoch has as many samples of each level (:func:`balanced_order`). None takes
        each sample once.

    Attributes
    ----------
    start
        Batches to skip at the beginning of the next pass (once).
    num_own
        Batches of a pass that are this process's own; any that follow are another's.
    """

    def __init__(
        self,
        size_N: np.ndarray,
        batch_size: int,
        *,
        accumulation: int = 1,
        seed: int | None,
        epoch: int | None = None,
        rank: int = 0,
        world_size: int = 1,
        level_N: np.ndarray | None = None,
    ) -> None:
        self.size_N = size_N
        self.level_N = level_N
        self.num_samples = len(size_N)
        self.steps = num_steps(len(size_N), batch_size, accumulation)
        single = num_batches(len(size_N), batch_size)
        self.batches_of_step = accumulation if self.steps > 1 else min(single, accumulation)
        self.seed = seed
        self.fixed_epoch = epoch
        self.rank, self.world_size = (0, 1) if seed is not None else (rank, world_size)
        self.num_own = len(range(self.rank, self.steps * self.batches_of_step, self.world_size))
        self.epoch = 0
        self.start = 0

    @property
    def sampler(self) -> ShardedBatches:
        """Itself: Lightning tells the epoch to ``batch_sampler.sampler`` and to nothing else."""
        return self

    def set_epoch(self, epoch: int) -> None:
        """Take the order and the draws of this epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return -(-self.steps * self.batches_of_step // self.world_size)

    def __iter__(self) -> Iterator[list[Item]]:
        start, self.start = self.start, 0
        epoch = self.epoch if self.fixed_epoch is None else self.fixed_epoch
        batches = self._batches()
        for place in range(self.rank, len(self) * self.world_size, self.world_size)[start:]:
            positions = batches[min(place, len(batches) - 1)]
            yield [(epoch, int(position)) for position in positions]

    def _batches(self) -> list[np.ndarray]:
        """Positions of the samples of each batch of the run."""
        if self.seed is None:
            return np.array_split(np.arange(self.num_samples), self.steps * self.batches_of_step)
        seed = np.random.SeedSequence([self.seed, self.epoch, self.num_samples])
        rng = np.random.default_rng(seed)
        drawn = rng.permutation(self.num_samples) if self.level_N is None else balanced_order(self.level_N, rng)
        steps = deal(drawn, self.size_N, self.steps, rng)
        return [batch for step in steps for batch in split_step(step, self.size_N, self.batches_of_step)]


class ResumableLoader(DataLoader[Batch]):
    """A loader that remembers how many batches of the pass it has given.

    Its state is a plain number that Lightning saves and restores. With it, and with items that are pure functions of
    epoch and sample, a resumed run sees the very batches that the unbroken run would have seen.

    Parameters
    ----------
    dataset
        Gives a sample for ``(epoch, position)``.
    batches
        The order.
    kwargs
        Further arguments of :class:`torch.utils.data.DataLoader`.
    """

    batch_sampler: ShardedBatches

    def __init__(self, dataset: Any, batches: ShardedBatches, **kwargs: Any) -> None:
        # A generator of its own: the base class draws from it whenever a pass begins, which would otherwise disturb
        # the model's random numbers.
        super().__init__(dataset, batch_sampler=batches, generator=Generator(), **kwargs)
        self._done = 0

    def state_dict(self) -> dict[str, int]:
        """Batches given in the current pass."""
        return {"done": self._done}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Begin the next pass after the batches that were given; a finished pass leaves nothing to skip."""
        self._done = self.batch_sampler.start = state["done"] % len(self.batch_sampler)

    def __iter__(self) -> Iterator[Batch]:  # type: ignore[override]
        self._done = self.batch_sampler.start
        for batch in super().__iter__():
            self._done += 1
            yield batch
