from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from aam.config import HeadOptions, LossOptions
from aam.config.covariates import READS_ASVS
from aam.data.batches.batch import Batch, encoded_batch
from aam.data.batches.corruption import Corruption
from aam.data.study.covariates import features
from aam.data.targets.fitting import fit_target
from aam.data.targets.kinds import NUMBERS, TargetRules
from aam.data.targets.targets import Targets
from aam.models.sequence_encoder import SelfSupervision, SequenceEncoder
from aam.models.sequence_predictor import SequencePredictor, num_parameters
from tests.models.model_cases import (
    CLASSES,
    COVARIATES,
    REGRESSION,
    all_weights_move,
    fresh_predictor,
    model_options,
    predictor_plan,
    random_batch,
    told_batch,
    told_predictor,
)


@pytest.mark.parametrize("transform", ["zscore", "minmax", "none"])
@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
def test_fresh_predictions_have_the_mean_of_the_target(unit: float, transform: str) -> None:
    values = unit * np.random.default_rng(0).normal(50, 10, 200)
    options = TargetRules(kind=NUMBERS, columns=("x",), transform=transform)  # type: ignore[arg-type]
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
    model = SequencePredictor(base, predictor_plan(REGRESSION))
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


FUSIONS = ("concat", "add", "gmu", "cross-attention", "perceiver")
TWO = Targets(specs=(REGRESSION, replace(REGRESSION, column="ph")))


def moved(fusion: str, target: object = TWO, **told: object) -> SequencePredictor:
    """A predictor that is told covariates, whose weights are all of some size."""
    model = told_predictor(target, categorical_fusion=fusion, **told)  # type: ignore[arg-type]
    all_weights_move(model)
    return model


def said(model: SequencePredictor, batch: Batch) -> torch.Tensor:
    with torch.no_grad():
        return model.predict(model(batch))


def shuffled(batch: Batch, seed: int = 0) -> Batch:
    """The same samples with their ASVs in another order."""
    generator = torch.Generator().manual_seed(seed)
    index_BS, counts_BS = batch.index_BS.clone(), batch.counts_BS.clone()
    for row, size in enumerate(batch.mask_BS.sum(dim=1).tolist()):
        order = torch.randperm(size, generator=generator)
        index_BS[row, :size], counts_BS[row, :size] = index_BS[row, order], counts_BS[row, order]
    assert not torch.equal(index_BS, batch.index_BS)
    return replace(batch, index_BS=index_BS, counts_BS=counts_BS)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_covariates_count_and_the_order_of_asvs_does_not(fusion: str) -> None:
    model, batch = moved(fusion), told_batch(8)
    assert model.plan.covariates.read_asvs == (fusion in READS_ASVS)
    before_BT = said(model, batch)
    assert before_BT.shape == (8, 2)
    torch.testing.assert_close(said(model, shuffled(batch)), before_BT, rtol=1e-4, atol=1e-4)
    assert batch.category_BC is not None
    category_BC = batch.category_BC.clone()
    category_BC[3, 0] = (category_BC[3, 0] + 1) % 3
    differs_B = (said(model, replace(batch, category_BC=category_BC)) - before_BT).abs().amax(dim=1) > 1e-4
    assert differs_B.tolist() == [row == 3 for row in range(8)]


@pytest.mark.parametrize("fusion", FUSIONS)
def test_a_fresh_fusion_leaves_what_the_vector_says(fusion: str) -> None:
    """The covariates reach a fresh head by its linear path alone, and that starts at zero."""
    model, batch = told_predictor(TWO, categorical_fusion=fusion), told_batch(5)
    without = fresh_predictor(TWO)
    without.head.load_state_dict({**model.head.state_dict(), "linear_path.weight": torch.zeros(2, 20)})
    without.base.load_state_dict(model.base.state_dict())
    torch.testing.assert_close(said(model, batch), said(without, batch))


@pytest.mark.parametrize("fusion", FUSIONS)
def test_hidden_levels_are_unknown_levels(fusion: str) -> None:
    model, batch = moved(fusion), told_batch(5)
    assert batch.category_BC is not None
    hidden = replace(batch, category_BC=torch.zeros_like(batch.category_BC))
    for level in (1, 2):
        other = replace(hidden, category_BC=torch.full_like(batch.category_BC, level))
        assert not torch.allclose(said(model, hidden), said(model, other))


def test_the_linear_path_reads_what_linear_models_read() -> None:
    model, batch = told_predictor(REGRESSION), told_batch(30)
    assert model.covariate_encoder is not None
    assert batch.category_BC is not None
    assert batch.number_BM is not None
    profile_BK = torch.randn(30, 20)
    found_BK = model.covariate_encoder.beside(profile_BK, batch.category_BC, batch.number_BM)
    expected = features(COVARIATES, batch.category_BC.numpy(), batch.number_BM.numpy())
    assert (found_BK[:, :20] == profile_BK).all()
    assert (found_BK[:, 20:].numpy() == expected).all()
    assert model.head.linear_path is not None
    assert model.head.linear_path.in_features == 20 + COVARIATES.num_features


def test_levels_scale_and_shift_the_outputs_of_each_target() -> None:
    model, batch = told_predictor(TWO, conditional_output_scaling=("country", "season")), told_batch(40)
    before_BT = said(model, batch)
    scaling = model.head.conditional_scaling
    assert scaling is not None
    with torch.no_grad():
        scaling.scale_less_1[0][1] = torch.tensor([1.0, 0.0])
        scaling.bias[1][2] = torch.tensor([0.0, 7.0])
    after_BT = said(model, batch)
    assert batch.category_BC is not None
    norway_B, winter_B = batch.category_BC[:, 2] == 1, batch.category_BC[:, 0] == 2
    torch.testing.assert_close(after_BT[:, 0], before_BT[:, 0] * (1 + norway_B.float()))
    torch.testing.assert_close(after_BT[:, 1], before_BT[:, 1] + 7 * winter_B.float())


@pytest.mark.parametrize("fusion", ["concat", "add", "gmu"])
def test_known_vectors_say_what_the_encoder_says(fusion: str) -> None:
    model, batch = moved(fusion), told_batch(6)
    with torch.no_grad():
        encoded = model(batch)
    parts = batch.sample_parts() | {"vector_BD": encoded.sample.sample_BD, "profile_BK": encoded.sample.profile_BK}
    torch.testing.assert_close(said(model, encoded_batch(**parts)), said(model, batch))


@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("loss_type", ["huber", "quantile"])
def test_all_that_reads_covariates_learns(fusion: str, loss_type: str) -> None:
    batch = told_batch(12)
    assert batch.category_BC is not None
    truth_B = (batch.category_BC[:, 0] == 2).float() - (batch.category_BC[:, 2] == 1).float()
    batch.target_BT = torch.stack([truth_B, torch.where(truth_B > 0, torch.nan, truth_B)], dim=1)
    loss = LossOptions(loss_type=loss_type)  # type: ignore[arg-type]
    model = told_predictor(TWO, None, loss, categorical_fusion=fusion, conditional_output_scaling=()).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    losses = []
    for _ in range(12):
        optimizer.zero_grad()
        total = model.head.loss(model.head.compare(model(batch, Corruption()), batch))
        total.backward()
        optimizer.step()
        losses.append(float(total.detach()))
    assert losses[-1] < 0.7 * losses[0]
    assert model.fusion is not None
    assert model.covariate_encoder is not None
    still = [n for n, p in (*model.fusion.named_parameters(), *model.covariate_encoder.named_parameters())
             if p.grad is None or not p.grad.any()]  # fmt: skip
    assert still == []
