from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from aam.data.batches.ragged import Ragged
from aam.models.attention import TransformerLayer, TransformerStack, attention, compile_layers, initialise_linear
from tests.models.model_cases import all_weights_move

DIM, HEADS = 16, 4


def stack(depth: int = 2, dropout: float = 0.0, recompute: bool = False) -> TransformerStack:
    torch.manual_seed(0)
    made = TransformerStack(DIM, HEADS, depth, dropout, recompute)
    all_weights_move(made)
    return made


LENGTHS = (7, 4, 4, 1)


def sequences() -> tuple[Tensor, Ragged]:
    """Four packed sequences of 7, 4, 4 and 1 positions."""
    return torch.randn(sum(LENGTHS), DIM, generator=torch.Generator().manual_seed(1)), Ragged.of_lengths(LENGTHS)


@pytest.mark.parametrize("lengths", [(5, 2, 2, 4), (3, 3), (1,)])
def test_attention_is_the_formula_of_the_paper_in_each_row(lengths: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(sum(lengths), 3, 4, generator=generator) for _ in range(3))
    rows = []
    for q_H, k_H, v_H in zip(*(x.transpose(0, 1).split(lengths, dim=1) for x in (q, k, v)), strict=True):
        score = q_H @ k_H.transpose(-1, -2) / math.sqrt(4)
        rows.append((score.softmax(dim=-1) @ v_H).transpose(0, 1))
    torch.testing.assert_close(attention(q, k, v, Ragged.of_lengths(lengths)), torch.cat(rows))


def test_a_layer_is_what_torch_makes_of_the_same_weights() -> None:
    torch.manual_seed(0)
    layer = TransformerLayer(DIM, HEADS, 0.0, 1)
    all_weights_move(layer)
    twin = torch.nn.TransformerEncoderLayer(
        DIM, HEADS, 4 * DIM, 0.0, activation="gelu", batch_first=True, norm_first=True
    )
    weights = {
        "self_attn.in_proj": layer.qkv,
        "self_attn.out_proj.": layer.attention_out,
        "linear1.": layer.mlp_in,
        "linear2.": layer.mlp_out,
        "norm1.": layer.attention_norm,
        "norm2.": layer.mlp_norm,
    }
    joint = {"self_attn.in_proj": "self_attn.in_proj_"}
    state = {f"{joint.get(n, n)}{kind}": getattr(m, kind) for n, m in weights.items() for kind in ("weight", "bias")}
    twin.load_state_dict(state)
    x_TD, layout = sequences()
    x_BLD, mask_BL = layout.pad(x_TD), layout.key_mask[:, 0, 0]
    expected = twin(x_BLD, src_key_padding_mask=~mask_BL)
    torch.testing.assert_close(layer(x_TD, layout), expected[mask_BL])


def test_a_row_among_others_is_the_row_alone() -> None:
    model = stack()
    x_TD, layout = sequences()
    together = model(x_TD, layout).split(LENGTHS)
    for alone, expected, length in zip(x_TD.split(LENGTHS), together, LENGTHS, strict=True):
        torch.testing.assert_close(model(alone, Ragged.equal(1, length)), expected, rtol=1e-4, atol=1e-5)


def test_no_gradient_reaches_another_row() -> None:
    x_TD, layout = sequences()
    x_TD.requires_grad_()
    stack()(x_TD, layout)[7:11].square().sum().backward()
    assert x_TD.grad is not None
    assert not x_TD.grad[:7].any()
    assert not x_TD.grad[11:].any()
    assert x_TD.grad[7:11].abs().sum(dim=-1).min() > 0


def test_a_stack_without_layers_is_its_norm() -> None:
    x_TD, layout = sequences()
    model = TransformerStack(DIM, HEADS, 0, 0.0)
    torch.testing.assert_close(model(x_TD, layout), torch.nn.functional.layer_norm(x_TD, (DIM,)))


def test_recomputed_layers_give_the_same_gradients() -> None:
    x_TD, layout = sequences()
    gradients = []
    for recompute in (False, True):
        model = stack(dropout=0.2, recompute=recompute).train()
        torch.manual_seed(3)
        model(x_TD, layout).square().sum().backward()
        gradients.append([parameter.grad for parameter in model.parameters()])
    torch.testing.assert_close(gradients[0], gradients[1])


def test_dropout_is_for_training_only() -> None:
    model = stack(dropout=0.5)
    x_TD, layout = sequences()
    assert not torch.equal(model.train()(x_TD, layout), model(x_TD, layout))
    assert torch.equal(model.eval()(x_TD, layout), model(x_TD, layout))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_compiled_layers_give_the_same() -> None:
    model = stack(depth=3)
    x_TD, layout = sequences()
    expected = model(x_TD, layout)
    compile_layers(model)
    torch.testing.assert_close(model(x_TD, layout), expected, rtol=1e-4, atol=1e-5)
    assert set(model.state_dict()) == set(stack(depth=3).state_dict())


@pytest.mark.parametrize("depth", [1, 4, 16])
def test_a_deep_stack_starts_with_the_variance_of_a_shallow_one(depth: int) -> None:
    torch.manual_seed(0)
    layers = TransformerStack(64, 4, depth, 0.0).layers
    x_TD, layout = torch.randn(80, 64), Ragged.equal(4, 20)
    before = float(x_TD.var())
    with torch.no_grad():
        for layer in layers:
            x_TD = layer(x_TD, layout)
    assert 1.0 < float(x_TD.var()) / before < 1.8


@pytest.mark.parametrize("width", [16, 256, 1024])
def test_a_fresh_linear_keeps_the_variance_times_its_gain(width: int) -> None:
    torch.manual_seed(0)
    linear = torch.nn.Linear(width, 400)
    initialise_linear(linear, gain=0.5)
    assert not linear.bias.any()
    assert float(linear(torch.randn(400, width)).detach().var()) == pytest.approx(0.25, rel=0.1)
