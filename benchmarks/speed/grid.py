"""The cases that the step is measured in, the batch of each, and what each is expected to take."""

from __future__ import annotations

import dataclasses
import itertools
import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from aam.config import ModelOptions
from aam.data.batches.batch import Batch, Sample, Truths, make_batch

Variant = Literal["plain", "distinct"]
Shared = Literal["reference", "few", "many"]

BASES = 150
REFERENCE_SAMPLES, REFERENCE_ASVS, REFERENCE_DISTINCT = 8, 150, 877
PATCHES, SAMPLES, LIMITS, SHARED = (1, 5), (8, 32, 128), (128, 512, 1024), ("few", "many")
RICHNESS, SPREAD = 0.4, 0.8
"""Median richness as a share of the token limit and the spread of its natural log, as in soil."""
FEW, MANY = 4, 2

FLOPS_OF_TRAINING = 3  # the forward pass and twice as much for its gradient
VALUES_OF_LAYER = 17  # of each place and unit of width that a layer keeps for its gradient, with dropout
MATRICES_OF_HEAD = 3  # attention matrices that it keeps of each head, with dropout on their weights
PROCESS_GIGABYTES = 0.8


@dataclass(frozen=True)
class Case:
    """One measurement of the step.

    Attributes
    ----------
    variant
        ``plain`` or ``distinct``, as in :mod:`benchmarks.speed.step`.
    patch
        Bases of a token.
    samples
        Samples of the batch.
    limit
        Token limit: most ASVs of a sample.
    shared
        ``few``: ASVs are drawn from four times as many as the batch has pairs; ``many``: all samples draw from twice
        the token limit; ``reference``: each sample has as many ASVs as the limit, and 877 of them are distinct.
    width, heads
        Of the vectors, and attention heads.
    """

    variant: Variant
    patch: int
    samples: int
    limit: int
    shared: Shared
    width: int = 128
    heads: int = 4

    @property
    def plain(self) -> Case:
        """The case that this one is compared with."""
        return dataclasses.replace(self, variant="plain")

    def model_options(self) -> ModelOptions:
        """The model: 4 layers at each of the three levels."""
        return ModelOptions(
            embedding_dim=self.width, attention_heads=self.heads, attention_layers=4, nucleotide_patch=self.patch
        )


def cases(width: int) -> list[Case]:
    """All cases: the reference first, then the grid; the two variants of a case follow each other."""
    variants: tuple[Variant, ...] = ("plain", "distinct")
    reference = [
        Case(variant, patch, REFERENCE_SAMPLES, REFERENCE_ASVS, "reference", width)
        for patch, variant in itertools.product(PATCHES, variants)
    ]
    shared: tuple[Shared, ...] = ("few", "many")
    grid = itertools.product(PATCHES, SAMPLES, LIMITS, shared, variants)
    return reference + [Case(v, patch, samples, limit, s, width) for patch, samples, limit, s, v in grid]


def make_step_batch(case: Case) -> Batch:
    """The batch of a case, with each distinct ASV once; the same for both variants."""
    rng = np.random.default_rng(0)
    chosen = _reference_asvs(rng) if case.shared == "reference" else _drawn_asvs(case, rng)
    counts = [np.ceil(rng.lognormal(2, 1.5, len(asvs))).astype(np.int64) for asvs in chosen]
    samples = [Sample(row, a, c, a, c) for row, (a, c) in enumerate(zip(chosen, counts, strict=True))]
    num_asvs = 1 + max(int(asvs.max()) for asvs in chosen)
    tokens_AL = rng.integers(1, 5, (num_asvs, BASES), dtype=np.uint8)
    batch = make_batch(samples, tokens_AL, np.full(num_asvs, BASES))
    distances = torch.rand(case.samples, case.samples, generator=torch.Generator().manual_seed(0))
    batch.truths = Truths(pairs={"distance": (distances + distances.T) / 2 * (1 - torch.eye(case.samples))})
    return batch


def _reference_asvs(rng: np.random.Generator) -> list[np.ndarray]:
    """Eight samples of 150 ASVs: all 877 are dealt out, then each sample is filled with others' ASVs."""
    dealt = np.array_split(rng.permutation(REFERENCE_DISTINCT), REFERENCE_SAMPLES)
    chosen = []
    for own in dealt:
        others = np.setdiff1d(np.arange(REFERENCE_DISTINCT), own)
        chosen.append(np.sort(np.concatenate([own, rng.choice(others, REFERENCE_ASVS - len(own), replace=False)])))
    return chosen


def _drawn_asvs(case: Case, rng: np.random.Generator) -> list[np.ndarray]:
    """Samples of very different richness; the first has as many ASVs as the limit."""
    richness = np.exp(rng.normal(math.log(RICHNESS * case.limit), SPREAD, case.samples))
    richness = np.clip(richness, 2, case.limit).astype(np.int64)
    richness[0] = case.limit
    pool = MANY * case.limit if case.shared == "many" else FEW * int(richness.sum())
    return [np.sort(rng.choice(pool, number, replace=False)) for number in richness]


@dataclass(frozen=True)
class Estimate:
    """What a step is expected to take: floating-point operations of its matrix products, and memory."""

    flops: float
    gigabytes: float


def estimate(case: Case, batch: Batch) -> Estimate:
    """What a step of a case is expected to take, if everything is padded and attention keeps its matrices.

    Most of it are the layers: 24 operations of each weight's column and place, and what they keep for the gradient.
    """
    options = case.model_options()
    asv_layers, sample_layers, encoder_layers = options.layers
    pairs = int(batch.mask_BS.sum())
    encoded = pairs if case.variant == "plain" else len(batch.asvs_U)
    places = case.limit if case.variant == "plain" else batch.index_BS.shape[1]
    patches = -(-BASES // case.patch)
    asv_level = _layers(options, asv_layers, encoded, patches)
    sample_level = _layers(options, sample_layers + encoder_layers, case.samples, places)
    clades = encoded * options.num_soft_clades
    flops = asv_level[0] + sample_level[0] + 2 * FLOPS_OF_TRAINING * clades * case.width
    return Estimate(flops, PROCESS_GIGABYTES + 4 * (asv_level[1] + sample_level[1] + 4 * clades) / 1e9)


def _layers(options: ModelOptions, layers: int, rows: int, length: int) -> tuple[float, float]:
    """Operations of a training step, and values kept, of layers over ``length`` places in each of ``rows``."""
    dim = options.embedding_dim
    matrices = layers * options.attention_heads * rows * length**2
    flops = layers * rows * length * (24 * dim**2 + 4 * length * dim)
    return FLOPS_OF_TRAINING * flops, layers * rows * length * VALUES_OF_LAYER * dim + MATRICES_OF_HEAD * matrices
