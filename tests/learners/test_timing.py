"""How long learners would take, by a clock that counts what they do."""

from __future__ import annotations

import numpy as np
import pytest

from aam.learners import timing
from aam.learners.protocol import Labelled, Learner
from aam.learners.timing import FEWEST, MOST, Trial, extrapolated, few, half
from aam.learners.trees import timing as tree_timing
from aam.learners.trees.timing import TreePlan, expected_seconds_of_trees


def labelled(number: int, missing: int = 0) -> Labelled:
    targets = np.linspace(0, 1, number)[:, None]
    targets[:missing] = np.nan
    return Labelled(rows=np.arange(number), targets=targets)


@pytest.mark.parametrize(("power", "steepest", "expected"), [(1, 3, 80), (2, 3, 640), (3, 3, 5120), (3, 2, 640)])
def test_growth_is_that_of_two_trials(power: int, steepest: float, expected: float) -> None:
    found = extrapolated(Trial(50, 10 / 2**power), Trial(100, 10), 800, steepest)
    assert found == pytest.approx(expected)


def test_what_costs_the_same_at_any_size_grows_with_the_samples() -> None:
    assert extrapolated(Trial(50, 10), Trial(100, 10), 800, 3) == pytest.approx(80)
    assert extrapolated(Trial(100, 10), Trial(100, 10), 100, 3) == pytest.approx(10)


@pytest.mark.parametrize(
    ("samples", "number"),
    [(labelled(100), 100), (labelled(5_000), MOST), (labelled(100, 40), 60), (labelled(100, 95), 100)],
)
def test_a_first_step_has_few_samples_with_all_targets(samples: Labelled, number: int) -> None:
    some = few(samples)
    assert len(some) == number
    assert np.isnan(some.targets).any() == ((~np.isnan(samples.targets)).sum() < FEWEST)
    assert len(half(some)) == (number if np.isnan(some.targets).any() else number // 2)


class CountingTrees(Learner):
    """Takes a second for each ensemble, and a hundredth for each sample of each tree."""

    kind = "counting"
    clock = 0.0

    def __init__(self, trees: int) -> None:
        self.trees = trees

    def fit(self, study, rows, targets, groups=None, weights=None):  # type: ignore[no-untyped-def]
        CountingTrees.clock += 1 + 0.01 * self.trees * len(rows)
        return self

    def predict(self, study, rows, draw=0):  # type: ignore[no-untyped-def]
        return np.zeros((len(rows), 1))

    def to_arrays(self):  # type: ignore[no-untyped-def]
        raise NotImplementedError

    @classmethod
    def from_arrays(cls, stored, task, computing):  # type: ignore[no-untyped-def]
        raise NotImplementedError


def seconds_of(action) -> float:  # type: ignore[no-untyped-def]
    before = CountingTrees.clock
    action()
    return CountingTrees.clock - before


def test_trees_take_as_long_as_their_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree_timing, "timed", seconds_of)
    found = expected_seconds_of_trees(CountingTrees, None, labelled(200), TreePlan(500, 100, 5, None))  # type: ignore[arg-type]
    folds = 5 * (1 + 0.01 * 100 * 160)
    assert found == pytest.approx(folds + 1 + 0.01 * 500 * 200, rel=0.05)


def test_no_more_than_the_most_are_grown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree_timing, "timed", seconds_of)
    plans = [TreePlan(10, 10, 5, most) for most in (1_000, None)]
    some = labelled(4_000)
    small, large = (expected_seconds_of_trees(CountingTrees, None, some, plan) for plan in plans)  # type: ignore[arg-type]
    assert large == pytest.approx(4 * small, rel=0.1)


@pytest.mark.parametrize(("took", "calls", "expected"), [((5.0, 1.0), 1, 5.0), ((0.05, 0.03), 2, 0.03)])
def test_what_is_short_is_tried_twice(
    took: tuple[float, float], calls: int, expected: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = iter([0.0, took[0], 10.0, 10.0 + took[1]])
    monkeypatch.setattr(timing.time, "perf_counter", lambda: next(ticks))
    made: list[int] = []
    assert timing.timed(lambda: made.append(1)) == pytest.approx(expected)
    assert len(made) == calls
