"""The loaders of a run."""

from __future__ import annotations

import dataclasses
import os
import signal
from dataclasses import dataclass, field
from multiprocessing.queues import Queue
from types import FrameType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from aam.config import SamplingOptions
from aam.data.batches.augmenter import Augmenter, ChangedSequences
from aam.data.batches.dataset import VALIDATION_EPOCH, Collate, SampleDataset
from aam.data.batches.mixture import Mixture
from aam.data.batches.sampler import ResumableLoader, ShardedBatches
from aam.data.study.split import Split
from aam.errors import SIGNALS

if TYPE_CHECKING:
    from aam.data.study.study import Study

REAL_ANSWER = Queue._on_queue_feeder_error  # type: ignore[attr-defined]


def begin_worker(_: int) -> None:
    """Leave signals to the main process, which ends the run in order, and keep linear algebra to one thread.

    A terminal, and many a scheduler, sends signals to all processes of a run. The workers are the parallelism, and the
    cores are the model's.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _ignore_first_sigterm)
    threadpool_limits(1)
    # Python would print the error and lose the batch, for which the main process would wait for ever.
    Queue._on_queue_feeder_error = staticmethod(_end)  # type: ignore[attr-defined]


def _ignore_first_sigterm(number: int, _: FrameType | None) -> None:
    """Let a first SIGTERM pass: a scheduler's to all processes. One that the main process sends, it sends again."""
    signal.signal(number, signal.SIG_DFL)


def _end(error: Exception, batch: Any) -> None:
    """End this process, since a batch cannot be handed over; the signal says why where shared memory is too small."""
    if isinstance(error, OSError) or "</torch_" in str(error):
        os.kill(os.getpid(), signal.SIGBUS)
    REAL_ANSWER(error, batch)
    os._exit(1)


@dataclass(frozen=True, kw_only=True)
class LoaderOptions:
    """How samples are loaded.

    Attributes
    ----------
    batch_size
        Most samples in a batch.
    accumulation
        Batches of a step of training.
    num_workers
        Processes that prepare batches; 0 prepares them in this one. The batches are the same.
    seed
        Seed of the order and of the draws.
    pin_memory
        Hold batches in page-locked memory, for a GPU.
    rank, world_size
        This process of the run, and the number of processes.
    level_N
        Level of each sample of the study, where training samples are drawn so that each level counts the same.
    """

    batch_size: int
    accumulation: int = 1
    num_workers: int = 0
    seed: int = 42
    pin_memory: bool = False
    rank: int = 0
    world_size: int = 1
    level_N: np.ndarray | None = field(default=None, compare=False)


class TrainingChanges(NamedTuple):
    """What augmentation changes of the training samples: their reads, their targets and their sequences."""

    augmenter: Augmenter
    mixture: Mixture | None = None
    sequences: ChangedSequences | None = None


class StudyDataModule:
    """A study, its split, and the loaders over the parts.

    Training samples come in a new order and a new draw in every epoch; all others in their own order and a fixed draw.

    Parameters
    ----------
    study
        The study.
    split
        Its parts.
    collate
        Makes samples into batches.
    sampling
        Token limit and choice of ASVs.
    options
        How to load.
    augmentation
        What changes the training samples; None leaves them as they are drawn.
    """

    def __init__(
        self,
        study: Study,
        split: Split,
        collate: Collate,
        sampling: SamplingOptions,
        options: LoaderOptions,
        augmentation: TrainingChanges | None = None,
    ) -> None:
        self.study = study
        self.split = split
        self.collate = collate
        self.sampling = sampling
        self.options = options
        self.augmentation = augmentation

    def train_dataloader(self) -> ResumableLoader:
        """The training samples, shuffled and drawn anew in every epoch."""
        options = self.options
        own = slice(options.rank, None, options.world_size) if options.world_size > 1 else None
        collate = dataclasses.replace(self.train_collate(), own=own)
        return self._loader(self.train_dataset(self.split.train), self.train_batches(), collate, persistent=True)

    def train_dataset(self, rows: np.ndarray) -> SampleDataset:
        """Training samples as they are learned from."""
        augmenter = None if self.augmentation is None else self.augmentation.augmenter
        return SampleDataset(self.study, rows, self.sampling, self.options.seed, augmenter)

    def train_collate(self) -> Collate:
        """What makes them into batches."""
        changes = self.augmentation
        if changes is None:
            return self.collate
        return dataclasses.replace(self.collate, mixture=changes.mixture, sequences=changes.sequences)

    def train_loader_of_epoch(self, epoch: int) -> ResumableLoader:
        """The training samples in their own order, as they are learned from in an epoch."""
        rows = self.split.train
        return self._loader(self.train_dataset(rows), self.batches_of_epoch(rows, epoch), self.train_collate())

    def train_batches(self) -> ShardedBatches:
        """The order of the training samples."""
        options = self.options
        return ShardedBatches(
            self._sizes(self.split.train),
            options.batch_size,
            accumulation=options.accumulation,
            seed=options.seed,
            level_N=None if options.level_N is None else options.level_N[self.split.train],
        )

    def val_dataloader(self) -> ResumableLoader:
        """The validation samples; of several processes, this one's batches of them."""
        rows = self.split.validation
        return self._loader(self._dataset(rows), self.val_batches(), self.collate)

    def val_batches(self) -> ShardedBatches:
        """The order of the validation samples, of which each of several processes has some batches."""
        options = self.options
        return self.batches_of_epoch(self.split.validation, VALIDATION_EPOCH, options.rank, options.world_size)

    def fixed_loader(self, rows: np.ndarray, draw: int = 0) -> ResumableLoader:
        """Any samples in the order given, with one fixed draw: to calibrate, embed or predict.

        (Lightning's own prediction loop takes loaders apart and cannot put this kind together again.)

        Parameters
        ----------
        rows
            Rows of the study.
        draw
            Which of the fixed draws; 0 is that of validation.
        """
        return self.loader_of_epoch(rows, VALIDATION_EPOCH + draw)

    def loader_of_epoch(self, rows: np.ndarray, epoch: int) -> ResumableLoader:
        """Any samples in the order given, as drawn for an epoch."""
        return self._loader(self._dataset(rows), self.batches_of_epoch(rows, epoch), self.collate)

    def batches_of_epoch(self, rows: np.ndarray, epoch: int, rank: int = 0, world_size: int = 1) -> ShardedBatches:
        """The order of any samples, as they are given.

        In batches of a whole step, since nothing is kept for a gradient: what validation measures does not depend on
        the batches that a step is divided into.
        """
        size = self.options.batch_size * self.options.accumulation
        sizes_N = self._sizes(rows)
        return ShardedBatches(sizes_N, size, seed=None, epoch=epoch, rank=rank, world_size=world_size)

    def is_random(self, rows: np.ndarray) -> bool:
        """Whether any of some training samples differs from epoch to epoch."""
        return self.train_dataset(rows).is_random

    def _dataset(self, rows: np.ndarray) -> SampleDataset:
        return SampleDataset(self.study, rows, self.sampling, self.options.seed)

    def _sizes(self, rows: np.ndarray) -> np.ndarray:
        """Number of ASVs of samples, before rarefaction."""
        return np.minimum(np.diff(self.study.table.counts.indptr)[rows], self.sampling.token_limit)

    def _loader(
        self, dataset: SampleDataset, batches: ShardedBatches, collate: Collate, persistent: bool = False
    ) -> ResumableLoader:
        workers = self.options.num_workers
        return ResumableLoader(
            dataset,
            batches,
            collate_fn=collate,
            num_workers=workers,
            pin_memory=self.options.pin_memory,
            persistent_workers=persistent and workers > 0,
            worker_init_fn=begin_worker if workers else None,
        )
