from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from aam.data.batches.batch import Batch, Sample
from aam.models.heads import CountHead, DistanceHead, SampleNumberHead
from aam.models.pooling import relative_abundance
from aam.models.sequence_encoder import SelfSupervision, SequenceEncoder
from aam.models.vector_cache import encode_asvs
from aam.training.calibration.calibrate import calibrate_encoder, calibrate_heads, refit_clades
from tests.models.model_cases import batch_of, fresh_encoder, known_truths, study

ALL = SelfSupervision(encoder_type="combined", counts=True, taxonomy_classes=("x", "y"))


def case(num_samples: int = 40, size: int = 8, scale: float = 1.0, **truths: Tensor) -> tuple[list[Batch], np.ndarray]:
    """Batches of a study, with distances of this scale, and the bases of its ASVs."""
    samples, tokens_AL = study(num_samples)
    points = torch.rand(num_samples, 2, generator=torch.Generator().manual_seed(0))
    distances_NN = scale * torch.cdist(points, points)
    faith_N = 10 + 3 * points[:, 0]
    batches = []
    for start in range(0, num_samples, size):
        rows = slice(start, start + size)
        own = {name: values[rows] for name, values in truths.items()}
        batch = batch_of(samples[rows], tokens_AL, truths=known_truths(distances_NN[rows, rows], faith_N[rows]), **own)
        batches.append(batch)
    return batches, tokens_AL


def calibrated(batches: list[Batch], tokens_AL: np.ndarray, **changes: Any) -> tuple[SequenceEncoder, Tensor]:
    encoder = fresh_encoder(ALL, **changes)
    vectors_AD = encode_asvs(encoder.asv_encoder, tokens_AL)
    calibrate_encoder(encoder, vectors_AD, batches, seed=0)
    assert encoder.training
    return encoder.eval(), vectors_AD


def head_of(encoder: SequenceEncoder, kind: type[Any]) -> Any:
    return next(head for head in encoder.task_heads() if isinstance(head, kind))


def profiles(encoder: SequenceEncoder, vectors_AD: Tensor, batches: list[Batch]) -> Tensor:
    clades = encoder.sample_encoder.soft_clades
    assert clades is not None
    found = []
    for batch in batches:
        vectors_UD = vectors_AD[batch.asvs_U]
        found.append(clades(vectors_UD, relative_abundance(batch.index_BS, batch.counts_BS, len(vectors_UD))))
    return torch.cat(found).detach()


def test_profiles_are_standardised() -> None:
    batches, tokens_AL = case()
    encoder, vectors_AD = calibrated(batches, tokens_AL)
    profile_NK = profiles(encoder, vectors_AD, batches)
    torch.testing.assert_close(profile_NK.mean(dim=0), torch.zeros(20), rtol=0, atol=1e-4)
    spread = profile_NK.std(dim=0, correction=0)
    assert float(spread.max()) == pytest.approx(1, abs=1e-3)
    assert float(spread.median()) == pytest.approx(1, abs=1e-3)


def test_refitted_clades_keep_the_sample_vectors() -> None:
    batches, tokens_AL = case()
    encoder, vectors_AD = calibrated(batches, tokens_AL)
    clades = encoder.sample_encoder.soft_clades
    assert clades is not None
    expected = clades.prototype_KD.detach().clone()
    sampled = [encoder(batch).sample.sample_BD.detach() for batch in batches]
    with torch.no_grad():
        # As if pre-training had moved them.
        clades.prototype_KD.mul_(0.7)
        clades.shift_K.add_(0.5)
    moved = [encoder(batch).sample.sample_BD.detach() for batch in batches]
    refit_clades(encoder, vectors_AD, batches, seed=0)
    torch.testing.assert_close(clades.prototype_KD.detach(), expected)
    profile_NK = profiles(encoder, vectors_AD, batches)
    torch.testing.assert_close(profile_NK.mean(dim=0), torch.zeros(20), rtol=0, atol=1e-4)
    kept = [encoder(batch).sample.sample_BD.detach() for batch in batches]
    lost = torch.cat(moved).sub(torch.cat(sampled)).norm()
    assert torch.cat(kept).sub(torch.cat(moved)).norm() < 0.5 * lost


def test_prototypes_lie_among_the_asvs_and_share_them_out() -> None:
    batches, tokens_AL = case()
    encoder, vectors_AD = calibrated(batches, tokens_AL)
    clades = encoder.sample_encoder.soft_clades
    assert clades is not None
    prototypes = clades.prototype_KD.detach()
    nearest = torch.cdist(prototypes, vectors_AD).min(dim=1).values
    assert nearest.max() <= torch.cdist(vectors_AD, vectors_AD).max()
    for shares in clades.shares(vectors_AD).detach().split(clades.scales, dim=1):
        used = shares.mean(dim=0) > 0.2 / shares.shape[1]
        assert used.float().mean() > 0.6, "most clades have members"
        largest = shares.max(dim=1).values.median()
        assert 1.2 / shares.shape[1] < largest < 0.99, "neither all alike nor all or nothing"


def test_heads_start_at_the_mean_and_spread_of_their_truths() -> None:
    batches, tokens_AL = case()
    encoder, _ = calibrated(batches, tokens_AL)
    faith = torch.cat([batch.truths.samples["faith_pd"] for batch in batches])
    head = head_of(encoder, SampleNumberHead)
    assert float(head.center) == pytest.approx(float(faith.mean()))
    assert float(head.spread) == pytest.approx(float(faith.std(correction=0)), rel=1e-4)
    logs = [torch.log(counts[counts > 0] / counts.sum()) for batch in batches for counts in batch.counts_BS]
    head = head_of(encoder, CountHead)
    assert float(head.center) == pytest.approx(float(torch.cat(logs).mean()), rel=1e-4)
    assert float(head.spread) == pytest.approx(float(torch.cat(logs).std(correction=0)), rel=1e-4)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 50.0])
@pytest.mark.parametrize("dim", [16, 128])
def test_distances_start_at_their_scale(scale: float, dim: int) -> None:
    batches, tokens_AL = case(scale=scale)
    encoder, _ = calibrated(batches, tokens_AL, embedding_dim=dim)
    head = head_of(encoder, DistanceHead)
    comparisons = [head.compare(encoder(batch), batch) for batch in batches]
    predicted = torch.cat([c.prediction for c in comparisons]).detach().mean()
    assert float(predicted) == pytest.approx(float(torch.cat([c.truth for c in comparisons]).mean()), rel=1e-3)


def finite(model: torch.nn.Module) -> bool:
    return all(torch.isfinite(tensor).all() for tensor in model.state_dict().values())


@pytest.mark.parametrize(("num_samples", "size"), [(1, 1), (2, 1), (3, 1), (3, 8), (9, 8)])
def test_very_few_samples_and_batches_of_one(num_samples: int, size: int) -> None:
    batches, tokens_AL = case(num_samples, size)
    encoder, _ = calibrated(batches, tokens_AL)
    assert finite(encoder)
    for batch in batches:
        assert all(torch.isfinite(head.loss(head.compare(encoder(batch), batch))) for head in _measured(encoder))


def _measured(encoder: SequenceEncoder) -> list[Any]:
    return [head for head in encoder.task_heads() if head.name != "taxonomy"]


def test_all_samples_alike() -> None:
    samples, tokens_AL = study(1)
    alike = [Sample(row, *(getattr(samples[0], n) for n in ("asvs", "counts", "asvs", "counts"))) for row in range(6)]
    batch = batch_of(alike, tokens_AL, truths=known_truths(torch.zeros(6, 6), torch.full((6,), 4.2)))
    encoder, _ = calibrated([batch], tokens_AL)
    assert finite(encoder)
    assert float(head_of(encoder, SampleNumberHead).spread) == 1, "no spread to divide by"
    assert float(head_of(encoder, SampleNumberHead).center) == pytest.approx(4.2)
    assert head_of(encoder, DistanceHead).log_scale.item() == 0


@pytest.mark.parametrize("num_soft_clades", [1, 2, 20, 200])
def test_more_clades_than_asvs(num_soft_clades: int) -> None:
    batches, tokens_AL = case(6, 3)
    encoder, vectors_AD = calibrated(batches, tokens_AL, num_soft_clades=num_soft_clades)
    assert finite(encoder)
    assert torch.isfinite(profiles(encoder, vectors_AD, batches)).all()


def test_asvs_with_one_vector() -> None:
    batches, tokens_AL = case(6, 3)
    encoder = fresh_encoder(ALL)
    vectors_AD = encode_asvs(encoder.asv_encoder, tokens_AL)[:1].repeat(len(tokens_AL), 1)
    calibrate_encoder(encoder, vectors_AD, batches, seed=0)
    assert finite(encoder)


def test_without_clades_or_heads() -> None:
    batches, tokens_AL = case(6, 3)
    encoder = fresh_encoder(num_soft_clades=0)
    before = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    calibrate_encoder(encoder, encode_asvs(encoder.asv_encoder, tokens_AL), batches, seed=0)
    assert all(torch.equal(tensor, before[name]) for name, tensor in encoder.state_dict().items())


def test_the_seed_decides() -> None:
    batches, tokens_AL = case(10)
    first, second = (calibrated(batches, tokens_AL)[0].state_dict() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_dropout_does_not_disturb_the_start_of_a_fresh_head() -> None:
    batches, tokens_AL = case()
    scales = []
    for training in (False, True):
        encoder = fresh_encoder(ALL, dropout=0.5).train(training)
        vectors_AD = encode_asvs(encoder.asv_encoder, tokens_AL)
        calibrate_heads(encoder, encoder.task_heads(), vectors_AD, batches)
        assert encoder.training == training
        scales.append(head_of(encoder, DistanceHead).log_scale.item())
    assert scales[0] == scales[1]
