from __future__ import annotations

import math
import warnings
from typing import Any

import pytest
import torch
from torch import nn

from aam.config import OptimOptions
from aam.models.sequence_encoder import SelfSupervision, SequenceEncoder
from aam.models.sequence_predictor import SequencePredictor
from aam.training.step.optim import Rates, WarmupCosine, layer_depth, make_optimizer, make_scheduler, parameter_groups
from tests.models.model_cases import REGRESSION, model_options, predictor_plan, told_predictor

LR = 0.01


def predictor() -> SequencePredictor:
    supervision = SelfSupervision(encoder_type="unifrac", counts=True)
    return SequencePredictor(SequenceEncoder(model_options(), supervision), predictor_plan(REGRESSION))


def optimizer_of(options: OptimOptions) -> torch.optim.Optimizer:
    weight = nn.Parameter(torch.ones(2))
    weight.grad = torch.ones(2)
    return make_optimizer([{"params": [weight], "weight_decay": 0.0}], options)


def rates(steps: int, beyond: int = 0, **changes: Any) -> list[float]:
    """The rate of each step, and of some after the last."""
    options = OptimOptions(**{"lr": LR, "warmup_steps": 0, **changes})
    optimizer = optimizer_of(options)
    course = make_scheduler(optimizer, options, steps, "val_loss", higher=False)
    found = []
    for _ in range(steps + beyond):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        course["scheduler"].step()
    return [*found, optimizer.param_groups[0]["lr"]]


def test_warmup_cosine_at_given_steps() -> None:
    found = rates(100, scheduler="warmup_cosine", warmup_steps=10)
    assert found[0] == pytest.approx(LR / 11)
    assert found[4] == pytest.approx(LR * 5 / 11)
    assert found[10] == pytest.approx(LR)
    assert found[40] == pytest.approx(LR * 0.5 * (1 + math.cos(math.pi / 3)))
    assert found[55] == pytest.approx(LR / 2)
    assert found[100] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("scheduler", ["warmup_cosine", "cosine"])
def test_the_lowest_rate(scheduler: str) -> None:
    found = rates(50, beyond=20, scheduler=scheduler, scheduler_eta_min=LR / 4)
    assert found[0] == pytest.approx(LR)
    assert found[25] == pytest.approx(LR * 5 / 8)
    assert found[50:] == pytest.approx([LR / 4] * 21)


@pytest.mark.parametrize("scheduler", ["warmup_cosine", "cosine"])
@pytest.mark.parametrize("steps", [1, 2, 30])
def test_no_rise_after_the_end(scheduler: str, steps: int) -> None:
    found = rates(steps, beyond=2 * steps, scheduler=scheduler)
    assert found[steps:] == pytest.approx([0] * (2 * steps + 1), abs=1e-12)


@pytest.mark.parametrize(("warmup", "steps"), [(10, 10), (1, 1), (20, 10), (0, 1)])
def test_a_warm_up_as_long_as_the_run(warmup: int, steps: int) -> None:
    found = rates(steps, beyond=30, scheduler="warmup_cosine", warmup_steps=warmup)
    assert all(0 <= rate <= LR * 1.000001 for rate in found)
    assert found[0] > 0
    assert found[-1] == pytest.approx(0, abs=1e-12)


def test_cosine_is_torchs() -> None:
    options = OptimOptions(lr=LR, scheduler="cosine", scheduler_eta_min=1e-3)
    optimizer = optimizer_of(options)
    course = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 40, eta_min=1e-3)
    expected = []
    for _ in range(41):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        course.step()
    assert rates(40, scheduler="cosine", scheduler_eta_min=1e-3) == pytest.approx(expected)


def test_cosine_restarts() -> None:
    found = rates(70, scheduler="cosine_restarts", scheduler_t0=10, scheduler_t_mult=2)
    assert [found[step] for step in (0, 10, 30)] == pytest.approx([LR] * 3)
    assert [found[step] for step in (5, 20, 50)] == pytest.approx([LR / 2] * 3)
    assert found[9] < 0.03 * LR


@pytest.mark.parametrize("steps", [1, 2, 5, 20, 100, 999])
@pytest.mark.parametrize("warmup", [0, 1, 50])
@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_onecycle_lasts_for_the_run(steps: int, warmup: int, optimizer: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = rates(steps, scheduler="onecycle", warmup_steps=warmup, optimizer=optimizer)
    assert all(0 <= rate <= LR * 1.000001 for rate in found)
    assert found[-1] == pytest.approx(LR / 25 / 1e4)
    if steps >= 5 and warmup < 0.8 * steps:
        assert found[max(1, warmup)] == pytest.approx(LR)
        assert max(found) == found[max(1, warmup)]


@pytest.mark.parametrize(("batches", "accumulation", "epochs"), [(7, 3, 4), (6, 3, 2), (1, 5, 3)])
def test_onecycle_with_accumulated_gradients(batches: int, accumulation: int, epochs: int) -> None:
    """The Trainer steps after every few batches and at the end of each epoch."""
    planned = math.ceil(batches / accumulation) * epochs
    options = OptimOptions(lr=LR, scheduler="onecycle", warmup_steps=2)
    optimizer = optimizer_of(options)
    course = make_scheduler(optimizer, options, planned, "val_loss", higher=False)["scheduler"]
    done = 0
    for _ in range(epochs):
        for batch in range(batches):
            if (batch + 1) % accumulation == 0 or batch + 1 == batches:
                optimizer.step()
                course.step()
                done += 1
    assert done == planned


def test_onecycle_leaves_the_momentum_of_sgd_to_its_option() -> None:
    options = OptimOptions(lr=LR, scheduler="onecycle", optimizer="sgd", momentum=0.7, warmup_steps=2)
    optimizer = optimizer_of(options)
    course = make_scheduler(optimizer, options, 10, "val_loss", higher=False)["scheduler"]
    for _ in range(10):
        assert optimizer.param_groups[0]["momentum"] == 0.7
        optimizer.step()
        course.step()


@pytest.mark.parametrize("higher", [False, True])
def test_plateau_lowers_the_rate_when_the_metric_stands_still(higher: bool) -> None:
    options = OptimOptions(
        lr=LR, scheduler="plateau", scheduler_patience=2, scheduler_factor=0.5, scheduler_min_lr=LR / 3
    )
    optimizer = optimizer_of(options)
    course = make_scheduler(optimizer, options, 100, "val_r2", higher=higher)
    assert (course["interval"], course["monitor"]) == ("epoch", "val_r2")
    values = [0.1, 0.2, 0.3] if higher else [0.3, 0.2, 0.1]
    found = []
    for value in values + [values[-1]] * 8:
        course["scheduler"].step(value)
        found.append(optimizer.param_groups[0]["lr"])
    assert found == pytest.approx([LR] * 5 + [LR / 2] * 3 + [LR / 3] * 3)


def test_no_scheduler() -> None:
    options = OptimOptions(lr=LR, scheduler="none")
    assert make_scheduler(optimizer_of(options), options, 10, "val_loss", higher=False) is None


def test_schedules_by_step_say_so() -> None:
    for scheduler in ("warmup_cosine", "cosine", "cosine_restarts", "onecycle"):
        options = OptimOptions(lr=LR, scheduler=scheduler, warmup_steps=1)
        course = make_scheduler(optimizer_of(options), options, 10, "val_loss", higher=False)
        assert (course["interval"], course["frequency"]) == ("step", 1)


def test_the_share_of_the_peak() -> None:
    course = WarmupCosine(warmup=2, total=6, floor=0.2)
    assert [course(step) for step in range(8)] == pytest.approx(
        [1 / 3, 2 / 3, 1, 0.2 + 0.4 * (1 + math.sqrt(0.5)), 0.6, 0.2 + 0.4 * (1 - math.sqrt(0.5)), 0.2, 0.2]
    )


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize(("name", "kind"), [("adamw", "AdamW"), ("adam", "Adam"), ("sgd", "SGD")])
def test_optimizers(name: str, kind: str, fused: bool) -> None:
    options = OptimOptions(optimizer=name, lr=LR, momentum=0.6)  # type: ignore[arg-type]
    weight = nn.Parameter(torch.ones(2))
    weight.grad = torch.ones(2)
    optimizer = make_optimizer([{"params": [weight], "weight_decay": 0.5}], options, fused=fused)
    assert type(optimizer).__name__ == kind
    assert optimizer.param_groups[0]["lr"] == LR
    assert optimizer.param_groups[0]["weight_decay"] == 0.5
    assert bool(getattr(optimizer, "_step_supports_amp_scaling", False)) == fused
    if name == "sgd":
        assert optimizer.param_groups[0]["momentum"] == 0.6
    optimizer.step()
    assert (weight < 1).all()


def test_groups() -> None:
    model = predictor()
    groups = parameter_groups(model, weight_decay=0.01, linear_path_decay=0.3)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    decay, linear, none = ({names[id(p)] for p in group["params"]} for group in groups)
    assert [group["weight_decay"] for group in groups] == [0.01, 0.3, 0.0]
    assert linear == {"head.linear_path.weight"}
    assert decay | linear | none == set(names.values())
    assert len(decay) + len(linear) + len(none) == len(names)
    assert all(name.endswith("weight") for name in decay)
    assert not any("norm" in name for name in decay)
    kinds = ("bias", "norm.weight", "prototype_KD", "log_scale", "log_width_K", "shift_K", "abundance_power", "unknown")
    assert all(any(kind in name for name in none) for kind in kinds)


def test_frozen_weights_are_in_no_group() -> None:
    model = predictor()
    model.base.requires_grad_(False)
    groups = parameter_groups(model, 0.01, 0.1)
    found = {id(parameter) for group in groups for parameter in group["params"]}
    assert found == {id(parameter) for parameter in model.head.parameters()}
    without = parameter_groups(nn.Linear(2, 2, bias=False), 0.01, 0.1)
    assert [group["weight_decay"] for group in without] == [0.01], "empty groups are left out"


def test_parts_have_rates_of_their_own() -> None:
    model = predictor()
    groups = parameter_groups(model, 0.01, 0.1, Rates(peak=LR, linear=0.01, asv=0.02))
    rate_of = {id(p): group.get("lr") for group in groups for p in group["params"]}
    assert sum(len(group["params"]) for group in groups) == len(list(model.parameters()))
    for name, parameter in model.named_parameters():
        is_asv = "asv_encoder" in name or "soft_clades" in name
        assert rate_of[id(parameter)] == (1e-4 if "linear_path" in name else 2e-4 if is_asv else LR), name


def test_without_decay_the_groups_are_few_and_in_their_order() -> None:
    groups = parameter_groups(predictor(), 0.01, 0.1, Rates(peak=LR, linear=0.1, asv=0.2))
    found = [(group["weight_decay"], group["lr"]) for group in groups]
    assert found == [(0.01, LR), (0.01, 0.2 * LR), (0.1, 0.1 * LR), (0.0, LR), (0.0, 0.2 * LR)]


DEPTHS = {  # of a model with 2 ASV layers, 1 sample layer and 3 encoder layers, by hand
    "head.hidden.0.weight": 0,
    "head.linear_path.weight": 0,
    "base.heads.distance.project.weight": 0,
    "base.sample_encoder.norm.weight": 1,
    "base.sample_encoder.profile.weight": 1,
    "base.sample_encoder.pool.score.weight": 1,
    "base.sample_encoder.abundance_power": 1,
    "base.sample_encoder.soft_clades.prototype_KD": 1,
    "base.sample_encoder.encoder_transformer.norm.bias": 1,
    "base.sample_encoder.encoder_transformer.layers.2.qkv.weight": 1,
    "base.sample_encoder.encoder_transformer.layers.0.qkv.weight": 3,
    "base.sample_encoder.sample_transformer.norm.weight": 4,
    "base.sample_encoder.sample_transformer.layers.0.mlp_in.bias": 4,
    "base.sample_encoder.abundance.embed.weight": 5,
    "base.asv_encoder.norm.weight": 6,
    "base.asv_encoder.pool.score.weight": 6,
    "base.asv_encoder.transformer.layers.1.mlp_out.weight": 6,
    "base.asv_encoder.transformer.layers.0.mlp_out.weight": 7,
    "base.asv_encoder.embed.weight": 8,
    "base.asv_encoder.position_gain": 8,
}


def test_the_depth_of_layers_decides_on_their_rates() -> None:
    options = model_options(asv_layers=2, sample_layers=1, encoder_layers=3)
    encoder = SequenceEncoder(options, SelfSupervision(encoder_type="unifrac"))
    model = SequencePredictor(encoder, predictor_plan(REGRESSION))
    rates = Rates(peak=LR, linear=0.1, asv=0.2, layer_decay=0.5, layers=options.layers)
    groups = parameter_groups(model, 0.01, 0.1, rates)
    assert groups[0]["lr"] == LR, "the rate that is told in the log is the head's"
    rate_of = {id(p): group["lr"] for group in groups for p in group["params"]}
    named = dict(model.named_parameters())
    assert len(rate_of) == len(named)
    for name, depth in DEPTHS.items():
        share = 0.1 if "linear_path" in name else 0.2 if "asv_encoder" in name or "soft_clades" in name else 1
        assert rate_of[id(named[name])] == pytest.approx(share * LR * 0.5**depth), name


def test_a_model_without_layers_has_depths_all_the_same() -> None:
    options = model_options(asv_layers=0, sample_layers=0, encoder_layers=0)
    model = SequencePredictor(SequenceEncoder(options, SelfSupervision()), predictor_plan(REGRESSION))
    depths = {name: layer_depth(name, options.layers) for name, _ in model.named_parameters()}
    assert set(depths.values()) == {0, 1, 2}
    assert depths["base.asv_encoder.embed.weight"] == 2


@pytest.mark.parametrize(("given", "rate"), [(None, LR), (3e-3, 3e-3)])
def test_what_reads_covariates_has_a_rate_that_no_share_changes(given: float | None, rate: float) -> None:
    model = told_predictor(REGRESSION, categorical_fusion="gmu", conditional_output_scaling=("season",))
    rates = Rates(peak=LR, asv=0.2, covariates=given, layer_decay=0.5, layers=(1, 1, 1))
    found = {id(p): group["lr"] for group in parameter_groups(model, 0.01, 0.1, rates) for p in group["params"]}
    parts = (model.covariate_encoder, model.fusion, model.head.conditional_scaling)
    of_covariates = [p for part in parts if part is not None for p in part.parameters()]
    assert all(part is not None and len(list(part.parameters())) >= 2 for part in parts)
    assert {found[id(p)] for p in of_covariates} == {rate}
    assert {found[id(p)] for p in model.head.hidden.parameters()} == {LR}


@pytest.mark.parametrize("scheduler", ["warmup_cosine", "cosine", "cosine_restarts", "onecycle", "plateau"])
def test_the_rates_of_parts_stay_in_proportion(scheduler: str) -> None:
    lowest = {"scheduler_eta_min": LR / 4, "scheduler_min_lr": LR / 4}
    options = OptimOptions(lr=LR, warmup_steps=3, scheduler=scheduler, scheduler_t0=7, scheduler_patience=1, **lowest)  # type: ignore[arg-type]
    weights = [nn.Parameter(torch.ones(2)) for _ in range(2)]
    groups = [{"params": [weight], "lr": rate} for weight, rate in zip(weights, (LR, LR / 50), strict=True)]
    optimizer = make_optimizer(groups, options)
    course = make_scheduler(optimizer, options, 30, "val_loss", higher=False)["scheduler"]
    seen = set()
    for _ in range(30):
        large, small = (group["lr"] for group in optimizer.param_groups)
        assert small == pytest.approx(large / 50)
        seen.add(large)
        optimizer.step()
        course.step(*[1.0] * (scheduler == "plateau"))
    assert len(seen) > 1
    if scheduler != "onecycle":
        assert min(seen) == pytest.approx(LR / 4, rel=0.2)


@pytest.mark.parametrize("growth", [1, 2, 3])
def test_cosine_restarts_are_torchs(growth: int) -> None:
    given = {"scheduler_t0": 7, "scheduler_t_mult": growth, "scheduler_eta_min": 1e-3}
    optimizer = optimizer_of(OptimOptions(lr=LR, scheduler="cosine_restarts", **given))  # type: ignore[arg-type]
    course = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, 7, growth, eta_min=1e-3)
    expected = []
    for _ in range(61):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        course.step()
    assert rates(60, scheduler="cosine_restarts", **given) == pytest.approx(expected)


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("name", ["adamw", "adam", "sgd"])
def test_weights_without_a_gradient_are_passed_over(name: str, fused: bool) -> None:
    """No decay and no momentum: what gradual unfreezing holds still stays what pre-training made it."""
    options = OptimOptions(optimizer=name, lr=LR)  # type: ignore[arg-type]
    learns, still, also_still = (nn.Parameter(torch.ones(2)) for _ in range(3))
    groups = [{"params": some, "weight_decay": 0.5} for some in ([learns, still], [also_still])]
    optimizer = make_optimizer(groups, options, fused=fused)
    for _ in range(3):
        learns.grad = torch.ones(2)
        optimizer.step()
    assert not torch.equal(learns, torch.ones(2))
    for parameter in (still, also_still):
        assert torch.equal(parameter, torch.ones(2))
        assert parameter not in optimizer.state
