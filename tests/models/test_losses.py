from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from sklearn import metrics

from aam.models.losses import (
    RegressionLoss,
    asymmetric_losses,
    classification_loss,
    element_losses,
    fill_missing,
    masked_mean,
    pinball_losses,
    regression_loss,
    shared_classification_loss,
    weighted_mean,
)

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


def test_shares_of_classes_by_torch_and_of_one_class() -> None:
    share_BC = torch.tensor([[1.0, 0, 0], [0.25, 0.75, 0], [0, 0.5, 0.5], [0, 0, 1.0]])
    expected = torch.nn.functional.cross_entropy(LOGIT_BC, share_BC, label_smoothing=0.2)
    torch.testing.assert_close(shared_classification_loss(LOGIT_BC, share_BC, None, None, 0.2), expected)
    class_weight_C, weight_B = torch.tensor([1.0, 0.5, 4.0]), torch.tensor([1.0, 2.0, 3.0, 0.5])
    single = torch.nn.functional.one_hot(CLASS_B, 3).float()
    for weights in ((None, None), (class_weight_C, None), (class_weight_C, weight_B)):
        torch.testing.assert_close(
            shared_classification_loss(LOGIT_BC, single, *weights, 0.2),
            classification_loss(LOGIT_BC, CLASS_B, *weights, 0.2),
        )
    both = shared_classification_loss(LOGIT_BC, share_BC, class_weight_C, weight_B)
    by_class = [
        classification_loss(LOGIT_BC, torch.full((4,), code), class_weight_C, weight_B * share_BC[:, code])
        for code in range(3)
    ]
    torch.testing.assert_close(both, torch.stack(by_class).sum())


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


NAN = float("nan")
PREDICTION_BT = torch.tensor([[0.0, 2.0], [1.0, -1.0], [4.0, 0.5]])
TRUTH_BT = torch.tensor([[0.5, NAN], [1.0, 2.0], [NAN, NAN]])


def test_each_target_has_its_own_loss() -> None:
    truth_BT = torch.tensor([[0.5, 1.5], [1.0, 2.0], [1.0, 3.5]])
    # errors 0.5, 0, 3 by Huber; 0.5, 3, 3 squared
    expected = [[0.125, 0.25], [0.0, 9.0], [2.5, 9.0]]
    assert element_losses(PREDICTION_BT, truth_BT, ("huber", "mse")).tolist() == expected
    for kind in ("mse", "mae", "huber"):
        both = element_losses(PREDICTION_BT, truth_BT, (kind, kind)).mean()
        torch.testing.assert_close(both, regression_loss(PREDICTION_BT.flatten(), truth_BT.flatten(), kind, None))


def test_asymmetric_errors_by_hand() -> None:
    prediction_BT, truth_BT = torch.tensor([[1.0], [4.0], [2.0]]), torch.tensor([[3.0], [1.0], [2.0]])
    assert asymmetric_losses(prediction_BT, truth_BT, over=5.0, under=0.5).tolist() == [[1.0], [15.0], [0.0]]
    same = asymmetric_losses(prediction_BT, truth_BT, 1.0, 1.0)
    torch.testing.assert_close(same, (prediction_BT - truth_BT).abs())


def test_pinball_agrees_with_scikit_learn() -> None:
    generator = torch.Generator().manual_seed(0)
    quantiles = (0.05, 0.5, 0.8)
    prediction_BTQ = torch.randn(40, 2, 3, generator=generator)
    truth_BT = torch.randn(40, 2, generator=generator)
    found_T = pinball_losses(prediction_BTQ, truth_BT, quantiles).mean(dim=0)
    for target in range(2):
        each = [
            metrics.mean_pinball_loss(truth_BT[:, target], prediction_BTQ[:, target, place], alpha=level)
            for place, level in enumerate(quantiles)
        ]
        assert float(found_T[target]) == pytest.approx(np.mean(each), rel=1e-6)


def test_missing_truths_by_hand() -> None:
    prediction_BT, truth_BT, present_BT = fill_missing(PREDICTION_BT, TRUTH_BT)
    loss_BT = element_losses(prediction_BT, truth_BT, ("mae", "mae"))
    presence_T = torch.tensor([0.8, 0.5])
    # present: 0.5 and 0 of the first target, 3 of the second; all six places are counted
    found = masked_mean(loss_BT, present_BT, presence_T, None)
    assert float(found) == pytest.approx((0.5 / 0.8 + 0 + 3 / 0.5) / 6)
    found = masked_mean(loss_BT, present_BT, presence_T, torch.tensor([2.0, 0.5, 7.0]))
    assert float(found) == pytest.approx((2 * 0.5 / 0.8 + 0 + 0.5 * 3 / 0.5) / 6)


@pytest.mark.parametrize("kind", ["mse", "mae", "huber", "asymmetric", "quantile"])
@pytest.mark.parametrize("wild", [0.0, float("inf"), NAN])
def test_what_is_missing_has_no_gradient(kind: str, wild: float) -> None:
    """Nor has a prediction that is not finite, where nothing is to be predicted."""
    prediction = PREDICTION_BT.clone()
    prediction[TRUTH_BT.isnan()] += wild
    if kind == "quantile":
        prediction = prediction.unsqueeze(-1).expand(-1, -1, 2).clone()
    prediction.requires_grad_()
    filled, truth_BT, present_BT = fill_missing(prediction, TRUTH_BT)
    if kind == "quantile":
        loss_BT = pinball_losses(filled, truth_BT, (0.1, 0.5))
    elif kind == "asymmetric":
        loss_BT = asymmetric_losses(filled, truth_BT, 2.0, 1.0)
    else:
        loss_BT = element_losses(filled, truth_BT, (kind, kind))
    loss = masked_mean(loss_BT, present_BT, torch.ones(2), torch.ones(3))
    loss.backward()
    assert torch.isfinite(loss)
    assert prediction.grad is not None
    assert torch.isfinite(prediction.grad).all()
    assert not prediction.grad[TRUTH_BT.isnan()].any()
    assert prediction.grad[1, 1].any()


def test_the_loss_of_a_step_does_not_depend_on_its_batches() -> None:
    generator = torch.Generator().manual_seed(0)
    prediction_BT, truth_BT = torch.randn(2, 12, 3, generator=generator)
    truth_BT[torch.rand(12, 3, generator=generator) < 0.5] = NAN
    truth_BT[:4] = NAN
    presence_T, weight_B = torch.tensor([0.3, 0.9, 0.5]), torch.rand(12, generator=generator)

    def loss(rows: slice) -> float:
        filled, truth, present = fill_missing(prediction_BT[rows], truth_BT[rows])
        return float(masked_mean(element_losses(filled, truth, ("mse",) * 3), present, presence_T, weight_B[rows]))

    for cuts in ([0, 12], [0, 4, 12], [0, 1, 3, 7, 12]):
        batches = [slice(start, end) for start, end in pairwise(cuts)]
        mean = sum(loss(rows) * (rows.stop - rows.start) for rows in batches) / 12
        assert mean == pytest.approx(loss(slice(0, 12)), rel=1e-6)


def test_targets_count_equally_whatever_their_samples() -> None:
    truth_BT = torch.zeros(100, 2)
    truth_BT[10:, 1] = NAN
    prediction_BT = torch.ones(100, 2, requires_grad=True)
    filled, truth, present = fill_missing(prediction_BT, truth_BT)
    loss = masked_mean(element_losses(filled, truth, ("mse", "mse")), present, torch.tensor([1.0, 0.1]), None)
    loss.backward()
    assert float(loss.detach()) == pytest.approx(1)
    assert prediction_BT.grad is not None
    first, second = prediction_BT.grad.sum(dim=0).tolist()
    assert first == pytest.approx(second)


def test_smoothed_labels_by_hand_and_by_torch() -> None:
    plain = classification_loss(LOGIT_BC, CLASS_B, None, None, label_smoothing=0.3)
    truth_BC = 0.7 * torch.nn.functional.one_hot(CLASS_B, 3) + 0.1
    by_hand = -(truth_BC * LOGIT_BC.log_softmax(dim=1)).sum(dim=1)
    torch.testing.assert_close(plain, by_hand.mean())
    torch.testing.assert_close(plain, torch.nn.functional.cross_entropy(LOGIT_BC, CLASS_B, label_smoothing=0.3))
    class_weight_C, weight_B = torch.tensor([1.0, 0.5, 4.0]), torch.tensor([1.0, 2.0, 3.0, 0.5])
    both = classification_loss(LOGIT_BC, CLASS_B, class_weight_C, weight_B, label_smoothing=0.3)
    torch.testing.assert_close(both, (by_hand * class_weight_C[CLASS_B] * weight_B).mean())
