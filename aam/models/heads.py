"""The heads: what is read off the encoded batch, what it is compared with, and the loss of the difference.

Every head has a ``name``; ``compare(encoded, batch)`` gives predictions beside truths (for losses and metrics alike),
and ``loss(comparison)`` a scalar: the mean over what the head counts (``counted``), of the whole batch or of the part
of it that one of several processes has. :mod:`aam.models.objectives` says what each is for; the targets' heads are in
:mod:`aam.models.target_heads`. Legend of shapes: ``B`` samples, ``S`` ASVs per sample, ``U`` distinct ASVs, ``L``
bases, ``P`` patches, ``k`` bases a patch, ``D`` width, ``M`` masked places, ``C`` classes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aam.alphabet import NUM_BASES
from aam.data.batches.batch import Batch, Counted, Share
from aam.data.batches.corruption import Corruption
from aam.models.all_gather import gather_rows
from aam.models.asv_encoder import AsvEncoding
from aam.models.attention import initialise_linear
from aam.models.losses import classification_loss, regression_loss
from aam.models.sample_encoder import SampleEncoding

SMALLEST_SPREAD = 1e-6
BATCHES_FOR_SCALE = 8


class HeadInput(NamedTuple):
    """What the targets' head reads: a vector, inputs of the linear path, and levels that may scale the outputs."""

    vector_BD: Tensor
    path_BK: Tensor | None = None
    category_BC: Tensor | None = None


class Encoded(NamedTuple):
    """A batch after the encoders, with what was hidden from them. ``asv.patch_UPD`` is empty for cached vectors."""

    asv: AsvEncoding
    sample: SampleEncoding
    corruption: Corruption
    reading: HeadInput | None = None

    @classmethod
    def of_known(cls, vector_BD: Tensor, profile_BK: Tensor | None) -> Encoded:
        """Samples whose vectors are known already: nothing is left of their ASVs, and nothing was hidden."""
        nothing = vector_BD.new_empty(0)
        return cls(AsvEncoding(nothing, nothing), SampleEncoding(nothing, vector_BD, profile_BK), Corruption())

    def head_input(self) -> HeadInput:
        """What the targets' head reads; without covariates that is the sample's own."""
        return self.reading or HeadInput(self.sample.sample_BD, self.sample.profile_BK)


class Comparison(NamedTuple):
    """Predictions beside truths, in the units of the loss, weights of the samples, and those of experts in each."""

    prediction: Tensor
    truth: Tensor
    weight: Tensor | None = None
    gate_BN: Tensor | None = None


class Head(Protocol):
    """What the training step asks of a head."""

    name: str
    counted: Counted

    def compare(self, encoded: Encoded, batch: Batch) -> Comparison:
        """Predictions beside truths."""
        ...

    def loss(self, comparison: Comparison) -> Tensor:
        """Scalar loss."""
        ...

    def regulariser(self, comparison: Comparison) -> Tensor | None:
        """What is learned beside the loss; None for nothing."""
        ...


class SelfSupervisedHead(nn.Module):
    """A head that learns without labels.

    Parameters
    ----------
    name
        Of its objective: that of its tensors, its loss and its truth.

    Attributes
    ----------
    reads_patches
        Whether it reads vectors of the ASVs' patches, and not of ASVs or samples alone.
    """

    counted: Counted = "samples"
    reads_patches = False

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def compare(self, encoded: Encoded, batch: Batch) -> Comparison:
        """Predictions beside truths."""
        raise NotImplementedError

    def loss(self, comparison: Comparison) -> Tensor:
        """Scalar loss."""
        raise NotImplementedError

    def regulariser(self, comparison: Comparison) -> Tensor | None:
        """Nothing is learned beside the loss."""
        return None

    def calibrate(self, batches: Sequence[Batch], encode: Callable[[Batch], Encoded]) -> None:
        """Start a fresh head where the training samples are; by default it stays as it was made.

        Parameters
        ----------
        batches
            Training samples, as drawn for validation.
        encode
            Encodes one of the batches.
        """


class DistanceHead(SelfSupervisedHead):
    """Distances between samples as Euclidean distances of a projection of their vectors.

    There is no squashing: the distance is ``scale * |z_i - z_j| / sqrt(2 D)`` with a learned scale, so that neither
    its start nor its gradient depends on the width, and values above 1 (weighted UniFrac, Aitchison) can be reached.
    """

    def __init__(self, name: str, dim: int) -> None:
        super().__init__(name)
        self.project = nn.Linear(dim, dim)
        initialise_linear(self.project)
        self.log_scale = nn.Parameter(torch.zeros(1))

    def forward(self, sample_BD: Tensor, share: Share | None = None) -> Tensor:
        """Distances of all pairs, ``BB``; of several processes, those of its own samples to all, ``bB``."""
        z_BD = self.project(sample_BD).float()
        other_BD = z_BD if share is None else gather_rows(z_BD, share.rank, share.world_size, share.global_size)
        exact = "donot_use_mm_for_euclid_dist"
        distance_BB = torch.cdist(z_BD, other_BD, compute_mode=exact)
        return torch.exp(self.log_scale) * distance_BB / math.sqrt(2 * z_BD.shape[-1])

    def compare(self, encoded: Encoded, batch: Batch) -> Comparison:
        """Each pair once: the strict upper triangle of the batch's distances.

        Of several processes, each compares its own samples with all others. A pair across two processes is then
        counted by both, one within a process twice, and so each the same.
        """
        truth_BB = batch.truths.pairs[self.name]
        if batch.share is not None:
            is_other_bB = torch.ones(truth_BB.shape, dtype=torch.bool)
            is_other_bB[:, batch.share.own].fill_diagonal_(False)
            place_P = is_other_bB.flatten().nonzero().squeeze(1).to(truth_BB.device, non_blocking=True)
            prediction_bB = self(encoded.sample.sample_BD, batch.share)
            return Comparison(prediction_bB.flatten()[place_P], truth_BB.flatten()[place_P])
        row, column = torch.triu_indices(len(batch), len(batch), offset=1, device=truth_BB.device)
        return Comparison(self(encoded.sample.sample_BD)[row, column], truth_BB[row, column])

    def loss(self, comparison: Comparison) -> Tensor:
        """Mean squared error."""
        return regression_loss(comparison.prediction, comparison.truth, "mse", None)

    def calibrate(self, batches: Sequence[Batch], encode: Callable[[Batch], Encoded]) -> None:
        """Start at the scale of the true distances."""
        compared = [self.compare(encode(batch), batch) for batch in batches[:BATCHES_FOR_SCALE]]
        mean_true = torch.cat([found.truth for found in compared]).sum()
        mean_predicted = torch.cat([found.prediction for found in compared]).sum().cpu()
        if mean_true > 0 and mean_predicted > 0:
            self.log_scale.add_(torch.log(mean_true.cpu() / mean_predicted))


class NucleotideHead(SelfSupervisedHead):
    """The identity of masked bases; only masked places are computed, and only A, C, G and T can be answered."""

    counted: Counted = "bases"
    reads_patches = True

    def __init__(self, name: str, dim: int, patch: int) -> None:
        super().__init__(name)
        self.patch = patch
        self.classify = nn.Linear(dim, patch * NUM_BASES)
        initialise_linear(self.classify, gain=0.1)

    def compare(self, encoded: Encoded, batch: Batch) -> Comparison:
        """Logits ``M x 4`` and the bases ``M`` of the masked places."""
        assert encoded.corruption.masked_M is not None
        masked_M, patch_UPD = encoded.corruption.masked_M, encoded.asv.patch_UPD
        length = batch.tokens_UL.shape[1]
        asv_M, place_M = masked_M // length, masked_M % length
        patch_M = asv_M * patch_UPD.shape[1] + place_M // self.patch
        logit_Mk4 = self.classify(F.embedding(patch_M, patch_UPD.flatten(0, 1))).unflatten(-1, (self.patch, NUM_BASES))
        offset_M11 = (place_M % self.patch)[:, None, None]
        logit_M4 = logit_Mk4.gather(1, offset_M11.expand(-1, 1, NUM_BASES)).squeeze(1)
        return Comparison(logit_M4, batch.tokens_UL.flatten().index_select(0, masked_M).long() - 1)

    def loss(self, comparison: Comparison) -> Tensor:
        """Cross-entropy over the masked places."""
        return classification_loss(comparison.prediction, comparison.truth, None, None)


class StandardisedHead(SelfSupervisedHead):
    """A number read from a vector; the truth is standardised by a mean and spread measured before training."""

    center: Tensor
    spread: Tensor

    def __init__(self, name: str, dim: int) -> None:
        super().__init__(name)
        self.read = nn.Linear(dim, 1)
        initialise_linear(self.read, gain=0.1)
        self.register_buffer("center", torch.zeros(()))
        self.register_buffer("spread", torch.ones(()))

    def standardise(self, truth: Tensor) -> Tensor:
        """The truth in units of its spread about its mean."""
        return (truth - self.center) / self.spread

    def truth_of(self, batch: Batch) -> Tensor:
        """The truths of a whole batch in their own unit, for the mean and the spread."""
        raise NotImplementedError

    def loss(self, comparison: Comparison) -> Tensor:
        """Huber's loss of the standardised number."""
        return regression_loss(comparison.prediction, comparison.truth, "huber", None)

    def calibrate(self, batches: Sequence[Batch], encode: Callable[[Batch], Encoded]) -> None:
        """Take the mean and the spread of the truths; truths that are all equal have no spread to divide by."""
        truth = torch.cat([self.truth_of(batch) for batch in batches])
        spread = truth.std(correction=0)
        self.center.copy_(truth.mean())
        self.spread.copy_(spread if spread > SMALLEST_SPREAD * truth.abs().max() else torch.ones(()))


class CountHead(StandardisedHead):
    """The log relative abundance of the ASVs whose abundance was hidden from the context (of all, if none was)."""

    counted: Counted = "abundances"

    def compare(self, encoded: Encoded, batch: Batch) -> Comparison:
        """Standardised natural logs of relative abundances, ``M``."""
        hidden_M = encoded.corruption.hidden_M
        share_BS = batch.counts_BS / batch.counts_BS.sum(dim=1, keepdim=True)
        if hidden_M is None:
            context_MD, share_M = (batch.layout.pack(x) for x in (encoded.sample.context_BSD, share_BS))
        else:
            context_MD = F.embedding(hidden_M, encoded.sample.context_BSD.flatten(0, 1))
            share_M = share_BS.flatten().index_select(0, hidden_M)
        return Comparison(self.read(context_MD).squeeze(-1), self.standardise(torch.log(share_M)))

    def truth_of(self, batch: Batch) -> Tensor:
        """Natural logs of the relative abundances of all ASVs, hidden or not."""
        share_BS = batch.counts_BS / batch.counts_BS.sum(dim=1, keepdim=True)
        return torch.log(share_BS[batch.mask_BS])


class SampleNumberHead(StandardisedHead):
    """A number of the sample."""

    def compare(self, encoded: Encoded, batch: Batch) -> Comparison:
        """Standardised numbers, ``B``."""
        prediction_B = self.read(encoded.sample.sample_BD).squeeze(-1)
        return Comparison(prediction_B, self.standardise(self.truth_of(batch)))

    def truth_of(self, batch: Batch) -> Tensor:
        """The numbers, ``B``."""
        return batch.truths.samples[self.name]


class AsvClassHead(SelfSupervisedHead):
    """The class of each distinct ASV of the batch: its taxon at one level of the taxonomy."""

    counted: Counted = "asvs"

    def __init__(self, name: str, dim: int, num_classes: int) -> None:
        super().__init__(name)
        self.classify = nn.Linear(dim, num_classes)
        initialise_linear(self.classify, gain=0.1)

    def compare(self, encoded: Encoded, batch: Batch) -> Comparison:
        """Logits and classes of the ASVs whose class is known."""
        class_U = batch.truths.asvs[self.name]
        known_U = class_U >= 0
        return Comparison(self.classify(encoded.asv.asv_UD[known_U]), class_U[known_U])

    def loss(self, comparison: Comparison) -> Tensor:
        """Cross-entropy."""
        return classification_loss(comparison.prediction, comparison.truth, None, None)
