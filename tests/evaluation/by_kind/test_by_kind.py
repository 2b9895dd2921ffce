"""Metrics of ordered classes and of counts, against scikit-learn's and SciPy's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import cohen_kappa_score, d2_tweedie_score, mean_absolute_error, mean_poisson_deviance

from aam.data.targets.kinds import COUNTS, ORDERED, Predictions, TargetSpec
from aam.evaluation.baseline_comparison import judge, verdicts
from aam.evaluation.by_kind.counts import rate_bins
from aam.evaluation.by_kind.ordered import at_most, errors_by_level, ranked_probability_score
from aam.evaluation.metrics import measure, score

LEVELS = ("low", "middle", "high", "top")


def ordered(true: np.ndarray, said: np.ndarray, seed: int = 0) -> Predictions:
    names = np.array(LEVELS, dtype=object)
    shares = np.random.default_rng(seed).dirichlet(np.ones(4), size=len(true))
    ids = np.array([f"s{place}" for place in range(len(true))], dtype=object)
    return Predictions(
        kind=ORDERED,
        sample_ids=ids,
        observed=names[true],
        predicted=names[said],
        classes=LEVELS,
        probabilities=shares,
    )


def counts(true: np.ndarray, said: np.ndarray, exposure: np.ndarray | None = None) -> Predictions:
    ids = np.array([f"s{place}" for place in range(len(true))], dtype=object)
    return Predictions(kind=COUNTS, sample_ids=ids, observed=true.astype(float), predicted=said, exposure=exposure)


def drawn_levels(size: int = 60) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    true = rng.integers(4, size=size)
    return true, np.clip(true + rng.integers(-1, 2, size=size), 0, 3)


def test_metrics_of_levels_are_those_of_scikit_learn() -> None:
    true, said = drawn_levels()
    found = score(ordered(true, said))
    assert found["qwk"] == pytest.approx(cohen_kappa_score(true, said, weights="quadratic"))
    assert found["rank_mae"] == pytest.approx(mean_absolute_error(true, said))
    assert found["spearman_levels"] == pytest.approx(spearmanr(true, said).statistic)


def test_drawing_a_sample_twice_is_having_it_twice() -> None:
    true, said = drawn_levels(30)
    times = np.random.default_rng(1).integers(0, 3, size=30)
    found = measure(ordered(true, said), times[None].astype(float))
    often = ordered(np.repeat(true, times), np.repeat(said, times))
    assert found["qwk"][0] == pytest.approx(score(often)["qwk"])
    rng = np.random.default_rng(2)
    mean = np.exp(rng.normal(size=30))
    seen = rng.poisson(mean)
    found = measure(counts(seen, mean), times[None].astype(float))
    often = counts(np.repeat(seen, times), np.repeat(mean, times))
    assert found["d2"][0] == pytest.approx(score(often)["d2"])


def test_a_constant_prediction_is_worth_nothing() -> None:
    true, _ = drawn_levels()
    assert score(ordered(true, np.full_like(true, 2)))["qwk"] == pytest.approx(0, abs=1e-12)
    seen = np.array([0, 2, 4, 10])
    assert score(counts(seen, np.full(4, seen.mean())))["d2"] == pytest.approx(0, abs=1e-12)


def test_no_kappa_where_all_have_one_level() -> None:
    same = np.full(5, 1)
    assert np.isnan(score(ordered(same, same))["qwk"])
    assert np.isnan(score(counts(np.zeros(5), np.full(5, 0.1)))["d2"])


def test_metrics_of_counts_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    mean = np.exp(rng.normal(1, 1, size=80))
    seen = rng.poisson(mean)
    found = score(counts(seen, mean))
    assert found["poisson_deviance"] == pytest.approx(mean_poisson_deviance(seen, mean))
    assert found["d2"] == pytest.approx(d2_tweedie_score(seen, mean, power=1))
    assert found["mae"] == pytest.approx(mean_absolute_error(seen, mean))


def test_deviance_explained_beside_an_offset() -> None:
    rng = np.random.default_rng(0)
    exposure = rng.integers(5, 200, size=80).astype(float)
    mean = 0.06 * exposure * np.exp(rng.normal(0, 0.5, size=80))
    seen = rng.poisson(mean)
    # The null model of a Poisson regression with the offset log(exposure): weighted rates.
    rates = {"y_true": seen / exposure, "y_pred": mean / exposure, "sample_weight": exposure}
    assert score(counts(seen, mean, exposure))["d2"] == pytest.approx(d2_tweedie_score(**rates, power=1))
    times = rng.integers(0, 3, size=80)
    found = measure(counts(seen, mean, exposure), times[None].astype(float))
    often = counts(*(np.repeat(values, times) for values in (seen, mean, exposure)))
    assert found["d2"][0] == pytest.approx(score(often)["d2"])
    of_rates = spearmanr(seen / exposure, mean / exposure).statistic
    assert score(counts(seen, mean, exposure))["spearman"] == pytest.approx(of_rates)
    assert np.isnan(score(counts(seen, 0.06 * exposure, exposure))["spearman"])


def test_what_the_exposure_explains_is_not_praised() -> None:
    rng = np.random.default_rng(1)
    days = rng.integers(5, 400, size=400).astype(float)
    seen = rng.poisson(0.06 * days)
    said = 0.06 * days * np.exp(rng.normal(0, 0.02, size=400))
    spec = TargetSpec(column="episodes", kind=COUNTS, mean=float(seen.sum() / days.sum()))
    found = judge("test", counts(seen, said, days), None, spec)
    assert abs(found.results["model"]["d2"].value) < 0.05
    assert found.results["guess"]["d2"].value == pytest.approx(0, abs=1e-9)
    assert "The model is not clearly better than the constant prediction: do not rely on it." in verdicts(found)
    ignorant = judge("test", counts(seen, said), None, TargetSpec(column="episodes", kind=COUNTS, mean=seen.mean()))
    assert ignorant.results["model"]["d2"].value > 0.5


def test_errors_by_level_worked_by_hand() -> None:
    true, said = np.array([0, 0, 1, 3]), np.array([0, 2, 0, 3])
    low, middle, high, top = errors_by_level(ordered(true, said))
    assert (low.number, low.error, low.bias, low.near) == (2, 1.0, 1.0, 0.5)
    assert (middle.error, middle.bias, middle.near) == (1.0, -1.0, 1.0)
    assert high.number == 0
    assert np.isnan(high.error)
    assert top.error == 0


def test_cumulative_probabilities_and_their_score() -> None:
    table = ordered(np.array([0, 2]), np.array([0, 2]))
    assert table.probabilities is not None
    said, is_so = at_most(table)
    assert said[:, 1] == pytest.approx(table.probabilities[:, :2].sum(axis=1))
    assert is_so.tolist() == [[True, True, True], [False, False, True]]
    by_hand = np.mean([(1 - said[0]) @ (1 - said[0]), ((is_so[1] - said[1]) ** 2).sum()])
    assert ranked_probability_score(table) == pytest.approx(by_hand)


def test_bins_of_rates_hold_all_samples_once() -> None:
    rng = np.random.default_rng(0)
    mean = np.exp(rng.normal(1, 1, size=200))
    bins = rate_bins(counts(rng.poisson(mean), mean))
    assert sum(one.number for one in bins) == 200
    assert np.all(np.diff([one.predicted for one in bins]) > 0)
    assert sum(one.low <= one.predicted <= one.high for one in bins) >= len(bins) - 2
