from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn import metrics

from aam.models.losses import RegressionLoss, classification_loss, regression_loss, weighted_mean

PREDICTION, TRUTH = torch.tensor([0.0, 1.0, 4.0]), torch.tensor([0.5, 1.0, 1.0])
WEIGHT = torch.tensor([1.0, 2.0, 3.0])
LOGIT_BC = torch.tensor([[2.0, 0.0, -1.0], [0.0, 0.5, 0.0], [1.0, 1.0, 1.0], [-3.0, 0.0, 4.0]])
CLASS_B = torch.tensor([0, 2, 1, 1])


@pytest.mark.parametrize(
    ("kind", "plain", "weighted"),
    [
        # errors 0.5, 0, 3; Huber's loss with its corner at 1: 0.125, 0, 2.5
        ("mse", 9.25 / 3, 27.25 / 3),
        ("mae", 3.5 / 3, 9.5 / 3),
        ("huber", 2.625 / 3, 7.625 / 3),
    ],
)
def test_regression_by_hand(kind: RegressionLoss, plain: float, weighted: float) -> None:
    assert float(regression_loss(PREDICTION, TRUTH, kind, None)) == pytest.approx(plain)
    assert float(regression_loss(PREDICTION, TRUTH, kind, WEIGHT)) == pytest.approx(weighted)


def test_regression_agrees_with_scikit_learn() -> None:
    arrays = TRUTH.numpy(), PREDICTION.numpy()
    squared = metrics.mean_squared_error(*arrays, sample_weight=WEIGHT.numpy())
    absolute = metrics.mean_absolute_error(*arrays, sample_weight=WEIGHT.numpy())
    of_mean_1 = WEIGHT / WEIGHT.mean()
    assert float(regression_loss(PREDICTION, TRUTH, "mse", of_mean_1)) == pytest.approx(squared)
    assert float(regression_loss(PREDICTION, TRUTH, "mae", of_mean_1)) == pytest.approx(absolute)


def test_classification_agrees_with_scikit_learn() -> None:
    probability = LOGIT_BC.softmax(dim=1).double().numpy()
    probability /= probability.sum(axis=1, keepdims=True)
    class_weight, weight = torch.tensor([1.0, 0.5, 4.0]), torch.tensor([1.0, 2.0, 3.0, 0.5])
    for of_class, of_sample in [(None, None), (None, weight), (class_weight, None), (class_weight, weight)]:
        weights = np.ones(4)
        weights = weights if of_class is None else weights * of_class.numpy()[CLASS_B.numpy()]
        weights = weights if of_sample is None else weights * of_sample.numpy()
        expected = metrics.log_loss(CLASS_B.numpy(), probability, sample_weight=weights, labels=[0, 1, 2])
        expected *= weights.mean()  # ours are weights of mean 1, scikit-learn divides by their sum
        assert float(classification_loss(LOGIT_BC, CLASS_B, of_class, of_sample)) == pytest.approx(expected, rel=1e-5)


def test_equal_weights_are_no_weights() -> None:
    same = torch.ones(3)
    torch.testing.assert_close(
        regression_loss(PREDICTION, TRUTH, "huber", same), regression_loss(PREDICTION, TRUTH, "huber", None)
    )


def test_a_mean_of_nothing_is_zero_and_has_a_gradient() -> None:
    for values in (torch.zeros(0, requires_grad=True), torch.zeros(0, 4, requires_grad=True)):
        loss = weighted_mean(values, None)
        loss.backward()
        assert float(loss.detach()) == 0
        assert values.grad is not None
    logits = torch.zeros(0, 4, requires_grad=True)
    assert float(classification_loss(logits, torch.zeros(0, dtype=torch.long), None, None).detach()) == 0


@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float16])
def test_losses_are_computed_in_full_precision(precision: torch.dtype) -> None:
    far = torch.full((3,), 300.0, dtype=precision)
    loss = regression_loss(far, torch.zeros(3), "mse", None)
    assert loss.dtype == torch.float32
    assert float(loss) == 90_000
    assert classification_loss(LOGIT_BC.to(precision), CLASS_B, None, None).dtype == torch.float32
