"""What a frozen encoder makes of the samples is computed once and kept, so that an epoch trains the head alone.

Nothing random stands between a rarefied draw and the sample's vector in evaluation mode. The epochs go round a fixed
number of draws, so that most of the augmentation by rarefaction stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

import torch
from torch.utils.data import Dataset

from aam.data.batches.batch import Batch, encoded_batch
from aam.data.batches.dataset import VALIDATION_EPOCH
from aam.data.batches.sampler import Item, ResumableLoader, ShardedBatches
from aam.log import say, warn
from aam.models.sequence_predictor import SequencePredictor, encoder_of
from aam.models.vector_cache import SampleParts, encode_samples, in_memory, on_disk
from aam.text import format_bytes, plural
from aam.training.hardware.device import arithmetic
from aam.training.memory.kept_draws import KeptDraws, keep_draws
from aam.training.run.build_run import Prepared

Gather = Callable[[Iterable[SampleParts]], SampleParts]


class EncodedDraws(Dataset[Batch]):
    """Samples as a frozen encoder sees them: each draw is encoded when it is first asked for, and kept.

    Parameters
    ----------
    encode
        Encodes all samples as drawn for an epoch; the batches' parts are gathered by the function given.
    epochs
        The epochs whose draws are used, one after the other and round again.
    folder
        Where draws are kept on disk; None keeps them in memory. Where the disk is full a draw is encoded again
        whenever its turn comes: that takes time, and the numbers are the same.
    """

    def __init__(
        self, encode: Callable[[int, Gather], SampleParts], epochs: Sequence[int], folder: Path | None = None
    ) -> None:
        self.encode = encode
        self.epochs = epochs
        self.folder = folder
        self.draws: dict[int, SampleParts] = {}
        self.is_disk_full = False
        self.passing: int | None = None

    def __getitems__(self, items: list[Item]) -> Batch:
        """A batch of ``(epoch, position)`` pairs of one epoch."""
        epoch = self.epochs[items[0][0] % len(self.epochs)]
        if epoch not in self.draws:
            self.draws[epoch] = self._encoded(epoch)
        positions = torch.tensor([position for _, position in items])
        return encoded_batch(**{name: part[positions] for name, part in self.draws[epoch].items()})

    def _encoded(self, epoch: int) -> SampleParts:
        if self.folder is None:
            return self.encode(epoch, in_memory)
        if not self.is_disk_full:
            try:
                return self.encode(epoch, partial(on_disk, folder=self.folder))
            except OSError as error:
                self.is_disk_full = True
                reason = error.strerror or error
                warn(f"vectors cannot be cached in {self.folder}: {reason}; further draws are encoded in each epoch")
        if self.passing is not None:
            del self.draws[self.passing]
        self.passing = epoch
        return self.encode(epoch, in_memory)


def loaders(prepared: Prepared, folder: Path, with_contexts: bool = False) -> tuple[ResumableLoader, ResumableLoader]:
    """Training and validation samples of a run: encoded, where the encoder is frozen and their vectors can be kept.

    Parameters
    ----------
    prepared
        The run.
    folder
        Takes the vectors where they are too large for memory, in files that are gone with the process.
    with_contexts
        As in :func:`~aam.training.memory.kept_draws.keep_draws`.
    """
    data, split = prepared.data, prepared.split
    kept = KeptDraws(0)
    if prepared.frozen_vectors_AD is not None:
        is_random, options = data.is_random(split.train), prepared.plan.config.model
        kept = keep_draws(len(split.train), len(split.validation), options, is_random, with_contexts)
    if not kept.draws:
        return data.train_dataloader(), data.val_dataloader()
    where = f" on disk ({format_bytes(kept.bytes())})" if kept.on_disk else ""
    say(
        f"the vectors of {plural(len(split.train), 'sample')} are cached for {plural(kept.draws, 'draw')}{where}; "
        f"from epoch {kept.draws + 1} they are reused"
    )
    place = folder if kept.on_disk else None
    train = EncodedDraws(_encoding(prepared, data.train_loader_of_epoch), range(kept.draws), place)
    if any(objective.hides for objective in encoder_of(prepared.model).supervision.objectives):
        return _loader(train, data.train_batches()), data.val_dataloader()
    held_out = partial(data.loader_of_epoch, split.validation)
    validation = EncodedDraws(_encoding(prepared, held_out), (VALIDATION_EPOCH,), place)
    return _loader(train, data.train_batches()), _loader(validation, data.val_batches())


def _encoding(prepared: Prepared, drawn: Callable[[int], ResumableLoader]) -> Callable[[int, Gather], SampleParts]:
    model, vectors_AD = prepared.model, prepared.frozen_vectors_AD
    assert isinstance(model, SequencePredictor)
    assert vectors_AD is not None
    precision = prepared.plan.config.run.mixed_precision

    def encode(epoch: int, gather: Gather) -> SampleParts:
        with arithmetic(vectors_AD.device, precision):
            return gather(encode_samples(model.base, vectors_AD, drawn(epoch)))

    return encode


def _loader(draws: EncodedDraws, batches: ShardedBatches) -> ResumableLoader:
    """In this process, as others would not see what is kept in it."""
    return ResumableLoader(draws, batches, collate_fn=_as_it_is)


def _as_it_is(batch: Batch) -> Batch:
    return batch
