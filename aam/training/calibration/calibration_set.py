"""The training samples that a fresh model is prepared with, and the vectors of the ASVs that they have."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from aam.data.batches.batch import Batch
from aam.data.batches.loaders import StudyDataModule
from aam.models.asv_encoder import AsvEncoder
from aam.models.vector_cache import cached_asv_vectors

MOST_SAMPLES = 4096
MOST_ASVS = 20_000
"""ASVs up to which all of a study are encoded before the first step. In a study of more, the vectors of all would be
minutes of work that the first step undoes."""
FEWEST_SAMPLES = 512
"""Samples that are taken in any case: about as many as a linear fit on the soft clades needs."""


class CalibrationSet(NamedTuple):
    """Training samples, as drawn for validation, and vectors.

    Attributes
    ----------
    batches
        The samples.
    vectors_AD
        Vectors of the study's ASVs; 0 for those that are in no batch, where not all were asked for.
    line
        In words where the vectors come from.
    """

    batches: list[Batch]
    vectors_AD: Tensor
    line: str


def calibration_set(
    encoder: AsvEncoder, data: StudyDataModule, device: torch.device, *, cache: bool, whole: bool
) -> CalibrationSet:
    """Choose samples at random where there are very many, and encode their ASVs.

    Parameters
    ----------
    encoder
        The ASV encoder, on ``device``.
    data
        The run's data.
    device
        Where to compute.
    cache
        Whether vectors may be read from the cache, and kept in it.
    whole
        Whether the vectors of all ASVs are needed later on too (a frozen encoder).
    """
    tokens_AL = data.study.tokens
    rows = _chosen(data)
    if whole or len(tokens_AL) <= MOST_ASVS:
        vectors_AD, line = cached_asv_vectors(encoder, tokens_AL, device, cache=cache)
        return CalibrationSet(_batches(data, np.sort(rows), device), vectors_AD, line)
    batches = _batches(data, np.sort(rows[: _number_within(data, rows)]), device)
    asvs_V = torch.from_numpy(np.unique(np.concatenate([batch.asvs_U.cpu().numpy() for batch in batches])))
    found_VD, line = cached_asv_vectors(encoder, tokens_AL[asvs_V.numpy()], device, cache=cache)
    # What is never written takes no memory on a CPU.
    vectors_AD = torch.zeros(len(tokens_AL), found_VD.shape[1], device=device)
    vectors_AD[asvs_V.to(device)] = found_VD
    return CalibrationSet(batches, vectors_AD, line)


def _chosen(data: StudyDataModule) -> np.ndarray:
    """Training samples in random order, 4,096 at most."""
    rows = data.split.train
    rng = np.random.default_rng(data.options.seed)
    return rng.choice(rows, min(len(rows), MOST_SAMPLES), replace=False)


def _number_within(data: StudyDataModule, rows: np.ndarray) -> int:
    """How many of the samples have no more than 20,000 ASVs together, but 512 in any case."""
    counts = data.study.table.counts
    is_there_A = np.zeros(counts.shape[1], dtype=bool)
    for number, row in enumerate(rows):
        is_there_A[counts.indices[counts.indptr[row] : counts.indptr[row + 1]]] = True
        if number >= FEWEST_SAMPLES and is_there_A.sum() > MOST_ASVS:
            return number
    return len(rows)


def _batches(data: StudyDataModule, rows: np.ndarray, device: torch.device) -> list[Batch]:
    here = dataclasses.replace(data.options, num_workers=0, pin_memory=False)
    loader = StudyDataModule(data.study, data.split, data.collate, data.sampling, here).fixed_loader(rows)
    return [batch.to(device) for batch in loader]
