"""The loss of a step is the weighted sum of the losses of the heads, whatever else the module looks after."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from aam.data.batches.corruption import Corruption
from aam.training.run.build_run import Prepared
from aam.training.step.module import TrainingModule
from tests.training.small_runs import prepare_small

WEIGHTS = {"target": 1.0, "distance": 0.5, "count": 2.0}


@pytest.fixture(scope="module")
def prepared(study: Path) -> Prepared:
    return prepare_small(study, encoder_type="bray_curtis", penalty=0.5, count_penalty=2.0, dropout=0)


def test_the_loss_is_the_weighted_sum_of_the_heads(prepared: Prepared) -> None:
    module = TrainingModule(prepared.model, prepared.plan)
    batch = next(iter(prepared.data.train_dataloader()))
    batch.corruption = Corruption()
    loss = module.training_step(batch, 0)
    encoded = prepared.model(batch, batch.corruption, None)
    heads = [head for head in prepared.model.task_heads() if module.loss_weights[head.name]]
    assert {head.name: module.loss_weights[head.name] for head in heads} == WEIGHTS
    expected = sum(WEIGHTS[head.name] * head.loss(head.compare(encoded, batch)) for head in heads)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
    assert module.train_losses()["train_loss"] == pytest.approx(loss.item(), rel=1e-6)
    loss.backward()
    learned = [value for value in prepared.model.parameters() if value.requires_grad]
    assert sum(value.grad is not None and bool(value.grad.any()) for value in learned) > len(learned) // 2


def test_dropout_is_a_function_of_the_step(prepared: Prepared) -> None:
    module = TrainingModule(prepared.model, prepared.plan)
    drawn = []
    for key in ((0, 1, 0), (0, 2, 0), (0, 1, 0)):
        module._seed_dropout(*key)
        drawn.append(torch.rand(8))
    assert torch.equal(drawn[0], drawn[2])
    assert not torch.equal(drawn[0], drawn[1])
