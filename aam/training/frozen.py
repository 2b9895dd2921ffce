"""What a frozen encoder makes of the samples is computed once and kept, so that an epoch trains the head alone.

Nothing random stands between a rarefied draw and the sample's vector in evaluation mode. The epochs go round a fixed
number of draws, so that most of the augmentation by rarefaction stays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from aam.config import ModelOptions
from aam.data.batch import Batch, encoded_batch
from aam.data.dataset import VALIDATION_EPOCH
from aam.data.estimate import BYTES
from aam.data.sampler import Item, ResumableLoader, ShardedBatches
from aam.files.run_log import say
from aam.files.text import plural
from aam.models.embedding_cache import encode_samples
from aam.models.sequence_predictor import SequencePredictor
from aam.training.device import arithmetic
from aam.training.plan_heads import has_nucleotides
from aam.training.prepare import Prepared

DRAWS = 16
"""Rarefied draws of the training samples that a frozen run goes round."""
FEWEST_DRAWS = 4
"""With fewer the head would learn the draws by heart: then each epoch encodes its own."""
MOST_BYTES = 10**9
"""Memory for the vectors of all draws."""


class EncodedDraws(Dataset[Batch]):
    """Samples as a frozen encoder sees them: each draw is encoded when it is first asked for, and kept.

    Parameters
    ----------
    encode
        Encodes all samples as drawn for an epoch; gives what :func:`~aam.data.batch.encoded_batch` takes.
    epochs
        The epochs whose draws are used, one after the other and round again.
    """

    def __init__(self, encode: Callable[[int], dict[str, Tensor]], epochs: Sequence[int]) -> None:
        self.encode = encode
        self.epochs = epochs
        self.draws: dict[int, dict[str, Tensor]] = {}

    def __getitems__(self, items: list[Item]) -> Batch:
        """A batch of ``(epoch, position)`` pairs of one epoch."""
        epoch = self.epochs[items[0][0] % len(self.epochs)]
        if epoch not in self.draws:
            self.draws[epoch] = self.encode(epoch)
        positions = torch.tensor([position for _, position in items])
        return encoded_batch(**{name: part[positions] for name, part in self.draws[epoch].items()})


def loaders(prepared: Prepared) -> tuple[ResumableLoader, ResumableLoader]:
    """Training and validation samples of a run: encoded, where the encoder is frozen and their vectors can be kept."""
    data, split = prepared.data, prepared.split
    draws = 0
    if prepared.frozen_vectors_AD is not None:
        is_random = data.is_random(split.train)
        draws = num_draws(len(split.train), len(split.validation), prepared.plan.config.model, is_random)
    if not draws:
        return data.train_dataloader(), data.val_dataloader()
    number = plural(len(split.train), "sample")
    say(f"the vectors of {number} are kept in {plural(draws, 'draw')}; after epoch {draws} none is encoded anew")
    train = _loader(prepared, split.train, range(draws), data.train_batches())
    if has_nucleotides(prepared.plan.config):
        return train, data.val_dataloader()
    in_order = data.batches_of_epoch(split.validation, VALIDATION_EPOCH)
    return train, _loader(prepared, split.validation, (VALIDATION_EPOCH,), in_order)


def num_draws(num_train: int, num_validation: int, options: ModelOptions, is_random: bool) -> int:
    """Draws of the training samples whose vectors fit into the memory for them, beside those of validation.

    Parameters
    ----------
    num_train, num_validation
        Samples of the parts.
    options
        Widths of the model.
    is_random
        Whether one draw differs from another.
    """
    of_sample = BYTES * (options.embedding_dim + options.num_soft_clades)
    fitting = (MOST_BYTES - num_validation * of_sample) // (num_train * of_sample)
    wanted, fewest = (DRAWS, FEWEST_DRAWS) if is_random else (1, 1)
    return min(fitting, wanted) if fitting >= fewest else 0


def _loader(prepared: Prepared, rows: np.ndarray, epochs: Sequence[int], batches: ShardedBatches) -> ResumableLoader:
    """In this process, as others would not see what is kept in it."""
    model, vectors_AD = prepared.model, prepared.frozen_vectors_AD
    assert isinstance(model, SequencePredictor)
    assert vectors_AD is not None
    precision = prepared.plan.config.run.mixed_precision

    def encode(epoch: int) -> dict[str, Tensor]:
        drawn = prepared.data.loader_of_epoch(rows, epoch)
        with arithmetic(vectors_AD.device, precision):
            return encode_samples(model.base, vectors_AD, drawn)

    return ResumableLoader(EncodedDraws(encode, epochs), batches, collate_fn=_as_it_is)


def _as_it_is(batch: Batch) -> Batch:
    return batch
