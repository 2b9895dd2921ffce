from __future__ import annotations

import math
import time

import numpy as np
import pytest
from scipy import stats

from aam.data.study import hypergeometric
from aam.data.study.hypergeometric import draw_without_replacement, log_ratio

DRAWS = 4000


def draws(counts: list[int], depth: int, number: int = DRAWS) -> np.ndarray:
    """Many draws: number x ASVs."""
    rng = np.random.default_rng(1)
    return np.array([draw_without_replacement(np.array(counts), depth, rng) for _ in range(number)])


@pytest.mark.parametrize(
    ("good", "bad", "depth"),
    [(15, 35, 20), (35, 15, 20), (15, 35, 30), (1, 60, 25), (300, 700, 400), (900, 100, 850), (5, 1000, 200)],
)
def test_each_number_is_as_frequent_as_it_should_be(
    good: int, bad: int, depth: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hypergeometric, "NUMPY_LIMIT", 0)
    seen = np.bincount(draws([good, bad], depth)[:, 0], minlength=good + 1)
    expected = DRAWS * stats.hypergeom(good + bad, good, depth).pmf(np.arange(good + 1))
    is_common = expected >= 5
    observed = np.append(seen[is_common], seen[~is_common].sum())
    expected = np.append(expected[is_common], expected[~is_common].sum())
    is_possible = expected > 1e-9
    assert observed[~is_possible].sum() == 0
    assert stats.chisquare(observed[is_possible], expected[is_possible], sum_check=False).pvalue > 0.001


@pytest.mark.parametrize("depth", [5, 10_000, 10**9, 2 * 10**12, 4 * 10**12 - 100])
def test_more_reads_than_numpy_takes(depth: int) -> None:
    counts = [3 * 10**12, 0, 10**12, 5]
    found = draws(counts, depth, 600)
    assert (found.sum(axis=1) == depth).all()
    assert (found >= 0).all()
    assert (found <= counts).all()
    expected = stats.multivariate_hypergeom(counts, depth)
    mean = expected.mean()
    variance = depth * 0.75 * 0.25 * (1 - depth / sum(counts))
    assert (np.abs(found.mean(axis=0) - mean) <= 4 * np.sqrt(variance / 600) + 0.3).all()
    assert found[:, 0].var() == pytest.approx(variance, rel=0.3)
    if depth > 1000:
        standard = (found[:, 0] - mean[0]) / math.sqrt(variance)
        assert stats.kstest(standard, "norm").pvalue > 0.001


@pytest.mark.parametrize("scale", [1, 10**4, 10**10, 10**13])
@pytest.mark.parametrize("step", [-40, -1, 0, 1, 3, 40])
def test_probabilities_beside_that_of_the_mode(scale: int, step: int) -> None:
    """Against the product of the ratios of neighbours, each of which is a fraction of small numbers."""
    good, bad, depth = 200 * scale, 700 * scale, 300 * scale
    mode = (depth + 1) * (good + 1) // (good + bad + 2)

    def neighbours(number: int) -> float:
        """log p(number + 1) - log p(number)."""
        more, less = (good - number) * (depth - number), (number + 1) * (bad - depth + number + 1)
        return math.log1p((more - less) / less)

    steps = range(mode, mode + step) if step >= 0 else range(mode + step, mode)
    expected = math.copysign(1, step) * math.fsum(map(neighbours, steps))
    assert log_ratio(step, mode, good, good + bad, depth) == pytest.approx(expected, abs=1e-8)


def test_time_does_not_grow_with_the_depth() -> None:
    counts = np.full(200, 2**53 // 201)
    started = time.process_time()
    for depth in (10**6, 10**10, 2**52):
        drawn = draw_without_replacement(counts, depth, np.random.default_rng(0))
        assert drawn.sum() == depth
        assert (drawn <= counts).all()
    assert time.process_time() - started < 2
