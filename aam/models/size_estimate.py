"""How large a model is and how much memory a training step takes, from closed formulas: nothing is built for it.

Both follow the model's code, and tests hold them against it. Legend of shapes: ``B`` samples, ``S`` ASVs per sample,
``U`` distinct ASVs of the batch, ``P`` patches of ``k`` bases, ``D`` width, ``H`` heads, ``K`` soft clades.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from aam.alphabet import VOCABULARY
from aam.config import ModelOptions

BYTES = 4  # of a float32
PROCESS_BYTES = 600e6  # Python and the libraries of training, where the process cannot be asked
NUM_ABUNDANCE_FEATURES = 2
WIDTHS_OF_LAYER = 12  # vectors of width D that a layer keeps of each position for its gradient
WIDTHS_OF_DROPOUT = 0.5  # what it keeps besides where there is dropout: a byte for each number, of two vectors
WIDTHS_OF_ABUNDANCE = 4
POSITIONS_AT_ONCE = {"cpu": 2048, "cuda": 1 << 17}  # patches that the ASV encoder takes at once
SHARE_OF_HALF = 0.75  # of the memory that mixed precision leaves
HELD_BY_MALLOC = (
    1.2  # memory that the process holds, where freed blocks are kept for the next step, for each byte in use
)


@dataclass(frozen=True, kw_only=True)
class BatchSizes:
    """Sizes of a batch.

    Attributes
    ----------
    samples
        Its samples.
    asvs
        ASVs of the richest of them.
    places
        ASVs of all of them, each counted as often as it occurs.
    distinct
        Distinct ASVs.
    bases
        Bases of the longest ASV.
    encoded
        ASVs that are encoded here, where another process encodes others; None for all distinct ones.
    """

    samples: int
    asvs: int
    places: int
    distinct: int
    bases: int
    encoded: int | None = None

    @property
    def sequences(self) -> int:
        """ASVs that are encoded here."""
        return self.distinct if self.encoded is None else self.encoded


class Units(NamedTuple):
    """How many of a model's weights are whole at a time when it is sharded over processes.

    Attributes
    ----------
    all
        All of them.
    layer
        Those of its largest transformer layer.
    between
        Those outside the layers: one unit, which is whole during all of a step.
    """

    all: int
    layer: int
    between: int


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What, besides the model and the batch, decides on the memory of a step.

    Attributes
    ----------
    device
        ``cpu`` or ``cuda``.
    half
        Whether most of the arithmetic is in 16 bits.
    frozen
        Whether the encoder is frozen and nothing of it is kept for a gradient.
    moments
        Numbers that the optimiser keeps of each weight.
    """

    device: str = "cpu"
    half: bool = False
    frozen: bool = False
    moments: int = 2


def num_encoder_parameters(options: ModelOptions) -> int:
    """Weights of a :class:`~aam.models.sequence_encoder.SequenceEncoder` without its heads, which objectives know."""
    dim, clades, patch = options.embedding_dim, options.num_soft_clades, options.nucleotide_patch
    asv_layers, sample_layers, encoder_layers = options.layers
    asv_encoder = linear_parameters(patch * VOCABULARY, dim) + dim + _stack(dim, asv_layers) + dim + 2 * dim
    sample_encoder = _stack(dim, sample_layers) + _stack(dim, encoder_layers) + dim + 1 + 2 * dim
    if clades:
        sample_encoder += clades * dim + 3 * clades + linear_parameters(clades, dim)
    return asv_encoder + _abundance(options) + sample_encoder


def sharded_units(options: ModelOptions, number: int) -> Units:
    """The units of a model with so many weights."""
    layer = _stack(options.embedding_dim, 1) - _stack(options.embedding_dim, 0)
    return Units(number, layer, number - sum(options.layers) * layer)


def num_target_parameters(options: ModelOptions, num_outputs: int, linear_path: bool = True) -> int:
    """Weights of the target's head; one output for a number, else one for each class."""
    dim = options.embedding_dim
    path = options.num_soft_clades * num_outputs if linear_path else 0
    return linear_parameters(dim, dim) + linear_parameters(dim, num_outputs) + path


def activation_bytes(options: ModelOptions, sizes: BatchSizes, setting: Setting) -> float:
    """Bytes of a training step that depend on the batch: what is kept for gradients.

    A layer keeps about 12 vectors of width ``D`` of each position, and half a one more where there is dropout. With
    gradient checkpointing the samples' layers keep one vector of each position, the ASV encoder keeps its result
    alone, and one layer, or one part of the ASVs, at a time keeps all.
    """
    share = SHARE_OF_HALF if setting.half else 1.0
    if setting.device == "cpu" and not options.gradient_checkpointing:
        share *= HELD_BY_MALLOC
    if setting.frozen:
        return share * BYTES * _of_layer(options) * sizes.places
    return share * BYTES * (kept(options, sizes) + recomputed(options, sizes, setting.device))


def kept(options: ModelOptions, sizes: BatchSizes) -> float:
    """Numbers that the encoders keep from the forward pass for the gradient."""
    dim, clades = options.embedding_dim, options.num_soft_clades
    asv_layers, sample_layers, encoder_layers = options.layers
    tokens = sizes.sequences * math.ceil(sizes.bases / options.nucleotide_patch)
    abundance = sizes.places * dim * (WIDTHS_OF_ABUNDANCE if options.count_embedding else 1)
    profile = sizes.distinct * (4 * clades + 2 * sizes.samples) if clades else 0
    result = tokens * dim
    if options.gradient_checkpointing:
        between = (sample_layers + encoder_layers) * sizes.places * dim
        return result + abundance + profile + between + 3 * sizes.places * dim
    layers = _of_layer(options) * (asv_layers * tokens + (sample_layers + encoder_layers) * sizes.places)
    return _embedding(options, tokens) + 2 * result + abundance + profile + layers + 3 * sizes.places * dim


def recomputed(options: ModelOptions, sizes: BatchSizes, device: str) -> float:
    """Numbers of the largest stretch that gradient checkpointing computes a second time; 0 without it."""
    if not options.gradient_checkpointing:
        return 0.0
    asv_layers, sample_layers, encoder_layers = options.layers
    patches = math.ceil(sizes.bases / options.nucleotide_patch)
    at_once = options.asv_chunk_size or max(1, POSITIONS_AT_ONCE[device] // patches)
    tokens = min(at_once, sizes.sequences) * patches
    of_asvs = _embedding(options, tokens) + asv_layers * _of_layer(options) * tokens
    of_samples = _of_layer(options) * sizes.places if sample_layers + encoder_layers else 0
    return max(of_asvs, of_samples)


def _of_layer(options: ModelOptions) -> float:
    """Numbers that a layer keeps of each position."""
    return options.embedding_dim * (WIDTHS_OF_LAYER + (WIDTHS_OF_DROPOUT if options.dropout else 0))


def _embedding(options: ModelOptions, tokens: int) -> int:
    return tokens * (options.nucleotide_patch * VOCABULARY + 2 * options.embedding_dim)


def _abundance(options: ModelOptions) -> int:
    dim, method = options.embedding_dim, options.count_embedding_method
    if not options.count_embedding:
        return 0
    embed = linear_parameters(NUM_ABUNDANCE_FEATURES, 2 * dim if method == "film" else dim)
    return embed + NUM_ABUNDANCE_FEATURES + (linear_parameters(2 * dim, dim) if method == "concat" else 0)


def _stack(dim: int, depth: int) -> int:
    attention = linear_parameters(dim, 3 * dim) + linear_parameters(dim, dim)
    layer = attention + linear_parameters(dim, 4 * dim) + linear_parameters(4 * dim, dim) + 4 * dim
    return depth * layer + 2 * dim


def linear_parameters(inputs: int, outputs: int) -> int:
    """Weights and biases of a linear layer."""
    return inputs * outputs + outputs
