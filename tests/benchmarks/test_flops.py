from __future__ import annotations

import pytest
import torch

from aam.config import ModelOptions
from aam.models.sequence_encoder import SelfSupervision, SequenceEncoder
from benchmarks.speed.flops import asv_encoder_flops, counted_flops
from benchmarks.speed.plain import Plain

NUM_ASVS, BASES = 6, 40


@pytest.mark.parametrize("patch", [1, 5])
@pytest.mark.parametrize("width", [64, 128])
def test_the_formula_is_what_torch_counts(width: int, patch: int) -> None:
    options = ModelOptions(
        embedding_dim=width, attention_layers=2, nucleotide_patch=patch, num_soft_clades=0, dropout=0.0
    )
    model = SequenceEncoder(options, SelfSupervision())
    tokens = torch.randint(1, 5, (NUM_ASVS, BASES), dtype=torch.uint8)
    plain = Plain(model)
    forward = counted_flops(lambda: plain.encode(tokens))
    assert asv_encoder_flops(options, NUM_ASVS, BASES, training=False) == pytest.approx(forward, rel=0.03)
    training = counted_flops(lambda: plain.encode(tokens)[0].sum().backward())
    assert asv_encoder_flops(options, NUM_ASVS, BASES) == pytest.approx(training, rel=0.03)


def test_the_product_computes_what_the_formula_says() -> None:
    options = ModelOptions(embedding_dim=64, attention_layers=2, num_soft_clades=0, dropout=0.0)
    model = SequenceEncoder(options, SelfSupervision())
    tokens = torch.randint(1, 5, (NUM_ASVS, BASES), dtype=torch.uint8)
    counted = counted_flops(lambda: model.asv_encoder(tokens))
    assert asv_encoder_flops(options, NUM_ASVS, BASES, training=False) == pytest.approx(counted, rel=0.05)
