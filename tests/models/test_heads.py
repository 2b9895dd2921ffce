from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from aam.data.batches.batch import Batch, Truths
from aam.data.batches.corruption import Corruption, hide_abundances, mask_bases
from aam.models.asv_encoder import AsvEncoding
from aam.models.heads import (
    AsvClassHead,
    CountHead,
    DistanceHead,
    Encoded,
    Head,
    NucleotideHead,
    SampleNumberHead,
)
from aam.models.sample_encoder import SampleEncoding
from aam.models.sequence_encoder import SelfSupervision
from tests.models.model_cases import fresh_encoder, random_batch

WIDTHS = [16, 64, 128, 256, 768, 1152]
NO_ASV = AsvEncoding(torch.empty(0), torch.empty(0))


def sample_vectors(number: int, dim: int) -> Tensor:
    """Vectors as a layer norm leaves them."""
    generator = torch.Generator().manual_seed(0)
    return torch.nn.functional.layer_norm(torch.randn(number, dim, generator=generator), (dim,))


def of_samples(sample_BD: Tensor, profile_BK: Tensor | None = None) -> Encoded:
    return Encoded(NO_ASV, SampleEncoding(torch.empty(0), sample_BD, profile_BK), Corruption())


def encoded_batch(num_samples: int = 6) -> tuple[Encoded, Batch]:
    batch = random_batch(num_samples)
    generator = torch.Generator().manual_seed(0)
    corruption = Corruption(
        mask_bases(batch.tokens_UL, 0.2, "random", generator), hide_abundances(batch.mask_BS, 0.3, generator)
    )
    return fresh_encoder(SelfSupervision(nucleotides=True))(batch, corruption), batch


def upper(distances_BB: Tensor) -> Tensor:
    row, column = torch.triu_indices(len(distances_BB), len(distances_BB), offset=1)
    return distances_BB[row, column]


@pytest.mark.parametrize("dim", WIDTHS)
def test_fresh_distances_have_a_gradient_at_any_width(dim: int) -> None:
    torch.manual_seed(0)
    head = DistanceHead("distance", dim)
    sample_BD = sample_vectors(24, dim).requires_grad_()
    distances = upper(head(sample_BD))
    assert float(distances.detach().mean()) == pytest.approx(1, abs=0.15)
    assert float(distances.detach().std()) > 0.2 / math.sqrt(dim)
    truth = torch.rand(len(distances), generator=torch.Generator().manual_seed(1))
    (distances - truth).square().mean().backward()
    assert head.project.weight.grad is not None
    assert sample_BD.grad is not None
    relative = float(head.project.weight.grad.norm() * head.project.weight.detach().norm())
    assert 0.02 < relative < 20
    assert float(sample_BD.grad.norm() * sample_BD.detach().norm()) > 0.02
    assert abs(float(head.log_scale.grad or 0)) > 0.1


@pytest.mark.parametrize("dim", WIDTHS)
def test_distances_above_1_are_fitted_in_a_few_steps(dim: int) -> None:
    torch.manual_seed(0)
    head, sample_BD = DistanceHead("distance", dim), sample_vectors(10, dim)
    points = 3 * torch.rand(10, 2, generator=torch.Generator().manual_seed(1))
    truth = upper(torch.cdist(points, points))
    assert float(truth.max()) > 2
    optimizer = torch.optim.AdamW(
        [{"params": head.project.parameters(), "lr": 0.2 / dim}, {"params": [head.log_scale], "lr": 0.05}]
    )
    losses = []
    for _ in range(40):
        optimizer.zero_grad()
        loss = (upper(head(sample_BD)) - truth).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.25 * losses[0]
    assert float(upper(head(sample_BD)).detach().max()) > 1.5


def test_distances_are_euclidean_distances_of_the_projection() -> None:
    head, sample_BD = DistanceHead("distance", 16), sample_vectors(5, 16)
    with torch.no_grad():
        head.log_scale.fill_(math.log(3))
        z_BD = head.project(sample_BD)
        expected = 3 * torch.tensor([[float((a - b).norm()) for b in z_BD] for a in z_BD]) / math.sqrt(32)
        torch.testing.assert_close(head(sample_BD), expected)


def test_distances_are_compared_pair_by_pair() -> None:
    head, batch = DistanceHead("distance", 16), random_batch(4)
    comparison = head.compare(of_samples(sample_vectors(4, 16)), batch)
    pairs = [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
    assert comparison.truth.tolist() == [float(batch.truths.pairs["distance"][i, j]) for i, j in pairs]
    expected = (comparison.prediction - comparison.truth).square().mean()
    torch.testing.assert_close(head.loss(comparison), expected)


def test_equal_samples_have_no_distance_and_a_finite_gradient() -> None:
    head = DistanceHead("distance", 16)
    sample_BD = sample_vectors(1, 16).repeat(3, 1).requires_grad_()
    distances = head(sample_BD)
    assert not distances.any()
    (distances - 1).square().sum().backward()
    assert sample_BD.grad is not None
    assert torch.isfinite(sample_BD.grad).all()


def nothing_to_compare() -> list[tuple[Head, Encoded, Batch]]:
    """Each head with a batch in which there is nothing for it to predict."""
    encoded, batch = encoded_batch()
    nothing = Corruption(torch.zeros_like(batch.tokens_UL, dtype=torch.bool), torch.zeros_like(batch.mask_BS))
    batch.truths = Truths(asvs={"taxonomy": torch.full((len(batch.asvs_U),), -1)})
    empty = encoded._replace(corruption=nothing)
    alone, single = encoded_batch(1)
    return [
        (DistanceHead("distance", 16), alone, single),
        (NucleotideHead("nucleotide", 16, 5), empty, batch),
        (CountHead("count", 16), empty, batch),
        (AsvClassHead("taxonomy", 16, 4), empty, batch),
    ]


@pytest.mark.parametrize("which", range(4), ids=["distance", "nucleotide", "count", "taxonomy"])
def test_nothing_to_predict_is_a_loss_of_zero_with_a_gradient(which: int) -> None:
    head, encoded, batch = nothing_to_compare()[which]
    comparison = head.compare(encoded, batch)
    assert comparison.truth.numel() == 0
    loss = head.loss(comparison)
    assert float(loss.detach()) == 0
    loss.backward()
    assert isinstance(head, torch.nn.Module)
    assert all(p.grad is None or not p.grad.any() for p in head.parameters())


@pytest.mark.parametrize("patch", [1, 3, 5])
def test_only_masked_bases_meet_the_nucleotide_head(patch: int) -> None:
    batch = random_batch()
    masked_UL = mask_bases(batch.tokens_UL, 0.2, "span", torch.Generator().manual_seed(0))
    encoded = fresh_encoder(SelfSupervision(nucleotides=True), nucleotide_patch=patch)(batch, Corruption(masked_UL))
    head = NucleotideHead("nucleotide", 16, patch)
    comparison = head.compare(encoded, batch)
    places = masked_UL.nonzero().tolist()
    assert comparison.prediction.shape == (len(places), 4)
    assert comparison.truth.tolist() == [int(batch.tokens_UL[u, p]) - 1 for u, p in places]
    for found, (u, p) in zip(comparison.prediction, places, strict=True):
        all_logits = head.classify(encoded.asv.patch_UPD[u, p // patch]).view(patch, 4)
        torch.testing.assert_close(found, all_logits[p % patch])
    assert float(head.loss(comparison).detach()) == pytest.approx(math.log(4), rel=0.05)


def test_counts_are_asked_where_they_were_hidden() -> None:
    encoded, batch = encoded_batch()
    head = CountHead("count", 16)
    hidden_BS = encoded.corruption.hidden_BS
    assert hidden_BS is not None
    head.center.fill_(-3.0)
    head.spread.fill_(2.0)
    comparison = head.compare(encoded, batch)
    shares = batch.counts_BS / batch.counts_BS.sum(dim=1, keepdim=True)
    torch.testing.assert_close(comparison.truth, (shares[hidden_BS].log() + 3) / 2)
    assert len(comparison.prediction) == int(hidden_BS.sum())
    everything = head.compare(encoded._replace(corruption=Corruption()), batch)
    assert len(everything.truth) == int(batch.mask_BS.sum())
    assert torch.isfinite(everything.truth).all()


@pytest.mark.parametrize("num_samples", [1, 5])
def test_faith_pd_is_standardised(num_samples: int) -> None:
    head, batch = SampleNumberHead("faith_pd", 16), random_batch(num_samples)
    head.center.fill_(11.0)
    head.spread.fill_(0.5)
    comparison = head.compare(of_samples(sample_vectors(num_samples, 16)), batch)
    torch.testing.assert_close(comparison.truth, (batch.truths.samples["faith_pd"] - 11) / 0.5)
    assert comparison.prediction.shape == (num_samples,)
    expected = torch.nn.functional.huber_loss(comparison.prediction, comparison.truth)
    torch.testing.assert_close(head.loss(comparison), expected)
    assert {"center", "spread"} <= set(head.state_dict())


def test_unknown_taxa_are_left_out() -> None:
    encoded, batch = encoded_batch()
    head = AsvClassHead("taxonomy", 16, 4)
    taxonomy_U = batch.truths.asvs["taxonomy"]
    known = taxonomy_U >= 0
    assert 0 < known.sum() < len(known)
    comparison = head.compare(encoded, batch)
    torch.testing.assert_close(comparison.prediction, head.classify(encoded.asv.asv_UD[known]))
    assert comparison.truth.tolist() == taxonomy_U[known].tolist()
