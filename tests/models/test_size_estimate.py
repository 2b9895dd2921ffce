from __future__ import annotations

from typing import Any

import pytest
import torch

from aam.config import HeadOptions, ModelOptions
from aam.data.batches.batch import Batch
from aam.data.batches.corruption import Corruption, mask_bases
from aam.data.batches.ragged import Ragged
from aam.data.targets.kinds import CLASSES, NUMBERS, TargetSpec
from aam.models.objectives import names
from aam.models.sequence_encoder import SelfSupervision, SequenceEncoder
from aam.models.sequence_predictor import SequencePredictor, num_parameters
from aam.models.size_estimate import (
    BatchSizes,
    Setting,
    activation_bytes,
    kept,
    num_encoder_parameters,
    num_target_parameters,
    recomputed,
)
from tests.models.model_cases import predictor_plan

MODELS: list[dict[str, Any]] = [
    {},
    {"embedding_dim": 24, "attention_heads": 3, "attention_layers": 1, "nucleotide_patch": 1},
    {"embedding_dim": 16, "asv_layers": 0, "sample_layers": 3, "encoder_layers": 0, "num_soft_clades": 0},
    {"embedding_dim": 16, "count_embedding": False, "num_soft_clades": 7},
    {"embedding_dim": 16, "count_embedding_method": "add"},
    {"embedding_dim": 16, "count_embedding_method": "concat"},
]


@pytest.mark.parametrize("sizes", MODELS)
@pytest.mark.parametrize("encoder_type", names())
def test_parameters_of_an_encoder(sizes: dict[str, Any], encoder_type: str) -> None:
    options, taxa = ModelOptions(**sizes), ("a", "b", "c")
    supervision = SelfSupervision(encoder_type=encoder_type, nucleotides=True, counts=True, taxonomy_classes=taxa)
    expected = num_parameters(SequenceEncoder(options, supervision))
    of_heads = sum(objective.num_parameters(options, len(taxa)) for objective in supervision.objectives)
    assert num_encoder_parameters(options) + of_heads == expected


@pytest.mark.parametrize("sizes", MODELS)
@pytest.mark.parametrize("classes", [(), ("a", "b", "c")])
@pytest.mark.parametrize("linear_path", [True, False])
def test_parameters_of_a_predictor(sizes: dict[str, Any], classes: tuple[str, ...], linear_path: bool) -> None:
    options = ModelOptions(**sizes)
    target = TargetSpec(column="x", kind=CLASSES if classes else NUMBERS, classes=classes)
    encoder = SequenceEncoder(options, SelfSupervision())
    model = SequencePredictor(encoder, predictor_plan(target, HeadOptions(linear_path=linear_path)))
    outputs = max(1, len(classes))
    assert num_encoder_parameters(options) + num_target_parameters(options, outputs, linear_path) == num_parameters(
        model
    )


def random_batch(sizes: BatchSizes) -> Batch:
    """A batch in which every sample has as many ASVs."""
    generator = torch.Generator().manual_seed(0)
    shape = (sizes.samples, sizes.asvs)
    return Batch(
        rows_B=torch.arange(sizes.samples),
        asvs_U=torch.arange(sizes.distinct),
        tokens_UL=torch.randint(1, 5, (sizes.distinct, sizes.bases), dtype=torch.uint8, generator=generator),
        index_BS=torch.randint(0, sizes.distinct, shape, generator=generator),
        counts_BS=torch.randint(1, 50, shape, generator=generator).float(),
        layout=Ragged.equal(*shape),
        bases=(sizes.bases,) * sizes.distinct,
    )


def kept_bytes(options: ModelOptions, sizes: BatchSizes) -> int:
    """What the real encoders keep for the gradient: each stretch of memory once, weights not counted."""
    model = SequenceEncoder(options, SelfSupervision(nucleotides=True)).train()
    weights = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    kept: dict[int, torch.UntypedStorage] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        batch = random_batch(sizes)
        masked = mask_bases(batch.tokens_UL, 0.15, "random", torch.Generator().manual_seed(0))
        encoded = model(batch, Corruption(masked))
        keep(encoded.asv.patch_UPD)  # it is there until the step is done
        return sum(storage.nbytes() for storage in kept.values())


def sizes_of(samples: int, asvs: int, distinct: int, bases: int) -> BatchSizes:
    return BatchSizes(samples=samples, asvs=asvs, places=samples * asvs, distinct=distinct, bases=bases)


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
    batch = sizes_of(*sizes)
    assert 4 * kept(options, batch) == pytest.approx(kept_bytes(options, batch), rel=0.1)


@pytest.mark.parametrize("sizes", [(6, 40, 200, 100), (8, 200, 80, 60)])
def test_memory_with_checkpointing_is_what_the_model_keeps(sizes: tuple[int, int, int, int]) -> None:
    options, batch = ModelOptions(embedding_dim=64, gradient_checkpointing=True), sizes_of(*sizes)
    assert 4 * kept(options, batch) == pytest.approx(kept_bytes(options, batch), rel=0.3)
    assert recomputed(options, batch, "cpu") > 0


BATCH = sizes_of(8, 100, 300, 150)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_checkpointing_saves_memory_and_small_chunks_more(device: str) -> None:
    plain, saving = ModelOptions(), ModelOptions(gradient_checkpointing=True)
    chunked = ModelOptions(gradient_checkpointing=True, asv_chunk_size=8, sample_layers=0, encoder_layers=0)
    whole = ModelOptions(gradient_checkpointing=True, sample_layers=0, encoder_layers=0)
    setting = Setting(device=device)
    assert activation_bytes(saving, BATCH, setting) < activation_bytes(plain, BATCH, setting)
    assert activation_bytes(chunked, BATCH, setting) < activation_bytes(whole, BATCH, setting)


def test_half_precision_and_a_frozen_encoder_save_memory() -> None:
    usual = activation_bytes(ModelOptions(), BATCH, Setting())
    assert activation_bytes(ModelOptions(), BATCH, Setting(half=True)) < usual
    assert activation_bytes(ModelOptions(), BATCH, Setting(frozen=True)) < usual / 4
