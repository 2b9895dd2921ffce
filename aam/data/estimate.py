"""How large a model is and how much memory a training step takes, from closed formulas: nothing is built for it.

Both follow the model's code, and tests hold them against it. Legend of shapes: ``B`` samples, ``S`` ASVs per sample,
``U`` distinct ASVs of the batch, ``P`` patches of ``k`` bases, ``D`` width, ``H`` heads, ``K`` soft clades.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aam.config import ModelOptions, SamplingOptions
from aam.data.alphabet import NUM_BASES, VOCABULARY
from aam.data.study import Study

BYTES = 4  # of a float32
COPIES_OF_WEIGHTS = 4  # the weights, their gradients, and the two moments of Adam
PROCESS_BYTES = 600e6  # Python and the libraries of training
NUM_ABUNDANCE_FEATURES = 2
WIDTHS_OF_LAYER = 15  # vectors of width D that a layer keeps of each position for its gradient
WIDTHS_OF_DROPOUT = 2  # those that it keeps besides where there is dropout
MATRICES_OF_HEAD = 3  # attention matrices that it keeps of each head and row where there is dropout
WIDTHS_OF_ABUNDANCE = 4


@dataclass(frozen=True, kw_only=True)
class BatchSizes:
    """Sizes of a batch: samples, ASVs of the richest one, distinct ASVs of all, and bases of the longest ASV."""

    samples: int
    asvs: int
    distinct: int
    bases: int


def batch_sizes(study: Study, sampling: SamplingOptions, rows: np.ndarray, batch_size: int) -> BatchSizes:
    """Sizes to expect of a batch of these samples, at most: rarefaction, which makes them smaller, is left out.

    The number of distinct ASVs is that of samples drawn at random, each ASV with the share of samples that have it.
    """
    counts = study.table.counts[rows]
    samples = min(batch_size, len(rows))
    richness = np.minimum(np.diff(counts.indptr), sampling.token_limit)
    prevalence = np.bincount(counts.indices, minlength=counts.shape[1]) / len(rows)
    distinct = float((1 - (1 - prevalence) ** samples).sum())
    return BatchSizes(
        samples=samples,
        asvs=int(richness.max()),
        distinct=math.ceil(min(distinct, float(np.sort(richness)[-samples:].sum()))),
        bases=study.longest_sequence,
    )


def num_encoder_parameters(options: ModelOptions, heads: Sequence[str] = (), taxa: int = 0) -> int:
    """Weights of a :class:`~aam.models.sequence_encoder.SequenceEncoder` with these heads."""
    dim, clades, patch = options.embedding_dim, options.num_soft_clades, options.nucleotide_patch
    asv_layers, sample_layers, encoder_layers = options.layers
    asv_encoder = _linear(patch * VOCABULARY, dim) + dim + _stack(dim, asv_layers) + dim + 2 * dim
    sample_encoder = _stack(dim, sample_layers) + _stack(dim, encoder_layers) + dim + 1 + 2 * dim
    if clades:
        sample_encoder += clades * dim + 3 * clades + _linear(clades, dim)
    of_head = {
        "distance": _linear(dim, dim) + 1,
        "faith_pd": _linear(dim, 1),
        "taxonomy": _linear(dim, taxa),
        "nucleotide": _linear(dim, patch * NUM_BASES),
        "count": _linear(dim, 1),
    }
    return asv_encoder + _abundance(options) + sample_encoder + sum(of_head[name] for name in heads)


def num_target_parameters(options: ModelOptions, num_outputs: int, linear_path: bool = True) -> int:
    """Weights of the target's head; one output for a number, else one for each class."""
    dim = options.embedding_dim
    path = options.num_soft_clades * num_outputs if linear_path else 0
    return _linear(dim, dim) + _linear(dim, num_outputs) + path


def training_bytes(options: ModelOptions, sizes: BatchSizes, num_parameters: int) -> float:
    """Memory of a training step, in bytes: the weights four times, and what the three levels keep for the gradient.

    A layer keeps about 15 vectors of width ``D`` of each position and, where there is dropout, 2 more and 3 attention
    matrices of each head and row. With gradient checkpointing it keeps one vector of each position, and one layer at
    a time keeps all. The samples' ASVs are padded to those of the richest one.
    """
    return PROCESS_BYTES + COPIES_OF_WEIGHTS * BYTES * num_parameters + BYTES * activations(options, sizes)


def activations(options: ModelOptions, sizes: BatchSizes) -> float:
    """Numbers that the encoders keep from the forward pass for the gradient."""
    dim, clades, patch = options.embedding_dim, options.num_soft_clades, options.nucleotide_patch
    asv_layers, sample_layers, encoder_layers = options.layers
    patches = math.ceil(sizes.bases / patch)
    tokens, places = sizes.distinct * patches, sizes.samples * sizes.asvs
    embedding = tokens * (patch * VOCABULARY + 2 * dim)
    asv_level = _kept(options, asv_layers, sizes.distinct, patches)
    sample_level = _kept(options, sample_layers + encoder_layers, sizes.samples, sizes.asvs)
    abundance = places * dim * (WIDTHS_OF_ABUNDANCE if options.count_embedding else 1)
    profile = sizes.distinct * (4 * clades + 2 * sizes.samples) if clades else 0
    return embedding + asv_level + abundance + sample_level + profile


def _kept(options: ModelOptions, layers: int, rows: int, length: int) -> float:
    """What a stack of layers over ``length`` positions in each of ``rows`` keeps."""
    positions = rows * length
    of_layer = positions * WIDTHS_OF_LAYER * options.embedding_dim
    if options.dropout:
        of_layer += positions * WIDTHS_OF_DROPOUT * options.embedding_dim
        of_layer += MATRICES_OF_HEAD * options.attention_heads * rows * length**2
    between = positions * options.embedding_dim
    if options.gradient_checkpointing and layers:
        return layers * between + of_layer
    return layers * of_layer + 2 * between


def _abundance(options: ModelOptions) -> int:
    dim, method = options.embedding_dim, options.count_embedding_method
    if not options.count_embedding:
        return 0
    embed = _linear(NUM_ABUNDANCE_FEATURES, 2 * dim if method == "film" else dim)
    return embed + NUM_ABUNDANCE_FEATURES + (_linear(2 * dim, dim) if method == "concat" else 0)


def _stack(dim: int, depth: int) -> int:
    layer = _linear(dim, 3 * dim) + _linear(dim, dim) + _linear(dim, 4 * dim) + _linear(4 * dim, dim) + 4 * dim
    return depth * layer + 2 * dim


def _linear(inputs: int, outputs: int) -> int:
    return inputs * outputs + outputs
