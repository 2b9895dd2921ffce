from __future__ import annotations

import pytest
import torch
from torch import Tensor

from aam.data.study.covariates import CategoricalColumn, CovariateSpec, NumericColumn
from aam.models.covariate_encoder import ConditionalScaling, CovariateEncoder
from tests.models.model_cases import all_weights_move

SPEC = CovariateSpec(
    (
        CategoricalColumn("season", ("spring", "winter")),
        CategoricalColumn("city", ("bergen", "malmo", "oslo")),
        CategoricalColumn("country", ("no", "se")),
        CategoricalColumn("continent", ("africa", "europe")),
    ),
    (NumericColumn("ph", 7.0, 1.0), NumericColumn("depth", 0.0, 1.0)),
    (("city", "country", "continent"),),
)
SEASON, CITY, COUNTRY, CONTINENT = range(4)
SAMPLES = torch.tensor([[1, 1, 1, 2], [2, 3, 1, 2], [0, 0, 2, 2], [1, 2, 0, 1]])
NUMBERS = torch.tensor([[0.5, 0.0, -1.0, 0.0], [0.0, 1.0, 2.0, 0.0], [0.0, 0.0, 0.0, 0.0], [1.0, 0.0, 0.0, 1.0]])


def encoder() -> CovariateEncoder:
    torch.manual_seed(0)
    return CovariateEncoder(SPEC, 8)


def weight(model: CovariateEncoder, place: int) -> Tensor:
    table = model.levels[place]
    assert isinstance(table, torch.nn.Embedding)
    return table.weight


def test_a_vector_for_each_column_hierarchy_and_number() -> None:
    model = encoder()
    token_BVE = model(SAMPLES, NUMBERS)
    assert token_BVE.shape == (4, model.num_tokens, 8) == (4, 4, 8)
    changed = SAMPLES.clone()
    changed[:, SEASON] = torch.tensor([2, 1, 1, 2])
    differs = (model(changed, NUMBERS) != token_BVE).any(dim=-1)
    assert (differs == torch.tensor([True, False, False, False])).all()


def test_levels_start_as_their_parents() -> None:
    model = encoder()
    token_BE = model(SAMPLES, NUMBERS)[:, 1]
    assert torch.equal(token_BE, weight(model, CONTINENT)[SAMPLES[:, CONTINENT]])
    assert not torch.equal(token_BE[0], token_BE[3])


def test_an_unknown_level_of_a_hierarchy_is_its_parent() -> None:
    model = encoder()
    truth_BVE = torch.randn(4, 4, 8, generator=torch.Generator().manual_seed(1))
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1, weight_decay=0.1)
    for _ in range(3):
        loss = (model(SAMPLES, NUMBERS) - truth_BVE).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    token_BE = model(SAMPLES, NUMBERS)[:, 1]
    tables = [weight(model, place) for place in (CITY, COUNTRY, CONTINENT)]
    assert token_BE[1].tolist() == pytest.approx((tables[0][3] + tables[1][1] + tables[2][2]).tolist())
    assert not torch.equal(token_BE[0], token_BE[1])
    assert token_BE[2].tolist() == pytest.approx((tables[1][2] + tables[2][2]).tolist())
    assert token_BE[3].tolist() == pytest.approx((tables[0][2] + tables[2][1]).tolist())


def test_an_unknown_level_without_parent_has_a_vector() -> None:
    model = encoder()
    unknown = torch.zeros(1, 4, dtype=torch.long)
    assert (model(unknown, NUMBERS[:1])[0, :2] == 0).all()
    model(unknown, NUMBERS[:1]).sum().backward()
    for place, trained in ((SEASON, True), (CONTINENT, True), (CITY, False), (COUNTRY, False)):
        gradient = weight(model, place).grad
        assert gradient is not None
        assert bool(gradient[0].any()) == trained


def test_vectors_start_with_a_variance_of_one() -> None:
    spec = CovariateSpec(
        (CategoricalColumn("a", tuple(map(str, range(200)))),), (NumericColumn("b", 0.0, 1.0),) * 200, ()
    )
    torch.manual_seed(0)
    model = CovariateEncoder(spec, 16)
    numbers_BM = torch.randn(200, 200, 2) * torch.tensor([1.0, 0.0])
    token_BVE = model(torch.arange(1, 201)[:, None], numbers_BM.flatten(1)).detach()
    assert float(token_BVE[:, 0].var()) == pytest.approx(1, rel=0.1)
    assert float(token_BVE[:, 1:].var()) == pytest.approx(1, rel=0.1)


def test_numbers_and_that_they_are_missing_are_told_apart() -> None:
    model = encoder()
    number_BM = torch.tensor([[0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    token_BE = model(SAMPLES[:2], number_BM)[:, 2]
    assert torch.equal(token_BE[0], token_BE[1]), "nothing is known yet of what a missing number means"
    with torch.no_grad():
        model.numbers[0].weight[:, 1] += 0.1
    token_BE = model(SAMPLES[:2], number_BM)[:, 2]
    assert not torch.allclose(token_BE[0], token_BE[1])


@pytest.mark.parametrize("spec", [CovariateSpec(SPEC.categorical[:1], (), ()), CovariateSpec((), SPEC.numeric, ())])
def test_levels_alone_and_numbers_alone(spec: CovariateSpec) -> None:
    model = CovariateEncoder(spec, 8)
    token_BVE = model(SAMPLES[:, : len(spec.categorical)], NUMBERS[:, : 2 * len(spec.numeric)])
    assert token_BVE.shape == (4, model.num_tokens, 8)


def test_scaling_starts_as_the_identity() -> None:
    output_BT = torch.randn(4, 2)
    assert torch.equal(ConditionalScaling(SPEC, ("city", "season"), 2)(output_BT, SAMPLES), output_BT)


def test_scaling_is_that_of_the_formula() -> None:
    model = ConditionalScaling(SPEC, ("city", "season"), 2)
    all_weights_move(model)
    output_BT = torch.randn(4, 2)
    found_BT = model(output_BT, SAMPLES)
    for row in range(4):
        city, season = SAMPLES[row, CITY], SAMPLES[row, SEASON]
        scale_T = (1 + model.scale_less_1[0][city]) * (1 + model.scale_less_1[1][season])
        expected_T = output_BT[row] * scale_T + model.bias[0][city] + model.bias[1][season]
        assert found_BT[row].tolist() == pytest.approx(expected_T.tolist(), rel=1e-5)


def test_scales_of_all_levels_are_learned_the_unknown_one_too() -> None:
    model = ConditionalScaling(SPEC, ("season",), 1)
    category_BC = torch.arange(3).repeat(100)[:, None].expand(-1, 4)
    scale_C, bias_C = torch.tensor([0.5, 2.0, -1.0]), torch.tensor([0.0, 1.0, -1.0])
    x_B1 = torch.randn(300, 1, generator=torch.Generator().manual_seed(0))
    truth_B1 = x_B1 * scale_C[category_BC[:, :1]] + bias_C[category_BC[:, :1]]
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    for _ in range(200):
        loss = (model(x_B1, category_BC) - truth_B1).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert (1 + model.scale_less_1[0]).flatten().tolist() == pytest.approx(scale_C.tolist(), abs=0.02)
    assert model.bias[0].flatten().tolist() == pytest.approx(bias_C.tolist(), abs=0.02)
