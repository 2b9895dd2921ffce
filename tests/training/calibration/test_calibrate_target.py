from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from aam.config import HeadOptions, LossOptions
from aam.data.study.covariates import features
from aam.data.targets.kinds import NUMBERS, TargetSpec
from aam.models.sequence_predictor import SequencePredictor
from aam.models.target_heads.head import TargetOutputs, build_target_head
from aam.models.vector_cache import encode_asvs
from aam.training.calibration.calibrate import calibrate_encoder, calibrate_target
from aam.training.calibration.linear_fit import fit_linear
from tests.models.model_cases import (
    CLASSES,
    COVARIATES,
    REGRESSION,
    fresh_predictor,
    told_batch,
    told_predictor,
)
from tests.training.calibration.test_calibrate import case, finite, profiles

EQUAL_CLASSES = replace(CLASSES, class_weights=())
MINMAX = TargetSpec(column="age", kind=NUMBERS, transform="minmax", shift=0.0, scale=10.0, mean=4.0)


def fitted(target: TargetSpec, values: Tensor, size: int = 8, groups: np.ndarray | None = None, **changes: Any) -> Any:
    """A predictor calibrated on targets, its predictions and the profiles."""
    batches, tokens_AL = case(len(values), size, target_BT=values[:, None])
    predictor = fresh_predictor(target, **changes)
    vectors_AD = encode_asvs(predictor.base.asv_encoder, tokens_AL)
    calibrate_encoder(predictor.base, vectors_AD, batches, seed=0)
    calibrate_target(predictor, vectors_AD, batches, groups)
    assert predictor.training
    predictor.eval()
    with torch.no_grad():
        predictions = torch.cat([predictor.predict(predictor(batch)) for batch in batches])
    if target.kind == NUMBERS:
        predictions = predictions[:, 0]
    return predictor, predictions, profiles(predictor.base, vectors_AD, batches)


def learnable(num_samples: int) -> Tensor:
    """A number that is linear in the clades' profile of the calibrated encoder."""
    _, _, profile_NK = fitted(REGRESSION, torch.arange(num_samples).float())
    value = profile_NK[:, 3] - profile_NK[:, 15]
    return (value - value.mean()) / value.std()


def test_a_predictor_starts_at_the_linear_fit() -> None:
    values = learnable(60)
    predictor, predictions, _ = fitted(REGRESSION, values, dropout=0.5)
    assert predictor.head.linear_path.weight.abs().max() > 0.01
    assert np.corrcoef(predictions, values)[0, 1] > 0.9
    assert float(predictions.mean()) == pytest.approx(float(values.mean()), abs=0.2)


def test_a_classifier_starts_at_the_linear_fit() -> None:
    values = learnable(60)
    classes = torch.bucketize(values, values.quantile(torch.tensor([1 / 3, 2 / 3])))
    _, probability, _ = fitted(EQUAL_CLASSES, classes)
    torch.testing.assert_close(probability.sum(dim=1), torch.ones(60))
    assert (probability.argmax(dim=1) == classes).float().mean() > 0.7


@pytest.mark.parametrize("changes", [{"head": HeadOptions(linear_path=False)}, {"num_soft_clades": 0}])
def test_without_a_linear_path_only_the_prior_is_set(changes: dict[str, Any]) -> None:
    predictor, predictions, _ = _without_profiles(REGRESSION, torch.linspace(2, 4, 12), changes)
    assert predictor.head.out.bias.item() == pytest.approx(3)
    assert float(predictions.mean()) == pytest.approx(3, abs=0.2)
    _, probability, _ = _without_profiles(EQUAL_CLASSES, torch.tensor([0] * 8 + [1] * 3 + [2]), changes)
    assert probability.mean(dim=0).tolist() == pytest.approx([8 / 12, 3 / 12, 1 / 12], abs=0.06)


def _without_profiles(target: TargetSpec, values: Tensor, changes: dict[str, Any]) -> Any:
    batches, tokens_AL = case(len(values), 4, target_BT=values[:, None])
    predictor: SequencePredictor = fresh_predictor(target, **changes)
    calibrate_target(predictor, encode_asvs(predictor.base.asv_encoder, tokens_AL), batches, None)
    predictor.eval()
    with torch.no_grad():
        return predictor, torch.cat([predictor.predict(predictor(batch)) for batch in batches]), None


@pytest.mark.parametrize("size", [1, 8])
def test_three_samples(size: int) -> None:
    predictor, predictions, _ = fitted(REGRESSION, torch.tensor([-1.0, 0.5, 2.0]), size)
    assert finite(predictor)
    assert predictions.abs().max() < 4
    two = replace(CLASSES, classes=("a", "b"), class_weights=())
    predictor, probability, _ = fitted(two, torch.tensor([0, 1, 0]), size)
    assert finite(predictor)
    assert probability.shape == (3, 2)


@pytest.mark.parametrize("classes", [[0, 0, 1, 1, 2, 2], [0] * 10 + [1, 1] + [2] * 8, [1, 1, 1, 1]])
def test_classes_with_few_samples_or_none(classes: list[int]) -> None:
    predictor, probability, _ = fitted(EQUAL_CLASSES, torch.tensor(classes))
    assert finite(predictor)
    torch.testing.assert_close(probability.sum(dim=1), torch.ones(len(classes)))


@pytest.mark.parametrize("num_groups", [1, 2, 10])
def test_groups(num_groups: int) -> None:
    predictor, _, _ = fitted(REGRESSION, torch.randn(20), groups=np.arange(20) % num_groups)
    assert finite(predictor)


def test_targets_that_are_all_alike() -> None:
    predictor, predictions, _ = fitted(REGRESSION, torch.full((8,), 2.5))
    assert not predictor.head.linear_path.weight.any()
    assert predictions.tolist() == pytest.approx([2.5] * 8, abs=0.4)


@pytest.mark.parametrize(
    "head",
    [
        HeadOptions(bounded_targets=True),
        HeadOptions(output_activation="relu"),
        HeadOptions(output_activation="softplus", learnable_output_scale=True),
        HeadOptions(output_activation="exp", residual_regression_head=True),
    ],
    ids=["bounded", "relu", "softplus", "exp"],
)
@pytest.mark.parametrize("linear_path", [True, False])
def test_a_bound_does_not_disturb_the_start(head: HeadOptions, linear_path: bool) -> None:
    values = learnable(60)
    values = (values - values.min()) / (values.max() - values.min())
    _, predictions, _ = fitted(MINMAX, values, head=replace(head, linear_path=linear_path))
    assert torch.isfinite(predictions).all()
    assert float(predictions.min()) >= 0
    assert float(predictions.mean()) == pytest.approx(float(values.mean()), abs=0.06)
    error = (predictions - values).square().mean()
    variance = values.var(correction=0)
    assert float(error) < (0.3 if linear_path else 1.5) * float(variance)


@pytest.mark.parametrize("activation", ["softplus", "exp"])
def test_a_bounded_fit_beats_the_mean_for_skewed_targets(activation: Any) -> None:
    """And where the profile says nothing of them."""
    generator = torch.Generator().manual_seed(3)
    for power in (2 * learnable(60), 1.5 * torch.randn(60, generator=generator)):
        raw = power.exp()
        shift, scale = float(raw.mean()), float(raw.std())
        target = replace(REGRESSION, shift=shift, scale=scale, mean=shift)
        values = (raw - shift) / scale
        predictions = fitted(target, values, head=HeadOptions(output_activation=activation))[1]
        assert float(torch.nn.functional.smooth_l1_loss(predictions, values)) < 1.05 * float(
            torch.nn.functional.smooth_l1_loss(torch.zeros(60), values)
        )


def test_quantiles_start_about_the_linear_fit() -> None:
    values = learnable(60) + 0.3 * torch.randn(60, generator=torch.Generator().manual_seed(1))
    loss = LossOptions(loss_type="quantile")
    predictor, median, _ = fitted(REGRESSION, values, loss=loss)
    assert np.corrcoef(median, values)[0, 1] > 0.8
    batches, _ = case(60, target_BT=values[:, None])
    with torch.no_grad():
        found = torch.cat([predictor.outputs(predictor(batch)) for batch in batches])[:, 0]
    shares = (values[:, None] < found).float().mean(dim=0)
    assert shares.tolist() == pytest.approx([0.1, 0.5, 0.9], abs=0.06)
    assert float((found[:, 2] - found[:, 0]).mean()) < 0.7 * float(values.quantile(0.9) - values.quantile(0.1))
    alone = fitted(REGRESSION, values, loss=loss, head=HeadOptions(linear_path=False))[0]
    with torch.no_grad():
        found = torch.cat([alone.outputs(alone(batch)) for batch in batches])[:, 0].mean(dim=0)
    assert found.tolist() == pytest.approx(values.quantile(torch.tensor([0.1, 0.5, 0.9])).tolist(), abs=0.25)


@pytest.mark.parametrize("loss_type", ["huber", "quantile"])
def test_several_numbers_of_which_some_are_missing(loss_type: Any) -> None:
    first = learnable(60)
    target_BT = torch.stack([first, 3 - 2 * first, torch.full((60,), torch.nan)], dim=1)
    target_BT[::3, 1] = torch.nan
    batches, tokens_AL = case(60, target_BT=target_BT)
    predictor = fresh_predictor(REGRESSION)
    vectors_AD = encode_asvs(predictor.base.asv_encoder, tokens_AL)
    calibrate_encoder(predictor.base, vectors_AD, batches, seed=0)
    name = "quantiles" if loss_type == "quantile" else "numbers"
    outputs = TargetOutputs(head=name, columns=("a", "b", "c"), zero=(0.0,) * 3, presence=(1.0, 2 / 3, 0.1))
    predictor.head = build_target_head(16, 20, outputs, HeadOptions(), LossOptions(loss_type=loss_type), 0.0)
    calibrate_target(predictor, vectors_AD, batches, np.arange(60) % 12)
    predictor.eval()
    with torch.no_grad():
        predictions = torch.cat([predictor.predict(predictor(batch)) for batch in batches])
        losses = [predictor.head.loss(predictor.head.compare(predictor(batch), batch)) for batch in batches]
    assert finite(predictor)
    assert torch.isfinite(torch.stack(losses)).all()
    for column, truth in enumerate([first, 3 - 2 * first]):
        assert np.corrcoef(predictions[:, column], truth)[0, 1] > 0.85
        assert float(predictions[:, column].mean()) == pytest.approx(float(truth.mean()), abs=0.3)
    assert float(predictions[:, 2].abs().max()) < 0.3, "nobody has it"


def test_the_linear_path_starts_at_the_joint_fit() -> None:
    told = told_batch(60)
    category_BC, number_BM = told.category_BC, told.number_BM
    assert category_BC is not None
    assert number_BM is not None
    values = learnable(60) + 2 * (category_BC[:, 0] == 2) - (category_BC[:, 1] == 1).float() + number_BM[:, 0]
    batches, tokens_AL = case(60, target_BT=values[:, None], category_BC=category_BC, number_BM=number_BM)
    predictor = told_predictor(REGRESSION, conditional_output_scaling=("season",))
    vectors_AD = encode_asvs(predictor.base.asv_encoder, tokens_AL)
    calibrate_encoder(predictor.base, vectors_AD, batches, seed=0)
    calibrate_target(predictor, vectors_AD, batches, None)
    profile_NK = profiles(predictor.base, vectors_AD, batches).numpy()
    read_NK = np.concatenate([profile_NK, features(COVARIATES, category_BC.numpy(), number_BM.numpy())], axis=1)
    weight, _ = fit_linear(read_NK, values[:, None].numpy(), ())
    assert predictor.head.linear_path is not None
    assert predictor.head.linear_path.weight.detach().numpy() == pytest.approx(weight, abs=1e-4)
    predictor.eval()
    with torch.no_grad():
        predictions = torch.cat([predictor.predict(predictor(batch)) for batch in batches])[:, 0]
    assert np.corrcoef(predictions, values)[0, 1] > 0.95


@pytest.mark.parametrize(("over", "under"), [(3.0, 1.0), (1.0, 3.0)])
@pytest.mark.parametrize("linear_path", [True, False])
def test_an_asymmetric_loss_starts_at_its_quantile(over: float, under: float, linear_path: bool) -> None:
    values = learnable(60) + 0.5 * torch.randn(60, generator=torch.Generator().manual_seed(1))
    loss = LossOptions(loss_type="asymmetric", over_penalty=over, under_penalty=under)
    _, predictions, _ = fitted(REGRESSION, values, loss=loss, head=HeadOptions(linear_path=linear_path))
    assert float((values < predictions).float().mean()) == pytest.approx(under / (over + under), abs=0.1)


def test_weights_of_samples_count_at_the_start() -> None:
    """A sample of weight 2 is worth what two of it are worth."""
    values = torch.cat([torch.full((20,), 0.0), torch.full((20,), 1.0)])
    batches, tokens_AL = case(40, target_BT=values[:, None])
    place = 0
    for batch in batches:
        batch.weight_B = torch.where(values[place : place + len(batch)] > 0, 3.0, 1.0)
        place += len(batch)
    predictor = fresh_predictor(REGRESSION, head=HeadOptions(linear_path=False))
    vectors_AD = encode_asvs(predictor.base.asv_encoder, tokens_AL)
    calibrate_target(predictor, vectors_AD, batches, None)
    assert predictor.head.out.bias.tolist() == pytest.approx([0.75])


def test_weights_of_classes_count_at_the_start() -> None:
    classes = torch.tensor([0] * 30 + [1] * 6 + [2] * 4)
    weights = tuple(40 / (3 * count) for count in (30, 6, 4))
    balanced = replace(CLASSES, class_weights=weights)
    head = HeadOptions(linear_path=False)
    _, probability, _ = fitted(balanced, classes, head=head)
    assert probability.mean(dim=0).tolist() == pytest.approx([1 / 3] * 3, abs=0.06)
    _, probability, _ = fitted(EQUAL_CLASSES, classes, head=head)
    assert probability.mean(dim=0).tolist() == pytest.approx([0.75, 0.15, 0.1], abs=0.06)
