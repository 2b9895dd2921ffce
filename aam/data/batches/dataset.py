"""One sample of one epoch as a pure function of seed, epoch, sample id and counts; and samples made into a batch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.sparse import csr_array
from torch.utils.data import Dataset

from aam.config import SamplingOptions
from aam.data.augmentation import Drawn
from aam.data.batches.augmenter import Augmenter, ChangedSequences, Partner
from aam.data.batches.batch import Batch, Truths, make_batch
from aam.data.batches.mixture import Known, Mixture
from aam.data.batches.sample import Sample
from aam.data.batches.truths import DrawnSamples, Truth, TruthOf
from aam.data.study.covariates import Covariates
from aam.data.study.rarefaction import draw_rng, rarefy

if TYPE_CHECKING:
    from aam.data.study.study import Earlier, Study

VALIDATION_EPOCH = 2**31 - 1
"""The epoch whose draws validation, test and prediction use: fixed, and never reached by training."""


class SampleDataset(Dataset[Sample]):
    """The samples of one part of a study, rarefied anew for every epoch.

    A draw depends on the seed, the epoch, the sample's id and its counts in the order of the sequences, and on nothing
    else: not on the order of the table, the number of workers, or what was drawn before.

    Parameters
    ----------
    study
        Its table, keys and rarefaction depth, and the earlier samples where they are read. A sample with fewer reads
        than the depth gives all of them.
    rows
        Rows of the part in the study.
    sampling
        The token limit, and which ASVs to keep above it.
    seed
        Seed of the draws.
    augmenter
        Changes what was drawn, of training samples; None leaves it as it is.
    """

    def __init__(
        self,
        study: Study,
        rows: np.ndarray,
        sampling: SamplingOptions,
        seed: int,
        augmenter: Augmenter | None = None,
    ) -> None:
        self.counts = study.table.counts
        self.keys = study.keys
        self.depth = study.rarefy_depth
        self.rows = np.asarray(rows, dtype=np.int64)
        self.sampling = sampling
        self.seed = seed
        self.augmenter = augmenter
        self.earlier = study.earlier

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def is_random(self) -> bool:
        """Whether any sample differs from epoch to epoch."""
        if self.augmenter is not None:
            return True
        if self.depth is not None and (self.counts.sum(axis=1)[self.rows] > self.depth).any():
            return True
        is_cut = np.diff(self.counts.indptr)[self.rows] > self.sampling.token_limit
        return self.sampling.asv_sampling == "random" and bool(is_cut.any())

    def __getitem__(self, item: tuple[int, int]) -> Sample:
        """The sample at a position of ``rows`` as drawn for an epoch: ``dataset[epoch, position]``."""
        epoch, position = item
        row = int(self.rows[position])
        drawn, rng = self._drawn(self.counts, self.keys, row, epoch)
        partner: Partner | None = None
        sequences: tuple[float, ...] = ()
        if self.augmenter is not None:

            def draw_of(other: int) -> Drawn:
                return self._drawn(self.counts, self.keys, other, epoch)[0]

            drawn, partner, sequences = self.augmenter(epoch, row, drawn, draw_of)
        sample = self._sample(row, drawn, rng)
        earlier = () if self.earlier is None else tuple(self._earlier(self.earlier, row, epoch))
        return replace(sample, partner=partner, sequences=sequences, earlier=earlier)

    def _earlier(self, earlier: Earlier, row: int, epoch: int) -> Iterator[tuple[float, Sample]]:
        """The earlier samples of a row, each as it would be drawn itself, and the time since."""
        table, keys = earlier.study.table, earlier.study.keys
        for past, gap in zip(earlier.row_NK[row].tolist(), earlier.gap_NK[row].tolist(), strict=True):
            if past >= 0:
                yield gap, self._sample(past, *self._drawn(table.counts, keys, past, epoch))

    def _sample(self, row: int, drawn: Drawn, rng: np.random.Generator) -> Sample:
        kept = self._within_limit(drawn.reads, rng)
        return Sample(row, drawn.asvs[kept], drawn.reads[kept], *drawn)

    def _drawn(self, counts_NA: csr_array, keys: np.ndarray, row: int, epoch: int) -> tuple[Drawn, np.random.Generator]:
        """The rarefied draw of a row, and where its random numbers go on."""
        begin, end = counts_NA.indptr[row], counts_NA.indptr[row + 1]
        asvs = counts_NA.indices[begin:end].astype(np.int64)
        counts = counts_NA.data[begin:end]
        rng = draw_rng(self.seed, epoch, int(keys[row]))
        if self.depth is not None and counts.sum() > self.depth:
            counts = rarefy(counts, self.depth, rng)
            asvs, counts = asvs[counts > 0], counts[counts > 0]
        return Drawn(asvs, counts), rng

    def _within_limit(self, counts: np.ndarray, rng: np.random.Generator) -> np.ndarray | slice:
        limit = self.sampling.token_limit
        if len(counts) <= limit or self.sampling.asv_sampling == "first":
            return slice(limit)
        if self.sampling.asv_sampling == "random":
            return np.sort(rng.choice(len(counts), limit, replace=False))
        return np.sort(np.argsort(-counts, kind="stable")[:limit])


@dataclass(frozen=True)
class Collate:
    """Makes samples into a :class:`Batch`, with the truths that the heads are compared with.

    What is learned without labels is computed from the rarefied counts, before the token limit cuts them.

    Attributes
    ----------
    tokens_AL, lengths_A
        Bases of the study's ASVs, and their lengths.
    truths
        What the encoder learns without labels.
    target_NT, weight_N
        Encoded targets and sample weight of each row of the study, where there are any.
    covariates
        What is known of each row besides, where there is something.
    study_N
        Study of each row as a number, where it is to be unlearned.
    own
        The samples of a batch whose distances are wanted, those of this process; None for all.
    mixture
        How the targets of samples that are mixed are mixed; None where none is.
    sequences
        Changes the sequences of training samples; None leaves them as they are.
    """

    tokens_AL: np.ndarray
    lengths_A: np.ndarray
    truths: tuple[Truth, ...] = ()
    target_NT: np.ndarray | None = None
    weight_N: np.ndarray | None = None
    covariates: Covariates | None = None
    study_N: np.ndarray | None = None
    own: slice | None = None
    mixture: Mixture | None = None
    sequences: ChangedSequences | None = None

    @classmethod
    def of(
        cls,
        study: Study,
        truths: tuple[Truth, ...] = (),
        target_NT: np.ndarray | None = None,
        weight_N: np.ndarray | None = None,
        covariates: Covariates | None = None,
        study_N: np.ndarray | None = None,
    ) -> Collate:
        """The collation of a study's samples."""
        weight_N = None if weight_N is None else weight_N.astype(np.float32)
        return cls(study.tokens, study.lengths, truths, target_NT, weight_N, covariates, study_N)

    def __call__(self, samples: list[Sample]) -> Batch:
        """Make a batch."""
        batch = make_batch(samples, self.tokens_AL, self.lengths_A, self.sequences)
        rows_B = batch.rows_B.numpy()
        if self.truths:
            counts_BA = _drawn_counts(samples, len(self.lengths_A))
            batch.truths = compute_truths(self.truths, DrawnSamples(rows_B, counts_BA, batch.asvs_U.numpy(), self.own))
        known = Known(self.target_NT, self.weight_N, self.covariates).of(samples, self.mixture)
        for name, values in known.items():
            setattr(batch, name, _tensor(values))
        batch.study_B = None if self.study_N is None else _tensor(self.study_N[rows_B])
        return batch


def compute_truths(wanted: tuple[Truth, ...], drawn: DrawnSamples) -> Truths:
    """What the self-supervised heads are compared with: numbers as float32, classes as they are."""
    found: dict[TruthOf, dict[str, torch.Tensor]] = {"pairs": {}, "samples": {}, "asvs": {}}
    for name, of, formula in wanted:
        found[of][name] = _tensor(formula(drawn), None if of == "asvs" else np.float32)
    return Truths(**found)


def _drawn_counts(samples: list[Sample], num_asvs: int) -> csr_array:
    sizes = [len(sample.all_asvs) for sample in samples]
    indptr = np.concatenate([[0], np.cumsum(sizes)])
    indices = np.concatenate([sample.all_asvs for sample in samples])
    data = np.concatenate([sample.all_counts for sample in samples])
    return csr_array((data, indices, indptr), shape=(len(samples), num_asvs))


def _tensor(values: np.ndarray, dtype: type | None = None) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, dtype=dtype))
