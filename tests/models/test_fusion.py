from __future__ import annotations

import typing
from typing import NamedTuple

import numpy as np
import pytest
import torch
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score
from torch import Tensor, nn

from aam.config import CovariateOptions
from aam.config.covariates import READS_ASVS
from aam.config.covariates import Fusion as Kind
from aam.data.study.covariates import CategoricalColumn, CovariateSpec
from aam.models.covariate_encoder import CovariateEncoder
from aam.models.fusion import Fusion, make_fusion
from tests.models.model_cases import all_weights_move

KINDS = typing.get_args(Kind)
DIM, NUM_TOKENS = 16, 3


def fusion(kind: str, num_tokens: int = NUM_TOKENS, dropout: float = 0.0, **options: int) -> Fusion:
    torch.manual_seed(0)
    given = {"perceiver_num_latents": 4, "perceiver_num_layers": 1, **options} if kind == "perceiver" else options
    chosen = CovariateOptions(categorical_columns=("c",), categorical_fusion=kind, categorical_embed_dim=4, **given)
    return make_fusion(chosen, num_tokens, DIM, heads=2, dropout=dropout)


class Inputs(NamedTuple):
    """What a fusion reads."""

    vector_BD: Tensor
    context_BSD: Tensor
    mask_BS: Tensor | None
    token_BVE: Tensor


def inputs(num_samples: int = 5, num_asvs: int = 7) -> Inputs:
    """Random vectors; the first sample has all ASVs, the last three."""
    generator = torch.Generator().manual_seed(1)
    lengths = torch.linspace(num_asvs, 3, num_samples).long()
    mask_BS = torch.arange(num_asvs) < lengths[:, None]
    context_BSD = torch.randn(num_samples, num_asvs, DIM, generator=generator) * mask_BS[..., None]
    vector_BD = torch.randn(num_samples, DIM, generator=generator)
    return Inputs(vector_BD, context_BSD, mask_BS, torch.randn(num_samples, NUM_TOKENS, 4, generator=generator))


def assert_near(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_which_kinds_read_asvs_is_what_the_options_say(kind: str) -> None:
    assert fusion(kind).reads_asvs == (kind in READS_ASVS)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_starts_as_the_identity(kind: str) -> None:
    given = inputs()
    assert torch.equal(fusion(kind)(*given), given.vector_BD)


@pytest.mark.parametrize("kind", KINDS)
def test_every_weight_learns_after_a_few_steps(kind: str) -> None:
    model, given = fusion(kind), inputs()
    token_BVE = given.token_BVE.clone().requires_grad_()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    truth_BD = torch.randn(given.vector_BD.shape, generator=torch.Generator().manual_seed(2))
    for step in range(3):
        optimizer.zero_grad()
        (model(*given._replace(token_BVE=token_BVE)) - truth_BD).square().mean().backward()
        if step == 0:
            assert model.out.weight.grad is not None
            assert model.out.weight.grad.any()
        optimizer.step()
    still = [name for name, parameter in model.named_parameters() if not parameter.grad.any()]
    assert still == []
    assert token_BVE.grad is not None
    assert token_BVE.grad.flatten(1).any(dim=1).all()


@pytest.mark.parametrize("kind", KINDS)
def test_half_precision_leaves_the_vector_as_exact_as_it_was(kind: str) -> None:
    model, given = fusion(kind), inputs()
    all_weights_move(model)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found_BD = model(*given)
    assert found_BD.dtype == torch.float32
    torch.testing.assert_close(found_BD, model(*given), rtol=0.1, atol=0.1)


@pytest.mark.parametrize("kind", KINDS)
def test_covariates_of_one_sample_change_no_other(kind: str) -> None:
    model, given = fusion(kind), inputs()
    all_weights_move(model)
    changed_BVE = given.token_BVE.clone()
    changed_BVE[2] += 1
    differs_B = (model(*given) - model(*given._replace(token_BVE=changed_BVE))).abs().amax(dim=1) > 1e-4
    assert differs_B.tolist() == [False, False, True, False, False]


@pytest.mark.parametrize("kind", READS_ASVS)
def test_the_order_of_asvs_does_not_matter(kind: str) -> None:
    model, given = fusion(kind), inputs()
    all_weights_move(model)
    order = torch.randperm(7, generator=torch.Generator().manual_seed(3))
    shuffled = given._replace(context_BSD=given.context_BSD[:, order], mask_BS=given.mask_BS[:, order])
    assert_near(model(*shuffled), model(*given))


@pytest.mark.parametrize("kind", READS_ASVS)
def test_padding_does_not_matter(kind: str) -> None:
    model, given = fusion(kind), inputs()
    all_weights_move(model)
    expected_BD = model(*given)
    padded_BSD = torch.cat([given.context_BSD, torch.full((5, 40, DIM), 7.0)], dim=1)
    padded_BS = torch.cat([given.mask_BS, torch.zeros(5, 40, dtype=torch.bool)], dim=1)
    assert_near(model(*given._replace(context_BSD=padded_BSD, mask_BS=padded_BS)), expected_BD)
    alone = model(given.vector_BD[-1:], given.context_BSD[-1:, :3], None, given.token_BVE[-1:])
    assert_near(alone, expected_BD[-1:])
    without = model(given.vector_BD[:1], given.context_BSD[:1], None, given.token_BVE[:1])
    assert_near(without, expected_BD[:1])


@pytest.mark.parametrize("kind", READS_ASVS)
def test_an_asv_counts_for_what_it_is(kind: str) -> None:
    model, given = fusion(kind), inputs()
    all_weights_move(model)
    changed_BSD = given.context_BSD.clone()
    changed_BSD[:, 0] = torch.randn(5, DIM, generator=torch.Generator().manual_seed(4))
    difference_BD = model(*given._replace(context_BSD=changed_BSD)) - model(*given)
    assert (difference_BD.abs().amax(dim=1) > 1e-3).all()


def test_the_perceiver_hears_a_covariate_among_hundreds_of_asvs() -> None:
    """At the start all covariates have the weight of all ASVs: what a latent vector reads depends on both alike."""
    model = fusion("perceiver")
    context_BSD = torch.randn(1, 900, DIM, generator=torch.Generator().manual_seed(5))
    token_BVE = torch.randn(1, NUM_TOKENS, 4, generator=torch.Generator().manual_seed(6))
    nn.init.zeros_(model.read.query.weight)
    key_BND = torch.cat([context_BSD, model.of_token(token_BVE)], dim=1)
    _, v = model.read.key_value(model.read.key_norm(key_BND)).unflatten(-1, (2, DIM)).unbind(2)
    expected = v[:, :900].mean(dim=1) / 2 + v[:, 900:].mean(dim=1) / 2
    read: list[Tensor] = []
    model.read.attention_out.register_forward_pre_hook(lambda _, given: read.append(given[0]))
    model(torch.zeros(1, DIM), context_BSD, None, token_BVE)
    assert_near(read[0], expected[:, None].expand(-1, 4, -1))


@pytest.mark.parametrize("kind", ["concat", *READS_ASVS])
def test_dropout_is_for_training_alone(kind: str) -> None:
    model, given = fusion(kind, dropout=0.5), inputs()
    all_weights_move(model)
    assert not torch.equal(model(*given), model(*given))
    model.eval()
    assert torch.equal(model(*given), model(*given))


def test_cross_attention_has_the_heads_of_the_model() -> None:
    assert fusion("cross-attention").ask.heads == 2
    assert fusion("cross-attention", cross_attn_heads=4).ask.heads == 4


class Predictor(nn.Module):
    """Covariates, a fusion, and a head with one hidden layer."""

    def __init__(self, kind: str | None) -> None:
        super().__init__()
        spec = CovariateSpec((CategoricalColumn("season", ("summer", "winter")),), (), ())
        self.fusion = fusion(kind, num_tokens=1) if kind else None
        self.covariates = CovariateEncoder(spec, 4)
        self.head = nn.Sequential(nn.Linear(DIM, 32), nn.GELU(), nn.Linear(32, 1))

    def forward(self, vector_BD: Tensor, context_BSD: Tensor, category_BC: Tensor) -> Tensor:
        if self.fusion is not None:
            token_BVE = self.covariates(category_BC, category_BC.new_empty(len(category_BC), 0))
            vector_BD = self.fusion(vector_BD, context_BSD, None, token_BVE)
        return self.head(vector_BD).squeeze(-1)


class Task(NamedTuple):
    """Samples, their season, and what is to be predicted."""

    vector_BD: Tensor
    context_BSD: Tensor
    category_BC: Tensor
    truth_B: Tensor


def task(of_asvs: bool, num_samples: int = 1200, num_asvs: int = 8) -> Task:
    """The season says with which sign a feature of the sample counts, or which of its ASVs counts.

    Each ASV has its own marker and a random value; the sample's vector is their mean, which tells one value no better
    than another.
    """
    generator = torch.Generator().manual_seed(7)
    marker_SD = torch.randn(num_asvs, DIM, generator=generator)
    marker_SD[:, 0] = 0
    value_BS = torch.randn(num_samples, num_asvs, generator=generator)
    context_BSD = marker_SD.repeat(num_samples, 1, 1)
    context_BSD[..., 0] = 2 * value_BS
    category_B = torch.randint(1, 3, (num_samples,), generator=generator)
    if of_asvs:
        vector_BD = context_BSD.mean(dim=1)
        truth_B = value_BS.gather(1, category_B[:, None]).squeeze(1)
    else:
        vector_BD = torch.randn(num_samples, DIM, generator=generator)
        truth_B = vector_BD[:, 3] * (2 * category_B - 3)
    return Task(vector_BD, context_BSD, category_B[:, None], truth_B)


def learned(model: Predictor, given: Task, steps: int, lr: float) -> float:
    """R2 on the last 200 samples after training on the others."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps)
    generator = torch.Generator().manual_seed(8)
    for _ in range(steps):
        rows = torch.randint(0, 1000, (128,), generator=generator)
        *read, truth_B = (part[rows] for part in given)
        loss = (model(*read) - truth_B).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        prediction_B = model(*(part[1000:] for part in given[:3]))
    return r2_score(given.truth_B[1000:].numpy(), prediction_B.numpy())


@pytest.mark.parametrize("of_asvs", [False, True])
def test_without_interactions_there_is_little_to_learn(of_asvs: bool) -> None:
    given = task(of_asvs)
    assert learned(Predictor(None), given, steps=200, lr=0.01) < 0.2
    read = np.concatenate([given.vector_BD.numpy(), given.category_BC.numpy()], axis=1)
    additive = LinearRegression().fit(read[:1000], given.truth_B[:1000].numpy())
    assert additive.score(read[1000:], given.truth_B[1000:].numpy()) < 0.2


@pytest.mark.parametrize("kind", KINDS)
def test_fusion_learns_interactions_with_covariates(kind: str) -> None:
    assert learned(Predictor(kind), task(of_asvs=kind in READS_ASVS), steps=200, lr=0.01) > 0.8
