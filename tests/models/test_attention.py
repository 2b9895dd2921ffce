from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from aam.models.attention import TransformerLayer, TransformerStack, attention, initialise_linear
from tests.models.model_cases import all_weights_move

DIM, HEADS, LENGTH = 16, 4, 7


def stack(depth: int = 2, dropout: float = 0.0, recompute: bool = False) -> TransformerStack:
    torch.manual_seed(0)
    made = TransformerStack(DIM, HEADS, depth, dropout, recompute)
    all_weights_move(made)
    return made


def sequences() -> tuple[Tensor, Tensor]:
    """Three sequences of 7, 4 and 1 positions."""
    x_BLD = torch.randn(3, LENGTH, DIM, generator=torch.Generator().manual_seed(1))
    return x_BLD, torch.arange(LENGTH) < torch.tensor([[7], [4], [1]])


def test_attention_is_the_formula_of_the_paper() -> None:
    generator = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(2, 3, 5, 4, generator=generator) for _ in range(3))
    mask_BL = torch.arange(5) < torch.tensor([[5], [2]])
    score = (q @ k.transpose(-1, -2) / math.sqrt(4)).masked_fill(~mask_BL[:, None, None, :], -math.inf)
    torch.testing.assert_close(attention(q, k, v, mask_BL, 0.0), score.softmax(dim=-1) @ v)


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
    x_BLD, mask_BL = sequences()
    expected = twin(x_BLD, src_key_padding_mask=~mask_BL)
    torch.testing.assert_close(layer(x_BLD, mask_BL)[mask_BL], expected[mask_BL])


def test_padded_positions_cannot_matter() -> None:
    model = stack()
    x_BLD, mask_BL = sequences()
    changed = torch.where(mask_BL[..., None], x_BLD, 1e3 * torch.randn_like(x_BLD))
    torch.testing.assert_close(model(changed, mask_BL)[mask_BL], model(x_BLD, mask_BL)[mask_BL])
    for row, length in enumerate((7, 4, 1)):
        alone = model(x_BLD[row : row + 1, :length], mask_BL[row : row + 1, :length])
        torch.testing.assert_close(model(x_BLD, mask_BL)[row : row + 1, :length], alone, rtol=1e-4, atol=1e-5)


def test_no_gradient_reaches_padding() -> None:
    x_BLD, mask_BL = sequences()
    x_BLD.requires_grad_()
    stack()(x_BLD, mask_BL)[mask_BL].square().sum().backward()
    assert x_BLD.grad is not None
    assert not x_BLD.grad[~mask_BL].any()
    assert x_BLD.grad[mask_BL].abs().sum(dim=-1).min() > 0


def test_a_stack_without_layers_is_its_norm() -> None:
    x_BLD, mask_BL = sequences()
    model = TransformerStack(DIM, HEADS, 0, 0.0)
    torch.testing.assert_close(model(x_BLD, mask_BL), torch.nn.functional.layer_norm(x_BLD, (DIM,)))


def test_recomputed_layers_give_the_same_gradients() -> None:
    x_BLD, mask_BL = sequences()
    gradients = []
    for recompute in (False, True):
        model = stack(dropout=0.2, recompute=recompute).train()
        torch.manual_seed(3)
        model(x_BLD, mask_BL)[mask_BL].square().sum().backward()
        gradients.append([parameter.grad for parameter in model.parameters()])
    torch.testing.assert_close(gradients[0], gradients[1])


def test_dropout_is_for_training_only() -> None:
    model = stack(dropout=0.5)
    x_BLD, mask_BL = sequences()
    assert not torch.equal(model.train()(x_BLD, mask_BL), model(x_BLD, mask_BL))
    assert torch.equal(model.eval()(x_BLD, mask_BL), model(x_BLD, mask_BL))


@pytest.mark.parametrize("depth", [1, 4, 16])
def test_a_deep_stack_starts_with_the_variance_of_a_shallow_one(depth: int) -> None:
    torch.manual_seed(0)
    layers = TransformerStack(64, 4, depth, 0.0).layers
    x_BLD, mask_BL = torch.randn(4, 20, 64), torch.ones(4, 20, dtype=torch.bool)
    before = float(x_BLD.var())
    with torch.no_grad():
        for layer in layers:
            x_BLD = layer(x_BLD, mask_BL)
    assert 1.0 < float(x_BLD.var()) / before < 1.8


@pytest.mark.parametrize("width", [16, 256, 1024])
def test_a_fresh_linear_keeps_the_variance_times_its_gain(width: int) -> None:
    torch.manual_seed(0)
    linear = torch.nn.Linear(width, 400)
    initialise_linear(linear, gain=0.5)
    assert not linear.bias.any()
    assert float(linear(torch.randn(400, width)).detach().var()) == pytest.approx(0.25, rel=0.1)
