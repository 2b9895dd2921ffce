"""Several columns of classes in one head: slices of logits, missing labels, weights."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from sklearn.metrics import log_loss

from aam.models.heads import Encoded
from aam.models.losses import class_losses
from aam.models.target_heads.head import TargetOutputs
from tests.models.model_cases import random_batch
from tests.models.test_heads import sample_vectors
from tests.models.test_target_head import head_of, random_weights

WEIGHTS = (1.0, 2.0, 0.5, 1.0, 3.0)
COLUMNS = TargetOutputs(
    head="classes",
    columns=("site", "sex"),
    zero=(0.0, 0.0),
    presence=(1.0, 0.5),
    class_weights=WEIGHTS,
    num_classes=(3, 2),
)
CODES = torch.tensor([[0, -1], [2, 1], [1, -1], [1, 0]])


def test_probabilities_sum_to_one_in_each_column() -> None:
    head = head_of(COLUMNS)
    random_weights(head)
    found = head.learned(head(sample_vectors(4, 16)))
    assert found.shape == (4, 5)
    torch.testing.assert_close(found[:, :3].sum(dim=1), torch.ones(4))
    torch.testing.assert_close(found[:, 3:].sum(dim=1), torch.ones(4))


def test_losses_are_those_of_scikit_learn() -> None:
    logit_BC = torch.randn(4, 5, generator=torch.Generator().manual_seed(1))
    found = class_losses(logit_BC, CODES, (3, 2))
    first = log_loss(CODES[:, 0], logit_BC[:, :3].double().softmax(dim=1), labels=[0, 1, 2])
    known = CODES[:, 1] >= 0
    second = log_loss(CODES[known, 1], logit_BC[known, 3:].double().softmax(dim=1), labels=[0, 1])
    assert float(found[:, 0].mean()) == pytest.approx(first, rel=1e-5)
    assert float(found[known, 1].mean()) == pytest.approx(second, rel=1e-5)
    assert found[~known, 1].tolist() == [0, 0]


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_the_loss_counts_presence_classes_and_samples(smoothing: float) -> None:
    head = head_of(COLUMNS, label_smoothing=smoothing)
    random_weights(head)
    weight_B = torch.tensor([1.0, 2.0, 3.0, 0.5])
    batch = random_batch(4, target_BT=CODES, weight_B=weight_B)
    comparison = head.compare(Encoded.of_known(sample_vectors(4, 16), None), batch)
    total = torch.zeros(())
    for row, codes in enumerate(CODES.tolist()):
        for code, start, end, share in ((codes[0], 0, 3, 1.0), (codes[1], 3, 5, 0.5)):
            if code >= 0:
                logits = comparison.prediction[row, start:end][None]
                one = F.cross_entropy(logits, torch.tensor([code]), label_smoothing=smoothing)
                total = total + one * WEIGHTS[start + code] * weight_B[row] / share
    torch.testing.assert_close(head.loss(comparison), total / CODES.numel())


def test_a_missing_label_has_no_gradient() -> None:
    head = head_of(COLUMNS)
    random_weights(head)
    logit_BC = torch.randn(4, 5, requires_grad=True)
    comparison = head.compare(Encoded.of_known(sample_vectors(4, 16), None), random_batch(4, target_BT=CODES))
    head.loss(comparison._replace(prediction=logit_BC)).backward()
    assert logit_BC.grad is not None
    assert logit_BC.grad[[0, 2], 3:].tolist() == [[0, 0], [0, 0]]
    assert (logit_BC.grad[:, :3] != 0).all()
    assert (logit_BC.grad[[1, 3], 3:] != 0).all()


def test_columns_start_at_the_shares_of_their_samples() -> None:
    head = head_of(replace(COLUMNS, class_weights=(1.0,) * 5), path=0)
    head.start(CODES, None)
    with torch.no_grad():
        head.out.weight.zero_()
    found = head.learned(head(sample_vectors(1, 16)))[0]
    torch.testing.assert_close(found, torch.tensor([0.25, 0.5, 0.25, 0.5, 0.5]))


def test_weights_of_the_start_are_of_sample_and_class() -> None:
    head = head_of(COLUMNS)
    found = head.loss_weights(CODES, torch.tensor([1.0, 2.0, 1.0, 1.0]).double())
    assert found is not None
    known = CODES >= 0
    assert found[known].tolist() == [1.0, 1.0, 6.0, 2.0, 2.0, 1.0]
