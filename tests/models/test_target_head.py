from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from sklearn import metrics
from torch import Tensor

from aam.config import HeadOptions, LossOptions
from aam.data.targets.fitting import fit_target
from aam.data.targets.kinds import NUMBERS, TargetRules
from aam.data.targets.targets import Targets
from aam.models.heads import Encoded
from aam.models.target_heads import ClassesHead, NumbersHead, QuantilesHead
from aam.models.target_heads.head import TargetOutputs, build_target_head
from tests.models.model_cases import random_batch
from tests.models.test_heads import sample_vectors

NAN = float("nan")
TWO = TargetOutputs(head="numbers", columns=("age", "ph"), zero=(1.0, 0.5), presence=(1.0, 0.5))
THREE_CLASSES = TargetOutputs(
    head="classes", columns=("site",), zero=(0.0,), presence=(1.0,), class_weights=(1.0, 2.0, 0.5)
)


def head_of(
    outputs: TargetOutputs = TWO, options: dict[str, Any] | None = None, path: int = 4, seed: int = 0, **loss: Any
) -> Any:
    torch.manual_seed(seed)
    if loss.get("loss_type") == "quantile":
        outputs = replace(outputs, head="quantiles")
    return build_target_head(16, path, outputs, HeadOptions(**(options or {})), LossOptions(**loss), 0.0)


def random_weights(head: torch.nn.Module, size: float = 1.0) -> None:
    generator = torch.Generator().manual_seed(0)
    for parameter in head.parameters():
        parameter.data = size * torch.randn(parameter.shape, generator=generator)


def test_the_outputs_choose_the_head() -> None:
    assert isinstance(head_of(), NumbersHead)
    assert isinstance(head_of(loss_type="quantile"), QuantilesHead)
    assert isinstance(head_of(THREE_CLASSES), ClassesHead)
    assert head_of(options={"linear_path": False}).linear_path is None
    assert head_of(path=0).linear_path is None


@pytest.mark.parametrize(
    ("outputs", "loss", "shape"),
    [
        (TWO, {}, (5, 2)),
        (TWO, {"loss_type": "quantile"}, (5, 2, 3)),
        (TWO, {"loss_type": "quantile", "quantiles": (0.5,)}, (5, 2, 1)),
        (THREE_CLASSES, {"label_smoothing": 0.1}, (5, 3)),
    ],
)
def test_shapes_with_and_without_a_path(outputs: TargetOutputs, loss: dict[str, Any], shape: tuple[int, ...]) -> None:
    head, vector_BD = head_of(outputs, **loss), sample_vectors(5, 16)
    random_weights(head)
    assert head(vector_BD).shape == head(vector_BD, torch.randn(5, 4)).shape == shape
    assert head.point(head(vector_BD)).shape == shape[:2]


def test_regression_counts_what_is_there_by_presence_and_weight() -> None:
    head = head_of(loss_config='{"ph": "mae", "0": "mse"}')
    target_BT = torch.tensor([[1.0, NAN], [NAN, 2.0], [0.0, -1.0]])
    batch = random_batch(3, target_BT=target_BT, weight_B=torch.tensor([1.0, 2.0, 3.0]))
    vector_BD, profile_BK = sample_vectors(3, 16), torch.randn(3, 4)
    comparison = head.compare(Encoded.of_known(vector_BD, profile_BK), batch)
    prediction = head(vector_BD, profile_BK)
    assert torch.equal(comparison.prediction, prediction)
    first = (prediction[:, 0] - target_BT[:, 0]).square() * torch.tensor([1.0, 0.0, 3.0])
    second = (prediction[:, 1] - target_BT[:, 1]).abs() / 0.5 * torch.tensor([0.0, 2.0, 3.0])
    torch.testing.assert_close(head.loss(comparison), (first.nansum() + second.nansum()) / 6)
    head.loss(comparison).backward()
    assert all(torch.isfinite(p.grad).all() for p in head.parameters() if p.grad is not None)


def test_errors_may_cost_more_on_one_side() -> None:
    head = head_of(loss_type="asymmetric", over_penalty=3.0, under_penalty=0.5)
    head.set_prior(torch.tensor([2.0, 2.0]))
    torch.nn.init.zeros_(head.out.weight)
    batch = random_batch(2, target_BT=torch.tensor([[1.0, NAN], [6.0, NAN]]))
    comparison = head.compare(Encoded.of_known(sample_vectors(2, 16), None), batch)
    assert float(head.loss(comparison).detach()) == pytest.approx((3 * 1 + 0.5 * 4) / 4)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_classes_are_weighted_by_class_and_sample(smoothing: float) -> None:
    head = head_of(THREE_CLASSES, label_smoothing=smoothing)
    batch = random_batch(4, target_BT=torch.tensor([[0], [2], [1], [1]]), weight_B=torch.tensor([1.0, 2.0, 3.0, 4.0]))
    comparison = head.compare(Encoded.of_known(sample_vectors(4, 16), None), batch)
    assert comparison.prediction.shape == (4, 3)
    each = torch.nn.functional.cross_entropy(
        comparison.prediction, comparison.truth[:, 0], reduction="none", label_smoothing=smoothing
    )
    torch.testing.assert_close(head.loss(comparison), (each * torch.tensor([1.0, 1.0, 6.0, 8.0])).mean())


def test_a_classifier_starts_at_the_classes_shares() -> None:
    head = head_of(THREE_CLASSES)
    shares = torch.tensor([0.7, 0.3, 0.0])
    head.set_prior(shares)
    probability = head.point(head(sample_vectors(200, 16))).mean(dim=0)
    torch.testing.assert_close(probability, shares, rtol=0, atol=0.02)


@pytest.mark.parametrize("quantiles", [(0.1, 0.5, 0.9), (0.05, 0.25, 0.4, 0.5, 0.99), (0.5, 0.6), (0.2, 0.5)])
@pytest.mark.parametrize("scaled", [False, True])
def test_quantiles_never_cross_whatever_the_weights(quantiles: tuple[float, ...], scaled: bool) -> None:
    head = head_of(options={"learnable_output_scale": scaled}, loss_type="quantile", quantiles=quantiles)
    for size in (0.1, 1.0, 20.0):
        random_weights(head, size)
        found = head(sample_vectors(50, 16), torch.randn(50, 4))
        assert (found.diff(dim=-1) >= 0).all()
        assert float(found.diff(dim=-1).detach().max()) > 0


def test_the_path_of_quantiles_moves_them_together() -> None:
    head, vector_BD, path_BK = head_of(loss_type="quantile"), sample_vectors(5, 16), torch.randn(5, 4)
    random_weights(head)
    assert head.linear_path.out_features == 2
    moved_BTQ = head(vector_BD, path_BK) - head(vector_BD)
    expected_BT = path_BK @ head.linear_path.weight.T
    torch.testing.assert_close(moved_BTQ, expected_BT.unsqueeze(-1).expand(-1, -1, 3), rtol=1e-4, atol=1e-5)


def test_quantiles_start_at_those_of_the_training_samples() -> None:
    head = head_of(loss_type="quantile", quantiles=(0.05, 0.3, 0.5, 0.9))
    prior_TQ = torch.tensor([[-3.0, -1.0, 0.5, 0.6], [2.0, 2.0, 2.0, 2.0]])
    head.set_prior(prior_TQ)
    torch.nn.init.zeros_(head.out.weight)
    found = head(sample_vectors(1, 16))[0]
    torch.testing.assert_close(found[0], prior_TQ[0])
    torch.testing.assert_close(found[1], prior_TQ[1], rtol=0, atol=0.03)
    assert float(head.point(found.unsqueeze(0))[0, 0].detach()) == 0.5


def test_quantiles_learn_those_of_the_data() -> None:
    """Noise that grows with what is read: the distances between the quantiles grow with it."""
    head = head_of(replace(TWO, columns=("x",), zero=(0.0,), presence=(1.0,)), path=0, loss_type="quantile")
    vector_BD = sample_vectors(2000, 16)
    generator = torch.Generator().manual_seed(1)
    spread_B1 = torch.exp(vector_BD[:, :1] / 2)
    target_BT = vector_BD[:, 1:2] + spread_B1 * torch.randn(2000, 1, generator=generator)
    batch = random_batch(2, target_BT=target_BT)
    head.set_prior(target_BT.quantile(torch.tensor(head.quantiles)).view(1, 3))
    losses = descend(head, vector_BD, batch, steps=250, rate=0.01)
    found = head(vector_BD).detach()[:, 0]
    assert losses[-1] < 0.9 * losses[0]
    for place, level in enumerate(head.quantiles):
        assert float((target_BT[:, 0] < found[:, place]).float().mean()) == pytest.approx(level, abs=0.03)
    width = found[:, 2] - found[:, 0]
    assert np.corrcoef(width, spread_B1[:, 0])[0, 1] > 0.8
    pinball = [metrics.mean_pinball_loss(target_BT[:, 0], found[:, q], alpha=a) for q, a in enumerate(head.quantiles)]
    assert losses[-1] == pytest.approx(np.mean(pinball), rel=0.02)


def descend(head: Any, vector_BD: Tensor, batch: Any, steps: int = 50, rate: float = 0.003) -> list[float]:
    optimizer = torch.optim.AdamW(head.parameters(), lr=rate)
    encoded, losses = Encoded.of_known(vector_BD, None), []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = head.loss(head.compare(encoded, batch))
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    return losses


def shaped(name: str) -> tuple[Tensor, np.ndarray]:
    """Vectors, and targets above zero that can be learned from them."""
    vector_BD = sample_vectors(200, 16)
    noise = torch.randn(200, generator=torch.Generator().manual_seed(1)).numpy()
    x = (vector_BD[:, 0] - vector_BD[:, 1]).double().numpy() / 2**0.5 + 0.3 * noise
    x = x - x.min()
    values = {
        "small": 1e-6 * (x + 0.5),
        "large": 1e6 * (x + 0.5),
        "flat": 1e6 + 1e-3 * x,
        "skewed": np.exp(2 * x),
        "zeros": np.maximum(0, x - np.median(x)),
    }
    return vector_BD, values[name]


@pytest.mark.parametrize(("loss_type", "scaled"), [("mse", True), ("huber", False)])
@pytest.mark.parametrize(
    ("transform", "options"),
    [
        ("zscore", {}),
        ("zscore", {"output_activation": "relu"}),
        ("zscore", {"output_activation": "softplus"}),
        ("zscore", {"output_activation": "exp"}),
        ("minmax", {"output_activation": "softplus"}),
        ("minmax", {"output_activation": "exp"}),
        ("minmax", {"bounded_targets": True}),
        ("log-minmax", {"bounded_targets": True}),
    ],
)
@pytest.mark.parametrize("name", ["small", "large", "flat", "skewed", "zeros"])
def test_a_fresh_head_starts_like_the_mean_and_learns(
    name: str, transform: str, options: dict[str, Any], loss_type: str, scaled: bool
) -> None:
    vector_BD, values = shaped(name)
    target = fit_target(
        TargetRules(kind=NUMBERS, columns=("x",), transform=transform), values, np.arange(200), "sheet.tsv"
    )
    target_BT = torch.from_numpy(target.encode(values))[:, None]
    options = {**options, "learnable_output_scale": scaled}
    head = head_of(TargetOutputs.of(Targets(specs=(target,))), options, path=0, loss_type=loss_type)
    head.set_prior(target_BT.mean(dim=0))
    of_mean = head.loss(head.compare(Encoded.of_known(vector_BD, None), random_batch(2, target_BT=target_BT)))
    errors = target_BT - target_BT.mean()
    known = torch.nn.functional.smooth_l1_loss(errors, 0 * errors) if loss_type == "huber" else errors.square().mean()
    # The fresh network's say is a tenth of the unit, which minmax makes the range and not the spread.
    assert float(of_mean.detach()) == pytest.approx(float(known), rel=0.15 if transform == "zscore" else 0.5)
    losses = descend(head, vector_BD, random_batch(2, target_BT=target_BT))
    assert np.isfinite(losses).all()
    assert losses[-1] < 0.95 * losses[0]
    assert max(losses) < 1.05 * losses[0]


@pytest.mark.parametrize("unit", [1e-6, 1e6])
@pytest.mark.parametrize("activation", ["none", "relu", "softplus", "exp"])
def test_unscaled_numbers_start_finite_and_get_no_worse(unit: float, activation: str) -> None:
    vector_BD, values = shaped("small")
    target_BT = torch.from_numpy(values / 1e-6 * unit).float()[:, None]
    outputs = TargetOutputs(head="numbers", columns=("x",), zero=(0.0,), presence=(1.0,))
    head = head_of(outputs, {"output_activation": activation}, path=0)
    head.set_prior(target_BT.mean(dim=0))
    assert float(head(vector_BD).detach().mean()) == pytest.approx(float(target_BT.mean()), rel=0.1, abs=0.1)
    losses = descend(head, vector_BD, random_batch(2, target_BT=target_BT))
    assert np.isfinite(losses).all()
    assert losses[-1] <= losses[0]
