from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from aam.config import HeadOptions
from aam.errors import ConfigError
from aam.models.heads import Encoded
from aam.models.target_heads.experts import Experts, imbalance
from tests.models.model_cases import random_batch
from tests.models.test_heads import sample_vectors
from tests.models.test_target_head import THREE_CLASSES, TWO, head_of, random_weights

TWO_EXPERTS: dict[str, Any] = {"experts": 2, "regressor_hidden_dims": (8,)}


def test_outputs_are_weighted_by_the_gate() -> None:
    experts = Experts((16, 8), 3, 2, torch.nn.Dropout(0.0))
    random_weights(experts)
    read_BD = sample_vectors(5, 16)
    gate_BN = torch.softmax(experts.gate(read_BD), dim=1)
    layer: Any = experts.hidden[0]
    parts = [F.gelu(read_BD @ layer.weight[n].T + layer.bias[n]) @ experts.weight[n].T for n in range(2)]
    expected = gate_BN[:, :1] * parts[0] + gate_BN[:, 1:] * parts[1] + experts.bias
    torch.testing.assert_close(experts(read_BD), expected)


def test_imbalance_is_the_squared_variation_of_importance() -> None:
    gate_BN = torch.softmax(torch.randn(7, 4, generator=torch.Generator().manual_seed(3)), dim=1)
    importance_N = gate_BN.sum(dim=0)
    expected = importance_N.var(correction=0) / importance_N.mean().square()
    torch.testing.assert_close(imbalance(gate_BN), expected)
    assert float(imbalance(torch.full((3, 5), 0.2))) == pytest.approx(0, abs=1e-6)
    assert float(imbalance(torch.tensor([[1.0, 0.0], [1.0, 0.0]]))) == pytest.approx(1)


def test_dead_experts_are_pulled_back() -> None:
    head = head_of(THREE_CLASSES, {**TWO_EXPERTS, "expert_balance": 1.0})
    head.out.gate.bias.data = torch.tensor([2.0, -2.0])
    batch = random_batch(4, target_BT=torch.tensor([[0], [2], [1], [1]]))
    encoded, optimiser = Encoded.of_known(sample_vectors(4, 16), None), torch.optim.SGD(head.parameters(), lr=1.0)
    shares = []
    for _ in range(50):
        comparison = head.compare(encoded, batch)
        shares.append(float(comparison.gate_BN[:, 1].mean().detach()))
        optimiser.zero_grad()
        head.regulariser(comparison).backward()
        optimiser.step()
    assert shares[0] < 0.02
    assert shares[-1] == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(("outputs", "loss"), [(TWO, {}), (TWO, {"loss_type": "quantile"}), (THREE_CLASSES, {})])
def test_a_mixture_starts_where_one_network_does(outputs: Any, loss: dict[str, Any]) -> None:
    target_BT = torch.tensor([[1.0, 2.0], [2.0, 4.0], [4.0, 5.0]])
    if outputs is THREE_CLASSES:
        target_BT = torch.tensor([[0], [2], [2]])
    starts = []
    for options in ({"regressor_hidden_dims": (8,)}, TWO_EXPERTS):
        head = head_of(outputs, options, **loss)
        head.start(target_BT, None)
        with torch.no_grad():
            head.out.weight.zero_()
        starts.append(head.learned(head(sample_vectors(3, 16), torch.randn(3, 4))))
    torch.testing.assert_close(*starts)


def test_all_experts_learn_from_the_first_step() -> None:
    head = head_of(options=TWO_EXPERTS)
    batch = random_batch(3, target_BT=torch.tensor([[1.0, 2.0], [0.0, 1.0], [3.0, 1.0]]))
    head.loss(head.compare(Encoded.of_known(sample_vectors(3, 16), None), batch)).backward()
    of_each = head.out.weight.grad.abs().sum(dim=(1, 2))
    assert (of_each > 0).all()
    assert float(head.out.gate.weight.grad.abs().sum()) > 0


def test_one_expert_is_a_single_network() -> None:
    head = head_of(options={"experts": 1})
    assert head.num_experts == 0
    comparison = head.compare(
        Encoded.of_known(sample_vectors(3, 16), None), random_batch(3, target_BT=torch.ones(3, 2))
    )
    assert head.regulariser(comparison) is None
    assert not any("gate" in name for name in head.state_dict())


def test_balance_without_experts_is_refused() -> None:
    with pytest.raises(ConfigError, match="--expert-balance needs --experts 2 or more"):
        replace(HeadOptions(), expert_balance=0.1)


def test_experts_share_samples_that_want_different_rules() -> None:
    """A distance from zero needs two linear rules: one expert for each side, which one line cannot be."""
    options: dict[str, Any] = {"experts": 2, "regressor_hidden_dims": "none", "linear_path": False}
    head = head_of(replace(TWO, columns=("x",), zero=(0.0,), presence=(1.0,)), options, path=0, loss_type="mse")
    vector_BD = sample_vectors(200, 16)
    target_B1 = vector_BD[:, :1].abs()
    batch, encoded = random_batch(200, target_BT=target_B1), Encoded.of_known(vector_BD, None)
    optimiser = torch.optim.Adam(head.parameters(), lr=0.05)
    for _ in range(200):
        optimiser.zero_grad()
        comparison = head.compare(encoded, batch)
        (head.loss(comparison) + head.regulariser(comparison)).backward()
        optimiser.step()
    gate_BN = head.gates(vector_BD).detach()
    is_positive = vector_BD[:, 0] > 0
    apart = gate_BN[is_positive].mean(dim=0) - gate_BN[~is_positive].mean(dim=0)
    assert float(apart.abs().min()) > 0.6
    assert float(head.loss(head.compare(encoded, batch)).detach()) < 0.1 * float(target_B1.var())
    assert gate_BN.mean(dim=0).tolist() == pytest.approx([0.5, 0.5], abs=0.15)
