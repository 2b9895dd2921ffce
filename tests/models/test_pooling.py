from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from aam.models.pooling import (
    ABUNDANCE_FLOOR,
    AttentionPooling,
    SoftClades,
    relative_abundance,
    scale_sizes,
    squared_distance,
)


def test_a_fresh_pooling_is_the_mean_of_what_is_there() -> None:
    x_BLD = torch.randn(2, 5, 8, generator=torch.Generator().manual_seed(0))
    mask_BL = torch.arange(5) < torch.tensor([[5], [2]])
    expected = torch.stack([x_BLD[0].mean(dim=0), x_BLD[1, :2].mean(dim=0)])
    torch.testing.assert_close(AttentionPooling(8)(x_BLD, mask_BL), expected)


def test_log_abundances_as_prior_make_the_weighted_mean() -> None:
    x_BLD = torch.randn(1, 3, 4, generator=torch.Generator().manual_seed(0))
    share = torch.tensor([[0.5, 0.3, 0.2]])
    pooled = AttentionPooling(4)(x_BLD, torch.ones(1, 3, dtype=torch.bool), share.log())
    torch.testing.assert_close(pooled, torch.einsum("bl,bld->bd", share, x_BLD))


def test_padding_gets_no_weight_and_no_gradient() -> None:
    pool = AttentionPooling(4)
    torch.nn.init.normal_(pool.score.weight)
    x_BLD = torch.randn(2, 6, 4)
    mask_BL = torch.arange(6) < torch.tensor([[6], [1]])
    changed = x_BLD.clone()
    changed[~mask_BL] = 1e4
    torch.testing.assert_close(pool(changed, mask_BL), pool(x_BLD, mask_BL))
    torch.testing.assert_close(pool(x_BLD, mask_BL)[1], x_BLD[1, 0])
    x_BLD.requires_grad_()
    pool(x_BLD, mask_BL).sum().backward()
    assert x_BLD.grad is not None
    assert not x_BLD.grad[~mask_BL].any()


def worked_case() -> SoftClades:
    """Two prototypes in one scale, on a line at 0 and 2; widths of 1 and 2."""
    clades = SoftClades(1, 2)
    with torch.no_grad():
        clades.prototype_KD.copy_(torch.tensor([[0.0], [2.0]]))
        clades.log_width_K.copy_(torch.tensor([1.0, 2.0]).log())
    return clades


def test_soft_clades_by_hand() -> None:
    asv_UD = torch.tensor([[0.0], [1.0], [3.0]])
    # distances 0 and 4, 1 and 1, 9 and 1; the second is halved by its width
    shares = [[1, math.exp(-2)], [math.exp(-1), math.exp(-0.5)], [math.exp(-9), math.exp(-0.5)]]
    expected_UK = np.array(shares) / np.sum(shares, axis=1, keepdims=True)
    clades = worked_case()
    assert clades.shares(asv_UD).detach().numpy() == pytest.approx(expected_UK, rel=1e-5)
    abundance_BU = np.array([[0.5, 0.25, 0.25], [1.0, 0.0, 0.0]])
    log_BK = np.log(abundance_BU @ expected_UK + ABUNDANCE_FLOOR)
    centred_BK = log_BK - log_BK.mean(axis=1, keepdims=True)
    found = clades(asv_UD, torch.from_numpy(abundance_BU).float()).detach()
    assert found.numpy() == pytest.approx(centred_BK, rel=1e-4)
    with torch.no_grad():
        clades.shift_K.fill_(0.5)
        clades.log_scale_K.fill_(math.log(3))
    shifted = clades(asv_UD, torch.from_numpy(abundance_BU).float()).detach()
    assert shifted.numpy() == pytest.approx(3 * (centred_BK - 0.5), rel=1e-4)


def random_case(num_clades: int = 40) -> tuple[SoftClades, Tensor, Tensor]:
    torch.manual_seed(0)
    clades = SoftClades(8, num_clades)
    abundance_BU = torch.rand(5, 30).square()
    return clades, torch.randn(30, 8), abundance_BU / abundance_BU.sum(dim=1, keepdim=True)


def test_shares_sum_to_one_and_logs_to_zero_in_each_scale() -> None:
    clades, asv_UD, abundance_BU = random_case()
    assert clades.scales == [5, 10, 25]
    for shares in clades.shares(asv_UD).split(clades.scales, dim=1):
        torch.testing.assert_close(shares.sum(dim=1), torch.ones(30))
        assert (shares >= 0).all()
    for logs in clades.log_abundance(asv_UD, abundance_BU).split(clades.scales, dim=1):
        torch.testing.assert_close(logs.sum(dim=1), torch.zeros(5), rtol=0, atol=1e-4)


def test_the_profile_does_not_depend_on_the_batch() -> None:
    clades, asv_UD, abundance_BU = random_case()
    absent = torch.cat([abundance_BU, torch.zeros(5, 7)], dim=1)
    more = torch.cat([asv_UD, torch.randn(7, 8)])
    torch.testing.assert_close(clades(more, absent), clades(asv_UD, abundance_BU))


def test_twice_the_reads_are_the_same_profile() -> None:
    index_BS, counts_BS = torch.tensor([[2, 0, 0]]), torch.tensor([[30.0, 10.0, 0.0]])
    once, twice = (relative_abundance(index_BS, times * counts_BS, 4) for times in (1, 2))
    torch.testing.assert_close(once, torch.tensor([[0.25, 0.0, 0.75, 0.0]]))
    torch.testing.assert_close(once, twice)


@pytest.mark.parametrize(
    ("number", "sizes"),
    [(1, [1]), (2, [2]), (15, [15]), (16, [2, 4, 10]), (20, [2, 5, 13]), (128, [16, 32, 80]), (130, [16, 32, 82])],
)
def test_scale_sizes(number: int, sizes: list[int]) -> None:
    assert scale_sizes(number) == sizes
    assert sum(sizes) == number


@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float16])
def test_lower_precision_around_it_leaves_the_profile_alone(precision: torch.dtype) -> None:
    clades, asv_UD, abundance_BU = random_case()
    exact = clades(asv_UD, abundance_BU)
    with torch.autocast("cpu", precision):
        found = clades(asv_UD, abundance_BU)
        rounded = clades(asv_UD.to(precision), abundance_BU)
    assert found.dtype == rounded.dtype == torch.float32
    torch.testing.assert_close(found, exact)
    torch.testing.assert_close(rounded, exact, rtol=0.02, atol=0.1)
    rounded.square().sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in clades.parameters() if p.grad is not None)


def test_near_relatives_far_from_zero_are_told_apart() -> None:
    generator = torch.Generator().manual_seed(0)
    middle = 30 * torch.randn(768, generator=generator)
    x_UD = middle + 1e-2 * torch.randn(20, 768, generator=generator)
    y_KD = middle + 1e-2 * torch.randn(6, 768, generator=generator)
    exact = torch.cdist(x_UD.double(), y_KD.double()).square()
    torch.testing.assert_close(squared_distance(x_UD, y_KD).double(), exact, rtol=1e-4, atol=1e-6)


def test_squared_distance_has_the_gradient_of_its_formula() -> None:
    x_UD, y_KD = torch.randn(4, 3, dtype=torch.double), torch.randn(5, 3, dtype=torch.double)
    assert torch.autograd.gradcheck(squared_distance, (x_UD.requires_grad_(), y_KD.requires_grad_()))


def test_prototypes_and_absent_clades_have_finite_gradients() -> None:
    clades = SoftClades(4, 20)
    asv_UD = clades.prototype_KD.detach().clone()[:3].requires_grad_()
    with torch.no_grad():
        clades.log_width_K.fill_(math.log(1e-4))
    profile = clades(asv_UD, torch.tensor([[1.0, 0.0, 0.0]]))
    profile.square().sum().backward()
    assert torch.isfinite(profile).all()
    assert all(torch.isfinite(p.grad).all() for p in (asv_UD, *clades.parameters()) if p.grad is not None)
