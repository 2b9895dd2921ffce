from __future__ import annotations

from typing import Any

import pytest
import torch

from aam.data.batches.corruption import Corruption, hide_abundances, mask_bases
from aam.models.sequence_encoder import SelfSupervision
from tests.models.model_cases import all_weights_move, batch_of, fresh_encoder, random_batch, study

TAXA = ("w", "x", "y", "z")


def test_each_distinct_asv_once_is_the_same_as_every_pair() -> None:
    samples, tokens_AL = study(5)
    model = fresh_encoder()
    all_weights_move(model)
    batch = batch_of(samples, tokens_AL)
    assert len(batch.asvs_U) < batch.mask_BS.sum()
    encoded = model(batch)
    for row, sample in enumerate(samples):
        size = len(sample.asvs)
        asv_SD = torch.cat([model.asv_encoder(torch.from_numpy(tokens_AL[[asv]])).asv_UD for asv in sample.asvs])
        counts = torch.from_numpy(sample.counts).float()[None]
        alone = model.sample_encoder(asv_SD, torch.arange(size)[None], counts)
        torch.testing.assert_close(encoded.sample.sample_BD[row], alone.sample_BD[0], rtol=0, atol=1e-5)
        torch.testing.assert_close(encoded.sample.context_BSD[row, :size], alone.context_BSD[0], rtol=0, atol=1e-5)
        torch.testing.assert_close(encoded.sample.profile_BK[row], alone.profile_BK[0], rtol=0, atol=1e-4)


def test_a_sample_does_not_depend_on_its_batch() -> None:
    samples, tokens_AL = study(6)
    model = fresh_encoder()
    all_weights_move(model)
    together = model(batch_of(samples, tokens_AL)).sample.sample_BD
    for row, sample in enumerate(samples):
        alone = model(batch_of([sample], tokens_AL)).sample.sample_BD[0]
        torch.testing.assert_close(alone, together[row], rtol=0, atol=1e-5)
    backwards = model(batch_of(samples[::-1], tokens_AL)).sample.sample_BD
    torch.testing.assert_close(backwards.flip(0), together, rtol=0, atol=1e-5)


def test_known_vectors_are_taken_in_place_of_nucleotides() -> None:
    model, batch = fresh_encoder(), random_batch()
    whole = model(batch)
    batch.tokens_UL = torch.zeros_like(batch.tokens_UL)
    known = model(batch, asv_vectors_UD=whole.asv.asv_UD)
    torch.testing.assert_close(known.sample.sample_BD, whole.sample.sample_BD)
    assert known.asv.patch_UPD.numel() == 0


@pytest.mark.parametrize(
    ("supervision", "names"),
    [
        ({}, []),
        ({"encoder_type": "unifrac"}, ["distance"]),
        ({"encoder_type": "aitchison", "nucleotides": True}, ["distance", "nucleotide"]),
        ({"encoder_type": "faith_pd", "counts": True}, ["faith_pd", "count"]),
        ({"encoder_type": "taxonomy", "taxonomy_classes": TAXA}, ["taxonomy"]),
        ({"encoder_type": "combined"}, ["distance", "faith_pd"]),
        (
            {"encoder_type": "combined", "taxonomy_classes": TAXA, "nucleotides": True, "counts": True},
            ["distance", "faith_pd", "taxonomy", "nucleotide", "count"],
        ),
    ],
)
def test_heads_of_each_encoder_type(supervision: dict[str, Any], names: list[str]) -> None:
    wanted = SelfSupervision(**supervision)
    assert [head.name for head in fresh_encoder(wanted).task_heads()] == names
    assert SelfSupervision.from_dict(wanted.to_dict()) == wanted


def test_every_weight_learns_from_all_heads() -> None:
    supervision = SelfSupervision(encoder_type="combined", taxonomy_classes=TAXA, nucleotides=True, counts=True)
    model, batch = fresh_encoder(supervision).train(), random_batch()
    all_weights_move(model)
    generator = torch.Generator().manual_seed(0)
    masked = mask_bases(batch.tokens_UL, 0.3, "random", generator)
    encoded = model(batch, Corruption(masked, hide_abundances(batch.mask_BS, 0.3, generator)))
    torch.stack([head.loss(head.compare(encoded, batch)) for head in model.task_heads()]).sum().backward()
    without = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []


def test_masked_bases_are_not_seen() -> None:
    model, batch = fresh_encoder(), random_batch()
    masked = mask_bases(batch.tokens_UL, 0.3, "random", torch.Generator().manual_seed(0))
    before = model(batch, Corruption(masked)).asv.patch_UPD
    batch.tokens_UL = torch.where(masked, batch.tokens_UL % 4 + 1, batch.tokens_UL)
    torch.testing.assert_close(model(batch, Corruption(masked)).asv.patch_UPD, before)
