from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, RidgeCV

from aam.training.calibration.linear_fit import LOGISTIC_INVERSE_PENALTIES, RIDGE_PENALTIES, assign_folds, fit_linear


def signal(size: int = 80, width: int = 12) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    profile = rng.normal(size=(size, width)).astype(np.float32)
    return profile, 3 * profile[:, 0] - 2 * profile[:, 1] + 7 + rng.normal(0, 0.5, size)


def sizes(num_classes: int) -> tuple[int, ...]:
    return (num_classes,) if num_classes else ()


def probabilities(profile: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    power = np.exp(profile @ weight.T + bias)
    return power / power.sum(axis=1, keepdims=True)


def test_a_number_is_fitted_by_ridge_regression() -> None:
    profile, target = signal()
    weight, bias = fit_linear(profile, target[:, None], ())
    assert (weight.shape, bias.shape) == ((1, 12), (1,))
    assert weight.dtype == bias.dtype == np.float32
    best = RidgeCV(RIDGE_PENALTIES).fit(profile, target)
    assert profile @ weight[0] + bias == pytest.approx(best.predict(profile), abs=0.4)
    assert weight[0, :2] == pytest.approx([3, -2], abs=0.3)


def test_noise_gets_a_strong_penalty() -> None:
    rng = np.random.default_rng(1)
    profile, target = rng.normal(size=(60, 30)), rng.normal(5, 1, 60)
    weight, bias = fit_linear(profile, target[:, None], ())
    assert np.linalg.norm(weight) < 0.25 * np.linalg.norm(LinearRegression().fit(profile, target).coef_)
    assert bias == pytest.approx([5], abs=0.5)


@pytest.mark.parametrize("num_classes", [2, 3])
def test_classes_are_fitted_by_logistic_regression(num_classes: int) -> None:
    profile, value = signal(150)
    target = np.digitize(value, np.quantile(value, np.linspace(0, 1, num_classes + 1)[1:-1]))
    weight, bias = fit_linear(profile, target[:, None], sizes(num_classes))
    assert (weight.shape, bias.shape) == ((num_classes, 12), (num_classes,))
    found = probabilities(profile, weight, bias)
    assert (found.argmax(axis=1) == target).mean() > 0.85
    candidates = [LogisticRegression(C=c, max_iter=1000).fit(profile, target) for c in (0.1, 1.0, 10.0)]
    errors = [np.abs(found - model.predict_proba(profile)).max() for model in candidates]
    assert min(errors) < 0.02


def test_whole_groups_choose_the_penalty() -> None:
    """Within groups the features give the target away; across groups they say nothing."""
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(10), 6)
    profile = np.repeat(rng.normal(size=(10, 40)), 6, axis=0) + rng.normal(0, 0.01, (60, 40))
    target = np.repeat(rng.normal(size=10), 6)
    apart = fit_linear(profile, target[:, None], (), groups)[0]
    together = fit_linear(profile, target[:, None], ())[0]
    assert np.linalg.norm(apart) < 0.3 * np.linalg.norm(together)


def test_folds_keep_groups_whole_and_deal_out_classes() -> None:
    groups = np.array([f"g{i % 7}" for i in range(40)])
    folds = assign_folds(None, 40, groups)
    assert all(len(set(folds[groups == name])) == 1 for name in np.unique(groups))
    assert set(folds) == set(range(5))
    classes = np.repeat([0, 1], [50, 10])
    folds = assign_folds(classes, 60, None)
    assert [np.bincount(folds[classes == c], minlength=5).tolist() for c in (0, 1)] == [[10] * 5, [2] * 5]
    assert set(assign_folds(None, 3, None)) == {0, 1, 2}
    assert set(assign_folds(None, 6, np.zeros(6))) == set(range(5)), "a single group is no grouping"


@pytest.mark.parametrize("size", [2, 3, 4])
def test_very_few_numbers(size: int) -> None:
    profile, target = signal(size)
    weight, bias = fit_linear(profile, target[:, None], ())
    assert np.isfinite(weight).all()
    predicted = profile @ weight[0] + bias
    assert predicted.min() > target.min() - 5
    assert predicted.max() < target.max() + 5


@pytest.mark.parametrize("target", [[0, 1], [0, 1, 2], [0, 0, 1], [0, 0, 1, 1, 2, 2], [2, 2, 2], [0] * 30 + [1, 1]])
def test_very_few_of_a_class(target: list[int]) -> None:
    profile, _ = signal(len(target))
    weight, bias = fit_linear(profile, np.array(target)[:, None], (3,))
    found = probabilities(profile, weight, bias)
    assert np.isfinite(found).all()
    absent = sorted(set(range(3)) - set(target))
    assert found[:, absent].max(initial=0) < 1e-3
    assert found[np.arange(len(target)), target].mean() >= np.bincount(target).max() / len(target) * 0.6


def test_a_rare_class_does_not_choose_the_strongest_penalty() -> None:
    """In five folds of which some have no sample of a class, the loss is still that of the others."""
    rng = np.random.default_rng(0)
    target = np.array([0] * 60 + [1] * 60 + [2] * 2)
    profile = rng.normal(size=(122, 6))
    profile[:, 0] += 4 * (target == 1)
    weight, bias = fit_linear(profile, target[:, None], (3,))
    assert (probabilities(profile, weight, bias).argmax(axis=1) == target)[:120].mean() > 0.95


@pytest.mark.parametrize("num_classes", [0, 2])
def test_constant_and_repeated_columns(num_classes: int) -> None:
    profile, value = signal()
    profile[:, 3] = 1.0
    profile[:, 4:] = profile[:, :1]
    target = (value > 7).astype(np.int64) if num_classes else value
    weight, bias = fit_linear(profile, target[:, None], sizes(num_classes))
    assert np.isfinite(weight).all()
    assert np.isfinite(bias).all()


@pytest.mark.parametrize("unit", [1e-6, 1e6])
def test_any_unit(unit: float) -> None:
    profile, target = signal()
    reference = fit_linear(profile, target[:, None], ())[0]
    assert fit_linear(profile, unit * target[:, None], ())[0] == pytest.approx(unit * reference, rel=1e-4)


def test_each_number_is_fitted_as_if_it_were_alone() -> None:
    """Over the samples that have it, with a penalty of its own, and folds of their groups."""
    rng = np.random.default_rng(2)
    profile, first = signal(90)
    target = np.stack([first, rng.normal(size=90), 1e4 * first + 3], axis=1)
    missing = rng.random(90) < 0.4
    target[missing, 2] = np.nan
    groups = np.arange(90) % 9
    weight, bias = fit_linear(profile, target, (), groups)
    assert (weight.shape, bias.shape) == ((3, 12), (3,))
    for column in range(3):
        present = ~np.isnan(target[:, column])
        alone = fit_linear(profile[present], target[present][:, [column]], (), groups[present])
        assert np.array_equal(weight[column], alone[0][0])
        assert bias[column] == alone[1][0]
    assert weight[2, :2] == pytest.approx([3e4, -2e4], rel=0.1)
    assert np.abs(weight[1]).max() < 0.2, "noise has its own, strong penalty"


def test_a_number_that_hardly_anyone_has() -> None:
    profile, target = signal(20)
    targets = np.full((20, 3), np.nan)
    targets[:, 0], targets[4, 1] = target, 8.0
    weight, bias = fit_linear(profile, targets, ())
    assert not weight[1:].any()
    assert bias[1:].tolist() == [8.0, 0.0]
    assert weight[0].any()


@pytest.mark.parametrize("num_classes", [0, 3])
def test_weights_are_those_of_scikit_learn(num_classes: int) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 4))
    target = np.digitize(x[:, 0] + rng.normal(0, 0.3, 60), [-0.5, 0.5]) if num_classes else x @ [1.0, -1, 0, 0]
    weights = rng.uniform(0.1, 3, 60)
    found = fit_linear(x, target[:, None], sizes(num_classes), None, weights)
    models = (
        [LogisticRegression(C=c, max_iter=300) for c in LOGISTIC_INVERSE_PENALTIES]
        if num_classes
        else [Ridge(alpha=penalty) for penalty in RIDGE_PENALTIES]
    )
    fits = [model.fit(x, target, sample_weight=weights) for model in models]
    assert any(np.allclose(found[0], np.atleast_2d(fit.coef_), atol=1e-5) for fit in fits)
    assert not np.allclose(found[0], fit_linear(x, target[:, None], sizes(num_classes))[0], atol=1e-5)
