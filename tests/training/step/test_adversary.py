from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from aam.data.batches.corruption import Corruption
from aam.training.run.build_run import new_adversary
from aam.training.step.adversary import StudyAdversary, strength_at
from aam.training.step.module import TrainingModule
from tests.training.small_runs import prepare_small


def test_the_encoders_gradient_is_reversed() -> None:
    adversary = StudyAdversary(6, torch.tensor([0.5, 1.0, 2.0]), seed=1)
    vectors, codes = torch.randn(8, 6, requires_grad=True), torch.tensor([0, 1, 2, 2, 1, 0, -1, 1])
    adversary.loss(vectors, codes, 0.3).backward()
    reversed_BD, own = vectors.grad, [p.grad.clone() for p in adversary.parameters()]
    plain = vectors.detach().clone().requires_grad_()
    adversary.zero_grad()
    known = codes >= 0
    each = F.cross_entropy(adversary.layers(plain)[known], codes[known], adversary.weight_S, reduction="none")
    (each.sum() / 8).backward()
    assert reversed_BD is not None
    assert plain.grad is not None
    torch.testing.assert_close(reversed_BD, -0.3 * plain.grad)
    for before, parameter in zip(own, adversary.parameters(), strict=True):
        torch.testing.assert_close(before, parameter.grad)
    assert not reversed_BD[6].any()


def test_strength_follows_the_papers_course() -> None:
    assert strength_at(0, 100, 2.0) == 0
    for step in (10, 50, 100):
        assert strength_at(step, 100, 2.0) == pytest.approx(2 * (2 / (1 + np.exp(-10 * step / 100)) - 1))
    assert strength_at(500, 100, 2.0) == strength_at(100, 100, 2.0)


def test_an_adversary_learns_what_vectors_tell() -> None:
    vectors = torch.randn(60, 4, generator=torch.Generator().manual_seed(0))
    codes = (vectors[:, 0] > 0).long()
    adversary = StudyAdversary(4, torch.ones(2), seed=0)
    optimizer = torch.optim.Adam(adversary.parameters(), 0.05)
    for _ in range(60):
        optimizer.zero_grad()
        adversary.loss(vectors, codes, 0.0).backward()
        optimizer.step()
    assert adversary.loss(vectors, codes, 0.0).item() < 0.2 < adversary.chance


def test_a_step_trains_both_sides(study: Path) -> None:
    prepared = prepare_small(study, study_effect="adversary", study_column="group", dropout=0)
    adversary = new_adversary(prepared)
    assert adversary is not None
    codes_N = prepared.data.collate.study_N
    assert codes_N is not None
    counts = np.bincount(codes_N[prepared.split.train])
    assert (adversary.weight_S.numpy() * counts).tolist() == pytest.approx([counts.sum() / len(counts)] * len(counts))
    module = TrainingModule(prepared.model, prepared.plan, adversary=adversary)
    groups = module.configure_optimizers()["optimizer"].param_groups
    assert {id(p) for p in adversary.parameters()} <= {id(p) for group in groups for p in group["params"]}
    batch = next(iter(prepared.data.train_dataloader()))
    batch.corruption = Corruption()
    loss = module.training_step(batch, 0)
    assert loss.item() == pytest.approx(sum(module.step_losses[name].item() for name in ("target", "study")), rel=1e-6)
    loss.backward()
    assert all(p.grad is not None for p in adversary.parameters())
    assert "adversary.layers.0.weight" in module.state_dict()
    assert not any("adversary" in name for name in module.model.state_dict())
