from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from aam.config import HeadOptions, LossOptions
from aam.data.corruption import Corruption
from aam.data.target_fit import TargetRules, fit_target
from aam.models.sequence_encoder import SelfSupervision, SequenceEncoder
from aam.models.sequence_predictor import SequencePredictor, num_parameters
from tests.models.model_cases import CLASSES, REGRESSION, fresh_predictor, model_options, random_batch


@pytest.mark.parametrize("transform", ["zscore", "minmax", "none"])
@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
def test_fresh_predictions_have_the_targets_mean_and_a_sane_spread(unit: float, transform: str) -> None:
    values = unit * np.random.default_rng(0).normal(50, 10, 200)
    options = TargetRules(columns=("x",), transform=transform)  # type: ignore[arg-type]
    target = fit_target(options, values, np.arange(160), "sheet.tsv")
    model = fresh_predictor(target)
    model.head.set_prior(torch.from_numpy(target.encode(values[:160])).mean().view(1))
    with torch.no_grad():
        predicted = target.decode(model.predict(model(random_batch(40))).numpy())[:, 0]
    assert predicted.mean() == pytest.approx(values[:160].mean(), rel=1e-6, abs=0.2 * target.scale)
    assert predicted.std() < 0.3 * target.scale + 1e-6 * predicted.mean()
    assert np.isfinite(predicted).all()


def test_a_prior_of_classes() -> None:
    model = fresh_predictor(CLASSES)
    shares = torch.tensor([0.7, 0.3, 0.0])
    model.head.set_prior(shares)
    with torch.no_grad():
        probability = model.predict(model(random_batch(30)))
    torch.testing.assert_close(probability.sum(dim=1), torch.ones(30))
    torch.testing.assert_close(probability.mean(dim=0), shares, rtol=0, atol=0.05)


def test_the_targets_head_comes_first_and_the_encoders_after_it() -> None:
    supervision = SelfSupervision(encoder_type="unifrac", counts=True)
    base = SequenceEncoder(model_options(), supervision)
    model = SequencePredictor(base, REGRESSION, HeadOptions(), LossOptions())
    assert [head.name for head in model.task_heads()] == ["target", "distance", "count"]


@pytest.mark.parametrize("num_samples", [1, 5])
@pytest.mark.parametrize("target", [REGRESSION, CLASSES], ids=["regression", "classification"])
def test_a_step_lowers_the_loss(target: object, num_samples: int) -> None:
    spec = REGRESSION if target is REGRESSION else CLASSES
    model = fresh_predictor(spec).train()
    truth = torch.arange(num_samples)[:, None] % 3
    batch = random_batch(num_samples, target_BT=truth if spec is CLASSES else truth.float() + 1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.003)
    losses = []
    for _ in range(8):
        optimizer.zero_grad()
        head = model.task_heads()[0]
        loss = head.loss(head.compare(model(batch, Corruption()), batch))
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert np.isfinite(losses).all()
    assert losses[-1] < losses[0]


def test_shapes_of_predictions() -> None:
    batch = random_batch(3)
    number, classes = fresh_predictor(REGRESSION), fresh_predictor(CLASSES)
    quantiles = fresh_predictor(REGRESSION, loss=LossOptions(loss_type="quantile"))
    assert number.predict(number(batch)).shape == number.outputs(number(batch)).shape == (3, 1)
    assert classes.predict(classes(batch)).shape == (3, 3)
    encoded = quantiles(batch)
    assert quantiles.outputs(encoded).shape == (3, 1, 3)
    assert torch.equal(quantiles.predict(encoded), quantiles.outputs(encoded)[..., 1])


@pytest.mark.parametrize(("linear_path", "clades"), [(False, 20), (True, 0)])
def test_the_linear_path_is_optional(linear_path: bool, clades: int) -> None:
    model = fresh_predictor(REGRESSION, HeadOptions(linear_path=linear_path), num_soft_clades=clades)
    assert model.head.linear_path is None
    assert torch.isfinite(model.predict(model(random_batch()))).all()


def test_the_heads_dropout_is_the_models_unless_it_has_its_own() -> None:
    assert fresh_predictor(REGRESSION, dropout=0.3).head.dropout.p == 0.3
    assert fresh_predictor(REGRESSION, HeadOptions(regressor_dropout=0.0), dropout=0.3).head.dropout.p == 0


def test_zero_in_own_units_is_that_of_the_target() -> None:
    """REGRESSION learns (age - 5) / 2: no age is below 0."""
    model = fresh_predictor(REGRESSION, HeadOptions(output_activation="relu"))
    with torch.no_grad():
        model.head.out.bias.fill_(-100.0)
        age = REGRESSION.decode(model.predict(model(random_batch())).numpy())
    assert not age.any()


def test_class_weights_are_those_of_the_target_or_equal() -> None:
    assert fresh_predictor(CLASSES).head.class_weight_C.tolist() == [1.0, 2.0, 0.5]
    assert fresh_predictor(replace(CLASSES, class_weights=())).head.class_weight_C.tolist() == [1.0, 1.0, 1.0]


def test_the_number_of_weights() -> None:
    assert num_parameters(torch.nn.Linear(3, 4)) == 16
