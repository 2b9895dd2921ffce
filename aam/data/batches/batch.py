"""Samples and batches: the one shape in which data reaches a model.

Each distinct ASV of a batch is held once, and every sample is a row of positions in that list.
Legend of shapes: ``B`` samples, ``S`` ASVs of the richest sample, ``U`` distinct ASVs of the batch, ``L`` bases of the
longest of them, ``T`` targets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from aam.data.batches.augmenter import ChangedSequences
from aam.data.batches.corruption import Corruption
from aam.data.batches.earlier import EarlierBatch, earlier_batch, past_of
from aam.data.batches.ragged import Ragged
from aam.data.batches.sample import Sample

Counted = Literal["samples", "bases", "abundances", "asvs"]
"""What a loss is a mean over: samples (or pairs of them), masked bases, hidden abundances, ASVs of known truth."""


@dataclass(frozen=True, kw_only=True)
class Share:
    """What one process has of a batch.

    Attributes
    ----------
    rank, world_size
        This process, and the number of processes.
    global_size, global_asvs
        Samples and distinct ASVs of the whole batch.
    samples, bases, abundances
        The share of each that is counted here; the shares of all processes sum to 1.
    asvs
        The share of the ASVs whose truth is known, by the head that is compared with it.
    """

    rank: int
    world_size: int
    global_size: int
    samples: float
    global_asvs: int = 0
    bases: float = 0.0
    abundances: float = 0.0
    asvs: Mapping[str, float] = field(default_factory=dict)

    @property
    def own(self) -> slice:
        """Places of this process's samples in the whole batch."""
        return slice(self.rank, None, self.world_size)

    def of(self, counted: Counted, head: str) -> float:
        """The share of what the loss of a head counts."""
        if counted == "asvs":
            return self.asvs[head]
        return {"samples": self.samples, "bases": self.bases, "abundances": self.abundances}[counted]


@dataclass(frozen=True, kw_only=True, eq=False)
class Truths:
    """What the self-supervised heads are compared with, each by the name of its head.

    Attributes
    ----------
    pairs
        Numbers ``B x B`` (float32) of pairs of samples. In the share of one of several processes, those of its own
        samples to all of the whole batch.
    samples
        Numbers ``B`` (float32) of samples.
    asvs
        Classes ``U`` (int64) of distinct ASVs, -1 where unknown.
    """

    pairs: Mapping[str, Tensor] = field(default_factory=dict)
    samples: Mapping[str, Tensor] = field(default_factory=dict)
    asvs: Mapping[str, Tensor] = field(default_factory=dict)

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Truths:
        """The same on another device."""
        return self._each(lambda values: values.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> Truths:
        """The same in page-locked memory."""
        return self._each(lambda values: values.pin_memory())

    def _each(self, change: Callable[[Tensor], Tensor]) -> Truths:
        kinds = (self.pairs, self.samples, self.asvs)
        pairs, samples, asvs = ({name: change(values) for name, values in kind.items()} for kind in kinds)
        return Truths(pairs=pairs, samples=samples, asvs=asvs)


NOT_BY_SAMPLE = frozenset(
    (
        "asvs_U",
        "tokens_UL",
        "index_BS",
        "counts_BS",
        "layout",
        "bases",
        "truths",
        "corruption",
        "share",
        "global_index_U",
        "earlier",
    )
)
"""Parts of a batch that do not have a row for each sample, as all others do."""


@dataclass
class Batch:
    """Samples side by side, padded only to the richest of them.

    Attributes
    ----------
    rows_B
        Rows of the samples in the study.
    asvs_U
        Columns of the distinct ASVs in the study, by length and then ascending: neighbours have one length. Where
        augmentation changes sequences, one may be there several times.
    tokens_UL
        Their bases as codes of :mod:`aam.alphabet` (uint8), trimmed to the longest of them. In a share, those of
        the ASVs that this process encodes for all.
    index_BS
        Position of each sample's ASVs in ``asvs_U``; 0 where padded.
    counts_BS
        Their reads (float32); 0 where padded, above 0 elsewhere.
    layout
        Where the samples' ASVs lie in ``index_BS``.
    bases
        Number of bases of each sequence of ``tokens_UL``, on the host.
    truths
        What the encoder learns without labels, where it does.
    target_BT
        The targets as the model learns them: normalised (float32, NaN where missing), or the class (int64, ``B x 1``);
        where samples of classes are mixed, the share of each class (float32, ``B x C``).
    weight_B
        Weight of each sample in the target's loss (float32).
    category_BC, number_BM
        Covariates as :class:`~aam.data.study.covariates.Covariates`, where there are any.
    study_B
        Study of each sample as a number (int64; -1 for one that is not of training), where it is to be unlearned.
    corruption
        What is hidden from the model, once that is chosen.
    share
        What this is of a batch that several processes compute together; None where it is all of it.
    global_index_U
        In a share, the places of ``asvs_U`` among the ASVs of the whole batch.
    vector_BD, profile_BK
        The samples' vectors and soft clades where they are known already (a frozen encoder). The batch then has no
        ASVs.
    earlier
        The samples' earlier ones, where there are any; their ASVs are among ``asvs_U``.
    """

    rows_B: Tensor
    asvs_U: Tensor
    tokens_UL: Tensor
    index_BS: Tensor
    counts_BS: Tensor
    layout: Ragged
    bases: tuple[int, ...]
    truths: Truths = field(default_factory=Truths)
    target_BT: Tensor | None = None
    weight_B: Tensor | None = None
    category_BC: Tensor | None = None
    number_BM: Tensor | None = None
    study_B: Tensor | None = None
    corruption: Corruption | None = None
    share: Share | None = None
    global_index_U: Tensor | None = None
    vector_BD: Tensor | None = None
    profile_BK: Tensor | None = None
    earlier: EarlierBatch | None = None

    @property
    def mask_BS(self) -> Tensor:
        """True where there is an ASV, False where padded."""
        return self.counts_BS > 0

    def __len__(self) -> int:
        return len(self.rows_B)

    def sample_parts(self) -> dict[str, Tensor]:
        """What there is of the samples one by one, by its name: a row each."""
        parts = {part.name: getattr(self, part.name) for part in fields(self) if part.name not in NOT_BY_SAMPLE}
        return {name: part for name, part in parts.items() if part is not None}

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Batch:
        """The batch on another device."""
        return self._each(lambda part: part.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> Batch:
        """The batch in page-locked memory, from which a GPU copies faster. Corruption comes after it."""
        return self._each(lambda part: part.pin_memory())

    def _each(self, change: Callable[[Any], Any]) -> Batch:
        """A batch of changed parts, but for those that stay on the host or are absent."""
        parts: dict[str, Any] = {part.name: getattr(self, part.name) for part in fields(self)}
        movable = (Tensor, Ragged, Corruption, Truths, EarlierBatch)
        return replace(self, **{name: change(part) for name, part in parts.items() if isinstance(part, movable)})


def make_batch(
    samples: list[Sample], tokens_AL: np.ndarray, lengths_A: np.ndarray, changed: ChangedSequences | None = None
) -> Batch:
    """Lay samples side by side, with each distinct ASV once.

    Parameters
    ----------
    samples
        The samples; each has at least one ASV.
    tokens_AL
        Bases of all ASVs of the study, padded at the end.
    lengths_A
        Number of bases of each.
    changed
        Changes sequences; an ASV is then there once for each way in which it is changed.
    """
    past = past_of(samples)
    asvs_U, position, tokens_UL, bases_U = _distinct([*samples, *past.samples], tokens_AL, lengths_A, changed)
    own = sum(len(sample.asvs) for sample in samples)
    index_BS, counts_BS = _laid_out(samples, position[:own])
    return Batch(
        rows_B=torch.tensor([sample.row for sample in samples]),
        asvs_U=torch.from_numpy(asvs_U.astype(np.int64, copy=False)),
        tokens_UL=torch.from_numpy(np.ascontiguousarray(tokens_UL)),
        index_BS=torch.from_numpy(index_BS),
        counts_BS=torch.from_numpy(counts_BS),
        layout=Ragged.of_lengths([len(sample.asvs) for sample in samples]),
        bases=tuple(bases_U.tolist()),
        earlier=earlier_batch(past, *_laid_out(past.samples, position[own:])) if past.samples else None,
    )


def _laid_out(samples: list[Sample], position: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the samples' ASVs, and their reads, each in a row of its own; 0 where padded."""
    sizes_B = np.array([len(sample.asvs) for sample in samples])
    mask_BS = np.arange(sizes_B.max()) < sizes_B[:, None]
    index_BS = np.zeros(mask_BS.shape, dtype=np.int64)
    index_BS[mask_BS] = position
    counts_BS = np.zeros(mask_BS.shape, dtype=np.float32)
    counts_BS[mask_BS] = np.concatenate([sample.counts for sample in samples])
    return index_BS, counts_BS


def _distinct(
    samples: list[Sample], tokens_AL: np.ndarray, lengths_A: np.ndarray, changed: ChangedSequences | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Distinct ASVs, the place of each sample's among them, their sequences and numbers of bases, which ascend."""
    asvs_P = np.concatenate([sample.asvs for sample in samples])
    if changed is None:
        asvs_U, position = np.unique(asvs_P, return_inverse=True)
        by_length = np.argsort(lengths_A[asvs_U], kind="stable")
        asvs_U, position = asvs_U[by_length], np.argsort(by_length)[position]
        bases_U = lengths_A[asvs_U]
        return asvs_U, position, tokens_AL[asvs_U, : bases_U[-1]], bases_U
    sizes_B = np.array([len(sample.asvs) for sample in samples])
    values_WV, way_B = np.unique([sample.sequences for sample in samples], axis=0, return_inverse=True)
    both_U, position = np.unique(asvs_P * len(values_WV) + np.repeat(way_B.reshape(-1), sizes_B), return_inverse=True)
    asvs_U, way_U = np.divmod(both_U, len(values_WV))
    tokens_UL, bases_U = changed(asvs_U, values_WV[way_U], tokens_AL[asvs_U], lengths_A[asvs_U])
    by_length = np.argsort(bases_U, kind="stable")
    bases_U = bases_U[by_length]
    return asvs_U[by_length], np.argsort(by_length)[position], tokens_UL[by_length, : bases_U[-1]], bases_U


def encoded_batch(rows_B: Tensor, **parts: Tensor) -> Batch:
    """Samples whose vectors are known already, without their ASVs.

    Parameters
    ----------
    rows_B
        Their rows in the study.
    parts
        Whatever else :meth:`Batch.sample_parts` gives, and ``vector_BD``.
    """
    known: dict[str, Any] = dict(parts)
    return Batch(
        rows_B=rows_B,
        asvs_U=torch.empty(0, dtype=torch.int64),
        tokens_UL=torch.empty(0, 0, dtype=torch.uint8),
        index_BS=torch.empty(len(rows_B), 0, dtype=torch.int64),
        counts_BS=torch.empty(len(rows_B), 0),
        layout=Ragged.equal(len(rows_B), 0),
        bases=(),
        **known,
    )
