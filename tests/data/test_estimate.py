from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from aam.config import ModelOptions, SamplingOptions
from aam.data.estimate import (
    BatchSizes,
    activations,
    batch_sizes,
    num_encoder_parameters,
    num_target_parameters,
    training_bytes,
)
from aam.data.targets import TargetSpec
from aam.models.sequence_encoder import SelfSupervision, SequenceEncoder
from aam.models.sequence_predictor import SequencePredictor, num_parameters
from tests.data.study_files import make_study, random_counts

MODELS: list[dict[str, Any]] = [
    {},
    {"embedding_dim": 24, "attention_heads": 3, "attention_layers": 1, "nucleotide_patch": 1},
    {"embedding_dim": 16, "asv_layers": 0, "sample_layers": 3, "encoder_layers": 0, "num_soft_clades": 0},
    {"embedding_dim": 16, "count_embedding": False, "num_soft_clades": 7},
    {"embedding_dim": 16, "count_embedding_method": "add"},
    {"embedding_dim": 16, "count_embedding_method": "concat"},
]
HEADS = {
    "unifrac": ("distance",),
    "faith_pd": ("faith_pd",),
    "taxonomy": ("taxonomy",),
    "combined": ("distance", "faith_pd", "taxonomy"),
}


@pytest.mark.parametrize("sizes", MODELS)
@pytest.mark.parametrize("encoder_type", HEADS)
def test_parameters_of_an_encoder(sizes: dict[str, Any], encoder_type: str) -> None:
    options, taxa = ModelOptions(**sizes), ("a", "b", "c")
    supervision = SelfSupervision(encoder_type=encoder_type, nucleotides=True, counts=True, taxonomy_classes=taxa)
    expected = num_parameters(SequenceEncoder(options, supervision))
    assert num_encoder_parameters(options, (*HEADS[encoder_type], "nucleotide", "count"), len(taxa)) == expected


@pytest.mark.parametrize("sizes", MODELS)
@pytest.mark.parametrize("classes", [(), ("a", "b", "c")])
@pytest.mark.parametrize("linear_path", [True, False])
def test_parameters_of_a_predictor(sizes: dict[str, Any], classes: tuple[str, ...], linear_path: bool) -> None:
    options = ModelOptions(**sizes)
    target = TargetSpec(column="x", kind="classification" if classes else "regression", classes=classes)
    model = SequencePredictor(SequenceEncoder(options, SelfSupervision()), target, "mse", linear_path)
    outputs = max(1, len(classes))
    assert num_encoder_parameters(options) + num_target_parameters(options, outputs, linear_path) == num_parameters(
        model
    )


def kept_bytes(options: ModelOptions, sizes: BatchSizes) -> int:
    """What the real encoders keep for the gradient: each stretch of memory once, weights not counted."""
    model = SequenceEncoder(options, SelfSupervision()).train()
    weights = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    kept: dict[int, torch.UntypedStorage] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage
        return tensor

    generator = torch.Generator().manual_seed(0)
    tokens_UL = torch.randint(1, 5, (sizes.distinct, sizes.bases), dtype=torch.uint8, generator=generator)
    index_BS = torch.randint(0, sizes.distinct, (sizes.samples, sizes.asvs), generator=generator)
    counts_BS = torch.randint(1, 50, index_BS.shape, generator=generator).float()
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        encoded = model.sample_encoder(model.asv_encoder(tokens_UL).asv_UD, index_BS, counts_BS)
        assert encoded.sample_BD.requires_grad
        return sum(storage.nbytes() for storage in kept.values())


@pytest.mark.parametrize(
    ("changes", "sizes"),
    [
        ({}, (6, 40, 80, 100)),
        ({"dropout": 0.0}, (6, 40, 80, 100)),
        ({"nucleotide_patch": 1, "attention_layers": 1}, (4, 30, 40, 80)),
        ({"embedding_dim": 32, "num_soft_clades": 0}, (4, 200, 60, 60)),
        ({"asv_layers": 1, "sample_layers": 3}, (4, 60, 60, 60)),
    ],
)
def test_memory_is_what_the_model_keeps(changes: dict[str, Any], sizes: tuple[int, int, int, int]) -> None:
    options = ModelOptions(**{"embedding_dim": 64, **changes})
    names = ("samples", "asvs", "distinct", "bases")
    batch = BatchSizes(**dict(zip(names, sizes, strict=True)))
    assert 4 * activations(options, batch) == pytest.approx(kept_bytes(options, batch), rel=0.1)


def test_checkpointing_saves_memory() -> None:
    batch = BatchSizes(samples=8, asvs=100, distinct=300, bases=150)
    plain, saving = ModelOptions(), ModelOptions(gradient_checkpointing=True)
    assert training_bytes(saving, batch, 1000) < training_bytes(plain, batch, 1000)


def test_sizes_of_a_batch() -> None:
    study = make_study(random_counts(30, 50))
    rows = np.arange(20)
    richness = np.diff(study.table.counts.indptr)[rows]
    sizes = batch_sizes(study, SamplingOptions(), rows, 8)
    assert (sizes.samples, sizes.asvs, sizes.bases) == (8, richness.max(), study.longest_sequence)
    rng = np.random.default_rng(0)
    present = study.table.counts.toarray()[rows] > 0
    drawn = [present[rng.choice(20, 8, replace=False)].any(axis=0).sum() for _ in range(200)]
    assert sizes.distinct == pytest.approx(np.mean(drawn), rel=0.05)
    limited = batch_sizes(study, SamplingOptions(token_limit=3), rows, 8)
    assert limited.asvs == 3
    assert limited.distinct <= 24
    assert batch_sizes(study, SamplingOptions(), rows, 100).samples == 20
