"""Errors against columns: effects and p values beside scipy's and statsmodels', and what is left out."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from aam.evaluation.errors.association import associate, clustered_p, strength, with_false_discovery
from aam.evaluation.errors.columns import Usable


def column_of(values: np.ndarray) -> Usable:
    return Usable("x", values.dtype == np.float64, values)


def labels_of(codes: np.ndarray) -> np.ndarray:
    return np.array(["abcdefgh"[code] for code in codes], dtype=object)


def test_numbers_are_compared_as_scipy_does() -> None:
    rng = np.random.default_rng(0)
    values = np.append(rng.normal(size=40), [np.nan] * 3)
    error = np.abs(np.nan_to_num(values)) + rng.random(43)
    found = associate(error, column_of(values))
    expected = stats.spearmanr(error[:40], values[:40])
    assert (found.effect, found.p) == pytest.approx((expected.statistic, expected.pvalue))
    assert (found.num_samples, found.num_units, found.unit) == (40, 40, "samples")


def test_levels_are_compared_as_scipy_does() -> None:
    rng = np.random.default_rng(1)
    codes = np.repeat([0, 1, 2, 3], [15, 12, 10, 2])
    error = rng.random(39) + codes
    found = associate(error, column_of(labels_of(codes)))
    statistic, p = stats.kruskal(*(error[codes == code] for code in (0, 1, 2)))
    assert (found.num_levels, found.num_samples) == (3, 37), "a level of two samples is left out"
    assert (found.effect, found.p) == pytest.approx((statistic / 36, p))


def test_what_groups_share_is_tested_over_groups() -> None:
    rng = np.random.default_rng(2)
    groups = np.repeat([f"g{i}" for i in range(12)], 5)
    of_group = rng.normal(size=12)
    error = rng.random(60)
    names = np.unique(groups, return_inverse=True)[1]
    values = of_group[names]
    found = associate(error, column_of(values), groups)
    means = np.array([error[names == place].mean() for place in range(12)])
    expected = stats.spearmanr(means, of_group)
    assert (found.effect, found.p) == pytest.approx((expected.statistic, expected.pvalue))
    assert (found.unit, found.num_units) == ("groups", 12)


def test_clustered_p_is_that_of_statsmodels() -> None:
    rng = np.random.default_rng(3)
    groups = np.repeat(np.arange(12), [3, 4, 5, 6, 7, 5, 5, 5, 5, 5, 5, 5])
    design = np.column_stack([np.ones(60), rng.normal(size=60), rng.random(60) > 0.5])
    values = design[:, 1] * 0.2 + rng.normal(size=12)[groups] + rng.normal(size=60)
    fitted = sm.OLS(values, design).fit(cov_type="cluster", cov_kwds={"groups": groups}, use_t=True)
    assert clustered_p(values, design, groups) == pytest.approx(float(fitted.f_test(np.eye(3)[1:]).pvalue))


def test_samples_of_groups_are_not_taken_as_independent() -> None:
    """Neither the errors nor the column has to do with the other; both differ between groups."""
    rng = np.random.default_rng(4)
    groups = np.repeat(np.arange(30), 8)
    clustered, plain = [], []
    for _ in range(200):
        error, values = (rng.normal(size=30)[groups] + 0.5 * rng.normal(size=240) for _ in range(2))
        clustered.append(associate(error, column_of(values), groups).p)
        plain.append(associate(error, column_of(values)).p)
    assert np.mean(np.array(clustered) < 0.05) < 0.1
    assert np.mean(np.array(plain) < 0.05) > 0.3


def test_levels_within_groups_need_groups() -> None:
    rng = np.random.default_rng(5)
    groups = np.repeat(np.arange(12), 4)
    codes = np.tile([0, 1], 24)
    codes[:2] = 2
    found = associate(rng.random(48), column_of(labels_of(codes)), groups)
    assert (found.num_levels, found.unit) == (2, "samples in groups"), "one level is of one group"
    assert 0 < found.p <= 1


def test_few_samples_are_not_tested() -> None:
    found = associate(np.arange(8.0), column_of(np.arange(8.0)))
    assert np.isnan(found.p)
    assert np.isnan(with_false_discovery([found])[0].q)


def test_false_discovery_rates_are_those_of_scipy() -> None:
    rng = np.random.default_rng(6)
    found = [associate(rng.random(20), column_of(rng.random(20))) for _ in range(5)]
    found.insert(2, associate(np.arange(5.0), column_of(np.arange(5.0))))
    q = [one.q for one in with_false_discovery(found)]
    expected = stats.false_discovery_control([one.p for one in found if np.isfinite(one.p)])
    assert np.isnan(q[2])
    np.testing.assert_allclose([*q[:2], *q[3:]], expected)


def test_strength_is_one_for_the_same_and_low_for_noise() -> None:
    rng = np.random.default_rng(7)
    codes = rng.integers(3, size=90)
    labels, numbers = labels_of(codes), rng.normal(size=90)
    renamed = np.array(["xyz"[code] for code in codes], dtype=object)
    assert strength(numbers, column_of(-numbers)) == pytest.approx(1)
    assert strength(labels, column_of(renamed)) == pytest.approx(1)
    assert strength(labels, column_of(codes + 0.01 * numbers)) > 0.9
    assert strength(numbers, column_of(labels)) < 0.3
    assert strength(labels, column_of(labels_of(rng.integers(3, size=90)))) < 0.3
