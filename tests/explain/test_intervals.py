from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import bootstrap

from aam.explain.intervals import bootstrap_interval


def test_the_interval_is_scipys_where_all_samples_have_it():
    values = np.random.default_rng(0).normal(1, 2, 40)
    found = bootstrap_interval(values[:, None, None], np.ones((40, 1), bool), np.arange(40), seed=1, draws=20_000)
    other = bootstrap((values,), np.mean, n_resamples=20_000, method="percentile", rng=2).confidence_interval
    assert [float(one[0, 0]) for one in found] == pytest.approx([values.mean(), other.low, other.high], abs=0.03)


def test_groups_are_drawn_whole():
    values = np.repeat([0.0, 1.0], 50)[:, None, None]
    has = np.ones((100, 1), bool)
    _, low, high = bootstrap_interval(values, has, np.repeat([0, 1], 50), seed=1)
    assert (low[0, 0], high[0, 0]) == (0.0, 1.0)
    _, low, high = bootstrap_interval(values, has, np.arange(100), seed=1)
    assert 0.35 < low[0, 0] < high[0, 0] < 0.65


def test_one_group_alone_has_no_interval():
    values = np.ones((4, 2, 1))
    has = np.array([[True, True], [True, True], [False, True], [False, False]])
    mean, low, high = bootstrap_interval(values, has, np.array([0, 0, 1, 1]), seed=1)
    assert mean[:, 0].tolist() == [1.0, 1.0]
    assert np.isnan([low[0, 0], high[0, 0]]).all()
    assert [low[1, 0], high[1, 0]] == [1.0, 1.0]


def test_models_are_drawn_beside_groups():
    # Every sample says what its model says: groups alone tell nothing of that, models do.
    model = np.tile(np.arange(5), 40)
    values, has = model.astype(float)[:, None, None], np.ones((200, 1), bool)
    unit = np.repeat(np.arange(40), 5)
    _, low, high = bootstrap_interval(values, has, unit, seed=1)
    assert high[0, 0] - low[0, 0] < 1e-9
    _, low, high = bootstrap_interval(values, has, unit, seed=1, crossed=[model])
    of_mean = 2 * 1.96 * np.sqrt(2 / 5)
    assert high[0, 0] - low[0, 0] == pytest.approx(of_mean, rel=0.1)


def test_nobody_has_it():
    found = bootstrap_interval(np.zeros((3, 1, 1)), np.zeros((3, 1), bool), np.arange(3), seed=1)
    assert np.isnan(found).all()
