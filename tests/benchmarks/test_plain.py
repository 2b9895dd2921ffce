"""The product's losses and gradients are those of the plain way, in which every pair is encoded and padded."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from aam.alphabet import PAD
from aam.config import ModelOptions
from aam.data.batches.batch import Batch, Sample, Truths, make_batch
from aam.data.batches.corruption import Corruption, hide_abundances, mask_bases
from aam.models.sequence_encoder import SelfSupervision, SequenceEncoder
from benchmarks.speed.plain import Plain, losses, spread

NUM_ASVS, LONGEST, TOKEN_LIMIT = 60, 23, 48
SUPERVISION = SelfSupervision(encoder_type="unifrac", nucleotides=True, counts=True)
VARIANTS: list[dict[str, Any]] = [
    {},
    {"num_soft_clades": 0},
    {"count_embedding": False},
    {"num_soft_clades": 7, "count_embedding_method": "add"},
    {"count_embedding_method": "concat", "sample_layers": 0},
]


def random_batch(seed: int) -> Batch:
    """Six samples of 1 to 45 ASVs that share most of them; sequences of 8 to 23 bases."""
    rng = np.random.default_rng(seed)
    tokens_AL = rng.integers(1, 6, (NUM_ASVS, LONGEST)).astype(np.uint8)
    lengths_A = rng.integers(8, LONGEST + 1, NUM_ASVS)
    tokens_AL[np.arange(LONGEST) >= lengths_A[:, None]] = PAD
    samples = []
    for row, richness in enumerate((1, 2, 9, 20, 33, 45)):
        asvs = np.sort(rng.choice(NUM_ASVS, richness, replace=False))
        counts = np.ceil(rng.lognormal(2, 2, richness)).astype(np.int64)
        samples.append(Sample(row, asvs, counts, asvs, counts))
    batch = make_batch(samples, tokens_AL, lengths_A)
    points = torch.rand(len(samples), 3, generator=torch.Generator().manual_seed(seed))
    batch.truths = Truths(pairs={"distance": torch.cdist(points, points)})
    return batch


def random_model(seed: int, **changes: Any) -> SequenceEncoder:
    """A small model without dropout, in training mode; weights that start at 0 have moved."""
    torch.manual_seed(seed)
    small = {"embedding_dim": 16, "attention_heads": 2, "attention_layers": 1, "num_soft_clades": 20, "dropout": 0.0}
    model = SequenceEncoder(ModelOptions(**{**small, **changes}), SUPERVISION)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model


def gradients(model: SequenceEncoder, found: dict[str, Tensor]) -> dict[str, Tensor]:
    model.zero_grad()
    torch.stack(list(found.values())).sum().backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("changes", VARIANTS, ids=str)
@pytest.mark.parametrize("patch", [1, 5])
@pytest.mark.parametrize("seed", [0, 1])
def test_losses_and_gradients_are_those_of_the_plain_way(patch: int, seed: int, changes: dict[str, Any]) -> None:
    model, batch = random_model(seed, nucleotide_patch=patch, **changes), random_batch(seed)
    generator = torch.Generator().manual_seed(seed)
    masked = mask_bases(batch.tokens_UL, 0.15, "random", generator)
    hidden = hide_abundances(batch.mask_BS, 0.15, generator) if model.options.count_embedding else None
    corruption = Corruption(masked, hidden)
    own = losses(model, batch, corruption)
    if hidden is None:  # the count head is then asked for every ASV
        corruption = Corruption(masked, batch.mask_BS)
    plain = Plain(model).losses(spread(batch, corruption, TOKEN_LIMIT, LONGEST + 2))
    assert list(own) == list(plain) == ["distance", "nucleotide", "count"]
    for name, loss in own.items():
        torch.testing.assert_close(loss, plain[name], rtol=1e-5, atol=1e-6)
    expected, found = gradients(model, plain), gradients(model, own)
    assert set(found) == set(expected)
    for name, gradient in found.items():
        scale = float(expected[name].abs().max())
        torch.testing.assert_close(gradient, expected[name], rtol=0, atol=1e-5 * max(scale, 1e-2), msg=name)


def test_the_plain_batch_has_every_pair_and_all_the_padding() -> None:
    batch = random_batch(0)
    plain = spread(batch, Corruption(), TOKEN_LIMIT, LONGEST)
    assert plain.tokens_BSL.shape == (6, TOKEN_LIMIT, LONGEST)
    assert int((plain.tokens_BSL != PAD).any(-1).sum()) == 1 + 2 + 9 + 20 + 33 + 45
    assert int(plain.owners_BS[plain.counts_BS > 0].max()) <= 6
