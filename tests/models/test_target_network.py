from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from aam.config import HeadOptions, LossOptions
from aam.data.targets.targets import Targets
from aam.models.target_heads import NumbersHead
from aam.models.target_heads.head import TargetOutputs
from tests.models.model_cases import CLASSES, REGRESSION
from tests.models.test_heads import WIDTHS, sample_vectors


def plain_head(dim: int, num_path_inputs: int, num_outputs: int, options: HeadOptions, dropout: float) -> NumbersHead:
    """A head of numbers that need no scaling back."""
    columns = tuple(f"y{place}" for place in range(num_outputs))
    outputs = TargetOutputs(head="numbers", columns=columns, zero=(0.0,) * num_outputs, presence=(1.0,) * num_outputs)
    return NumbersHead(dim, num_path_inputs, outputs, options, LossOptions(), dropout)


def inputs(seed: int = 5) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(5, 8, generator=generator), torch.randn(5, 4, generator=generator)


def test_a_seed_gives_the_head_that_it_always_gave() -> None:
    """The numbers are those of the first version."""
    torch.manual_seed(3)
    head = plain_head(8, 4, 1, HeadOptions(), 0.25)
    assert float(torch.rand(1)) == 0.016183137893676758, "as many random numbers are drawn"
    first = head.hidden[0]
    assert isinstance(first, nn.Linear)
    for weight, total in ((first.weight, 1.8106211652047932), (head.out.weight, 0.08314783591777086)):
        # Normal numbers are float32 functions of uniform ones, which each processor rounds in its own way.
        rounding = 4 * torch.finfo(torch.float32).eps * float(weight.detach().abs().sum())
        assert weight.double().sum().item() == pytest.approx(total, abs=rounding)
    vector_BD, path_BK = inputs()
    assert head.linear_path is not None
    nn.init.constant_(head.linear_path.weight, 0.5)
    torch.manual_seed(7)
    with torch.no_grad():
        in_training = head.train().raw(vector_BD, path_BK).flatten().tolist()
        evaluated = head.eval().raw(vector_BD, path_BK).flatten().tolist()
    assert in_training == pytest.approx([0.0747261941, 1.0154885054, -1.2545568943, 1.1511796713, 1.5629110336])
    assert evaluated == pytest.approx([0.0938856155, 1.0440552235, -1.2308026552, 1.1332514286, 1.4548243284])


@pytest.mark.parametrize("dim", WIDTHS)
@pytest.mark.parametrize(
    "options",
    [HeadOptions(), HeadOptions(regressor_hidden_dims=(32, 8), residual_regression_head=True)],
    ids=["default", "residual"],
)
def test_a_fresh_head_gives_its_prior_with_small_spread(dim: int, options: HeadOptions) -> None:
    torch.manual_seed(0)
    head = plain_head(dim, 32, 1, options, 0.1).eval()
    head.set_bias(torch.tensor([7.0]))
    with torch.no_grad():
        output = head.raw(sample_vectors(400, dim), torch.randn(400, 32))
    assert float(output.mean()) == pytest.approx(7, abs=0.15)
    assert 0.02 < float(output.std()) < 0.16
    assert head.linear_path is not None
    assert not head.linear_path.weight.any()


def test_the_linear_path_adds_its_product() -> None:
    head, (vector_BD, path_BK) = plain_head(8, 4, 3, HeadOptions(), 0.0), inputs()
    without = head.raw(vector_BD, None)
    assert head.linear_path is not None
    nn.init.normal_(head.linear_path.weight)
    with_path = head.raw(vector_BD, path_BK)
    torch.testing.assert_close(with_path - without, path_BK @ head.linear_path.weight.T)
    assert plain_head(8, 0, 3, HeadOptions(), 0.0).linear_path is None


def test_hidden_layers_have_the_widths_that_are_asked_for() -> None:
    def widths(hidden: object) -> list[tuple[int, int]]:
        head = plain_head(8, 0, 3, HeadOptions(regressor_hidden_dims=hidden), 0.0)  # type: ignore[arg-type]
        layers = [*head.hidden, head.out]
        return [(layer.in_features, layer.out_features) for layer in layers if isinstance(layer, nn.Linear)]

    assert widths(None) == [(8, 8), (8, 3)]
    assert widths((5, 2)) == [(8, 5), (5, 2), (2, 3)]
    assert widths("none") == [(8, 3)]


def test_the_network_by_hand() -> None:
    options = HeadOptions(
        regressor_hidden_dims=(5, 6), residual_regression_head=True, target_layer_norm=True, learnable_output_scale=True
    )
    head, (vector_BD, path_BK) = plain_head(8, 4, 2, options, 0.0), inputs()
    for parameter in head.parameters():
        nn.init.normal_(parameter)
    weights = head.state_dict()
    x = (vector_BD - vector_BD.mean(dim=1, keepdim=True)) / vector_BD.std(dim=1, correction=0, keepdim=True)
    x = x * weights["norm.weight"] + weights["norm.bias"]
    hidden = x
    for number in range(2):
        linear = hidden @ weights[f"hidden.{number}.weight"].T + weights[f"hidden.{number}.bias"]
        hidden = linear * 0.5 * (1 + torch.erf(linear / 2**0.5))
    expected = hidden @ weights["out.weight"].T + weights["out.bias"] + x @ weights["residual.weight"].T
    expected = expected + path_BK @ weights["linear_path.weight"].T
    expected = expected * weights["output_scale"] + weights["output_bias"]
    torch.testing.assert_close(head.raw(vector_BD, path_BK), expected, rtol=1e-4, atol=1e-4)


def test_dropout_is_on_the_input_of_each_layer() -> None:
    vector_BD, _ = inputs()
    deep = {"regressor_hidden_dims": (5, 6), "residual_regression_head": True}
    without = plain_head(8, 0, 2, HeadOptions(regressor_dropout=0.0, **deep), 0.5).train()
    assert torch.equal(without.raw(vector_BD, None), without.raw(vector_BD, None))
    linear = plain_head(8, 0, 2, HeadOptions(regressor_hidden_dims="none", regressor_dropout=0.5), 0.0).train()
    assert not torch.equal(linear.raw(vector_BD, None), linear.raw(vector_BD, None))
    kept = linear.raw(vector_BD, None).sub(linear.out.bias).detach()
    terms = 2 * vector_BD[:, None] * linear.out.weight.detach()
    is_a_sum_of_some = (terms.clamp_max(0).sum(-1) <= kept) & (kept <= terms.clamp_min(0).sum(-1))
    assert is_a_sum_of_some.all()


def test_a_prior_is_set_behind_a_scale_of_any_size() -> None:
    head = plain_head(8, 0, 2, HeadOptions(learnable_output_scale=True), 0.0)
    assert head.output_scale is not None
    assert head.output_bias is not None
    with torch.no_grad():
        head.output_scale.copy_(torch.tensor([4.0, -0.5]))
        head.output_bias.copy_(torch.tensor([1.0, 3.0]))
        head.out.weight.zero_()
    head.set_bias(torch.tensor([2.0, -7.0]))
    torch.testing.assert_close(head.raw(inputs()[0], None)[0], torch.tensor([2.0, -7.0]))


def test_a_line_quietens_all_of_the_network() -> None:
    head = plain_head(8, 4, 2, HeadOptions(residual_regression_head=True), 0.0)
    vector_BD, path_BK = inputs()
    before = head.raw(vector_BD, None).detach()
    weight_TK = torch.randn(2, 4)
    head.set_linear_path(weight_TK, 0.25)
    torch.testing.assert_close(head.raw(vector_BD, path_BK).detach(), 0.25 * before + path_BK @ weight_TK.T)


@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float16])
def test_large_targets_survive_lower_precision(precision: torch.dtype) -> None:
    head = plain_head(8, 4, 1, HeadOptions(), 0.0).eval()
    head.set_bias(torch.tensor([1_234_567.0]))
    vector_BD, path_BK = inputs()
    with torch.autocast("cpu", precision):
        output = head.raw(vector_BD.to(precision), path_BK.to(precision))
    assert output.detach().flatten().tolist() == pytest.approx([1_234_567] * 5, abs=1)


def test_what_a_target_asks_of_its_head() -> None:
    outputs = TargetOutputs.of(Targets(specs=(REGRESSION,)))
    assert (outputs.columns, outputs.zero, outputs.presence) == (("age",), (2.5,), (1.0,))
    assert outputs.class_weights == ()
    assert TargetOutputs.of(Targets(specs=(CLASSES,))).class_weights == (1.0, 2.0, 0.5)
    assert TargetOutputs.of(Targets(specs=(replace(CLASSES, class_weights=()),))).class_weights == (1.0, 1.0, 1.0)
