"""The heads of ordered classes and of counts, against statsmodels and SciPy."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import nbinom, poisson
from statsmodels.discrete.discrete_model import NegativeBinomial, Poisson
from statsmodels.miscmodels.ordinal_model import OrderedModel
from torch import Tensor

from aam.config import HeadOptions, LossOptions
from aam.models.heads import Comparison, Encoded
from aam.models.target_heads.counts import count_losses
from aam.models.target_heads.head import TargetOutputs, build_target_head
from aam.models.target_heads.ordered import OrderedHead, log_shares
from tests.models.model_cases import random_batch
from tests.models.test_heads import sample_vectors

LEVELS = TargetOutputs(head="ordered", columns=("stage",), zero=(0.0,), presence=(1.0,), class_weights=(1.0,) * 4)
COUNTS = TargetOutputs(head="counts", columns=("visits", "eggs"), zero=(0.0, 0.0), presence=(1.0, 0.5))


def head_of(outputs: TargetOutputs, path: int = 3, **loss: Any) -> Any:
    torch.manual_seed(0)
    return build_target_head(16, path, outputs, HeadOptions(), LossOptions(**loss), 0.0)


def drawn_levels(size: int = 300) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(size, 3))
    noise = rng.logistic(size=size)
    return x, np.digitize(x @ [1.0, -0.5, 0.0] + noise, [-1.0, 0.5, 2.0])


def test_likelihood_of_levels_is_statsmodels_s() -> None:
    x, codes = drawn_levels()
    model = OrderedModel(pd.Series(pd.Categorical(codes, ordered=True)), x, distr="logit")
    slopes, cuts = np.array([0.8, -0.3, 0.1]), np.array([-0.7, 0.4, 1.5])
    parameters = np.concatenate([slopes, cuts[:1], np.log(np.diff(cuts))])
    found = log_shares(torch.tensor(x @ slopes)[:, None], torch.tensor(cuts))
    assert float(found[range(len(codes)), codes].sum()) == pytest.approx(model.loglike(parameters))
    assert found.exp().sum(dim=1).numpy() == pytest.approx(np.ones(len(codes)))
    assert found.exp().numpy() == pytest.approx(model.predict(parameters, x))


def test_a_fit_by_gradients_is_that_of_statsmodels() -> None:
    x, codes = drawn_levels()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = OrderedModel(pd.Series(pd.Categorical(codes, ordered=True)), x, distr="logit").fit(method="bfgs", disp=0)
    slope = torch.zeros(3, 1, dtype=torch.float64, requires_grad=True)
    first = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    gaps = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    rows, target = torch.tensor(x), torch.tensor(codes)
    optimizer = torch.optim.LBFGS([slope, first, gaps], max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        cuts = torch.cat([first, first + gaps.exp().cumsum(0)])
        loss = -log_shares(rows @ slope, cuts)[range(len(codes)), target].mean()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimizer.step(closure)  # type: ignore[arg-type]
    assert slope.detach().numpy()[:, 0] == pytest.approx(np.asarray(fit.params)[:3], abs=1e-3)
    assert -closure().item() * len(codes) == pytest.approx(float(fit.llf), abs=1e-3)


def test_levels_far_from_a_score_stay_finite() -> None:
    found = log_shares(torch.tensor([[-200.0], [0.0], [200.0]]), torch.tensor([-1.0, 0.0, 1.0]))
    assert torch.isfinite(found).all()
    assert found[0].argmax() == 0
    assert found[2].argmax() == 3
    assert float(found[0, 3]) == pytest.approx(-201, rel=1e-3)


def test_ordered_thresholds_ascend_whatever_the_weights() -> None:
    head = head_of(LEVELS)
    for seed in range(5):
        generator = torch.Generator().manual_seed(seed)
        for parameter in head.parameters():
            parameter.data = 3 * torch.randn(parameter.shape, generator=generator)
        assert (head.thresholds.diff() > 0).all()
        shares = head.learned(head(sample_vectors(6, 16), torch.randn(6, 3, generator=generator)))
        assert shares.shape == (6, 4)
        torch.testing.assert_close(shares.sum(dim=1), torch.ones(6))


def test_ordered_head_starts_at_the_shares() -> None:
    head = head_of(LEVELS)
    target = torch.tensor([0, 0, 1, 2, 2, 2, 3, 3])[:, None]
    weight = torch.tensor([1.0, 1, 2, 1, 1, 1, 0.5, 0.5])
    head.start(target, weight)
    shares = head.learned(head(sample_vectors(400, 16))).mean(dim=0)
    torch.testing.assert_close(shares, torch.tensor([2.0, 2, 3, 1]) / 8, rtol=0, atol=0.02)
    torch.nn.init.zeros_(head.out.weight)
    path = torch.linspace(-3, 3, 8)[:, None]
    head.start_with_path(path, torch.zeros(1), target, weight)
    found = log_shares(path, head.thresholds).exp()
    torch.testing.assert_close(weight @ found / weight.sum(), torch.tensor([2.0, 2, 3, 1]) / 8, rtol=0, atol=1e-3)


def test_ordered_head_has_the_loss_of_its_levels() -> None:
    head = head_of(LEVELS)
    assert isinstance(head, OrderedHead)
    target, weight = torch.tensor([[0], [3], [1], [2]]), torch.tensor([1.0, 2.0, 0.5, 1.0])
    comparison = head.compare(
        Encoded.of_known(sample_vectors(4, 16), None), random_batch(4, target_BT=target, weight_B=weight)
    )
    each = -comparison.prediction[range(4), target[:, 0]]
    torch.testing.assert_close(head.loss(comparison), (each * weight).mean())
    assert head.path_target(target).shape == (4, 1)
    assert (head.path_target(torch.arange(4)[:, None]).diff(dim=0) > 0).all()


@pytest.mark.parametrize("dispersion", [0.01, 0.5, 4.0])
def test_likelihoods_of_counts_are_scipy_s(dispersion: float) -> None:
    rng = np.random.default_rng(0)
    mean = np.exp(rng.normal(1, 2, size=200))
    counts = rng.poisson(mean).astype(float)
    log_mean, seen = torch.tensor(np.log(mean))[:, None], torch.tensor(counts)[:, None]
    found = count_losses(log_mean, seen, None)[:, 0].numpy()
    assert found == pytest.approx(-poisson.logpmf(counts, mean), rel=1e-5, abs=1e-6)
    size = 1 / dispersion
    found = count_losses(log_mean, seen, torch.tensor([dispersion], dtype=torch.float64))[:, 0].numpy()
    assert found == pytest.approx(-nbinom.logpmf(counts, size, size / (size + mean)), rel=1e-5, abs=1e-6)


def test_counts_are_fitted_as_statsmodels_does() -> None:
    rng = np.random.default_rng(1)
    x = np.column_stack([np.ones(400), rng.normal(size=400)])
    mean = np.exp(x @ [1.0, 0.7])
    counts = rng.negative_binomial(2, 2 / (2 + mean)).astype(float)
    fit = NegativeBinomial(counts, x, loglike_method="nb2").fit(disp=0)
    found = count_losses(
        torch.tensor(x @ fit.params[:2])[:, None],
        torch.tensor(counts)[:, None],
        torch.tensor(fit.params[2:], dtype=torch.float64),
    )
    assert -float(found.double().sum()) == pytest.approx(fit.llf, rel=1e-5)
    parameter = torch.tensor(fit.params, requires_grad=True)
    loss = count_losses(torch.tensor(x) @ parameter[:2, None], torch.tensor(counts)[:, None], parameter[2:]).mean()
    loss.backward()
    assert parameter.grad is not None
    assert parameter.grad.abs().max() < 1e-3, "the likelihood of statsmodels' fit is at its maximum"


def test_an_exposure_is_an_offset_and_a_weight() -> None:
    """A Poisson regression of rates, weighted by exposure, is that of counts with the offset log(exposure)."""
    rng = np.random.default_rng(2)
    x, days = np.column_stack([np.ones(300), rng.normal(size=300)]), rng.integers(1, 60, size=300)
    counts = rng.poisson(days * np.exp(x @ [-1.0, 0.5]))
    fit = Poisson(counts, x, exposure=days).fit(disp=0)
    parameter = torch.tensor(np.asarray(fit.params), requires_grad=True)
    rates = torch.tensor(counts / days)[:, None]
    each = count_losses(torch.tensor(x) @ parameter[:, None], rates, None)[:, 0]
    (each * torch.tensor(days / days.mean())).mean().backward()
    assert parameter.grad is not None
    assert parameter.grad.abs().max() < 1e-4


def test_count_head_starts_at_the_mean_of_what_is_there() -> None:
    nan = float("nan")
    target = torch.tensor([[0.0, 10], [4, nan], [2, nan], [6, 30]])
    head = head_of(COUNTS)
    head.start(target, None)
    torch.nn.init.zeros_(head.out.weight)
    torch.testing.assert_close(head.learned(head(sample_vectors(1, 16)))[0], torch.tensor([3.0, 20.0]))
    assert head.dispersion_T[0].item() == pytest.approx((5 - 3) / 9)
    path = torch.tensor([[0.1, -0.2], [0.5, 0.3], [1.0, 0.1], [0.2, 0.9]])
    head.start_with_path(path, torch.zeros(2), target, None)
    said = (path + head.out.bias.detach()).exp()
    assert said[:, 0].mean().item() == pytest.approx(3, rel=1e-5)
    assert said[[0, 3], 1].mean().item() == pytest.approx(20, rel=1e-5)
    assert torch.isfinite(head.path_target(target)).tolist() == (~target.isnan()).tolist()


@pytest.mark.parametrize("distribution", ["poisson", "negative-binomial"])
def test_missing_counts_do_not_teach(distribution: str) -> None:
    head = head_of(COUNTS, count_distribution=distribution)
    assert (head.dispersion_T is None) == (distribution == "poisson")
    log_mean = torch.tensor([[0.5, 1.0], [0.1, 2.0]], requires_grad=True)
    truth = torch.tensor([[1.0, float("nan")], [0.0, 5.0]])
    loss = head.loss(Comparison(log_mean, truth, None))
    loss.backward()
    assert log_mean.grad is not None
    assert log_mean.grad[0, 1] == 0
    assert torch.isfinite(log_mean.grad).all()
    each = count_losses(log_mean, truth.nan_to_num(), head.dispersion_T)
    expected = (each[:, 0].sum() + each[1, 1] / 0.5) / 4
    torch.testing.assert_close(loss, expected)
