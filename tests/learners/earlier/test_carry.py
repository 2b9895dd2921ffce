"""How predictions of earlier samples are carried forward: formulas by hand, and what they are fitted to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import softmax

from aam.learners.earlier import carry
from aam.learners.earlier.carry import Carry, Known, carried, fit_carries, fit_classes, fit_numbers

RNG = np.random.default_rng(0)
SIZE, MOST = 60, 3


def known_of(outputs: int, seed: int = 0) -> Known:
    rng = np.random.default_rng(seed)
    number = rng.integers(0, MOST + 1, SIZE)
    return Known(
        now_BO=softmax(rng.normal(size=(SIZE, outputs)), axis=1) if outputs > 1 else rng.normal(size=(SIZE, 1)),
        past_BKO=rng.dirichlet(np.ones(outputs), (SIZE, MOST)) if outputs > 1 else rng.normal(size=(SIZE, MOST, 1)),
        gap_BK=rng.exponential(size=(SIZE, MOST)),
        has_BK=np.arange(MOST) < number[:, None],
    )


def test_a_number_is_pulled_and_drifts() -> None:
    one = Known(
        now_BO=np.array([[10.0], [10.0]]),
        past_BKO=np.array([[[4.0], [6.0]], [[1.0], [1.0]]]),
        gap_BK=np.array([[1.0, 2.0], [1.0, 1.0]]),
        has_BK=np.array([[True, True], [False, False]]),
    )
    weight = np.exp([-1 / 3, -2 / 3])
    share, reliance = weight / weight.sum(), weight.sum() / (1 + weight.sum())
    wanted = 10 + reliance * (0.5 * (share @ [4, 6] - 10) + 0.25 * (share @ [1, 2]))
    found = carried(one, (Carry(memory=3.0, pull=0.5, drift=0.25),), classes=False)
    assert found[:, 0] == pytest.approx([wanted, 10.0])


def test_classes_are_pulled_in_logarithms() -> None:
    known = known_of(3)
    found = carried(known, (Carry(memory=2.0, pull=0.7, drift=0.2),), classes=True)
    assert found.sum(axis=1) == pytest.approx(1)
    none = ~known.has_BK.any(axis=1)
    assert (found[none] == known.now_BO[none]).all()
    row = int(np.flatnonzero(known.has_BK.sum(axis=1) == 2)[0])
    weight = np.exp(-known.gap_BK[row, :2] / 2)
    mean = (weight / weight.sum()) @ np.log(np.maximum(known.past_BKO[row, :2], carry.SMALLEST_SHARE))
    own, reliance = np.log(known.now_BO[row]), weight.sum() / (1 + weight.sum())
    assert found[row] == pytest.approx(softmax(own + reliance * (0.7 * mean + 0.2 * own)))


def test_numbers_are_fitted_by_least_squares(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carry, "MEMORIES", (2.0,))
    monkeypatch.setattr(carry, "PENALTY", 0.0)
    known, truth = known_of(1), RNG.normal(size=SIZE)
    weight = RNG.uniform(0.5, 2, SIZE)
    found = fit_numbers(known, truth, weight, 0)

    def error(x: np.ndarray) -> float:
        one = Carry(memory=2.0, pull=float(x[0]), drift=float(x[1]))
        return float(weight @ (truth - carried(known, (one,), classes=False)[:, 0]) ** 2)

    best = minimize(error, np.zeros(2), method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-12, "maxiter": 2000})
    assert [found.pull, found.drift] == pytest.approx(best.x, abs=1e-5)


def test_classes_are_fitted_to_the_least_log_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carry, "MEMORIES", (2.0,))
    monkeypatch.setattr(carry, "PENALTY", 1e-9)
    known, codes = known_of(3), RNG.integers(0, 3, SIZE)
    found = fit_classes(known, codes, np.ones(SIZE))

    def error(x: np.ndarray) -> float:
        one = Carry(memory=2.0, pull=float(x[0]), drift=float(x[1]))
        return float(-np.log(carried(known, (one,), classes=True)[np.arange(SIZE), codes]).sum())

    best = minimize(error, np.zeros(2), method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-12})
    assert [found.pull, found.drift] == pytest.approx(best.x, abs=1e-3)


def longitudinal(noise: float, seed: int = 1) -> tuple[Known, np.ndarray, np.ndarray]:
    """40 subjects of 5 samples a time apart, whose truth moves by 1 from each to the next; and their folds."""
    rng = np.random.default_rng(seed)
    truth_GS = rng.normal(0, 5, (40, 1)) + np.arange(5)
    now_GS = truth_GS + rng.normal(0, noise, truth_GS.shape)
    row_BK = np.array([[place - k - 1 if place > k else -1 for k in range(3)] for place in range(5)])
    past_GSK = np.where(row_BK >= 0, now_GS[:, row_BK], 0.0)
    known = Known(
        now_BO=now_GS.reshape(-1, 1),
        past_BKO=past_GSK.reshape(-1, 3, 1),
        gap_BK=np.tile(np.where(row_BK >= 0, np.arange(1, 4), 0), (40, 1)).astype(float),
        has_BK=np.tile(row_BK >= 0, (40, 1)),
    )
    return known, truth_GS.reshape(-1, 1), np.repeat(np.arange(40) % 5, 5)


def test_errors_of_several_samples_cancel() -> None:
    known, truths, folds = longitudinal(noise=2.0)
    found = fit_carries(known, truths, np.ones(len(truths)), folds, classes=False)
    after = carried(known, found, classes=False)
    full = known.has_BK.all(axis=1)
    before, later = (float(((one - truths)[full] ** 2).mean()) for one in (known.now_BO, after))
    assert later < 0.4 * before  # 0.25 where the drift and the number of samples were known
    assert found[0].memory >= 10
    assert found[0].drift == pytest.approx(found[0].pull, rel=0.3)  # what is carried forward moves by 1 a time


def test_what_does_not_help_changes_nothing() -> None:
    known, truths, folds = longitudinal(noise=1e-6)
    shuffled = truths[np.random.default_rng(0).permutation(len(truths))]
    found = fit_carries(known, shuffled * 0 + known.now_BO, np.ones(len(truths)), folds, classes=False)
    assert (found[0].pull, found[0].drift) == (0.0, 0.0)
    assert (carried(known, found, classes=False) == known.now_BO).all()


def test_a_carry_comes_back_and_damage_is_refused() -> None:
    one = Carry(memory=3.0, pull=0.5, drift=-0.25)
    assert Carry.from_dict(one.to_dict()) == one
    for change in ({"memory": 0.0}, {"pull": 1e9}, {"drift": float("nan")}, {"more": 1.0}):
        with pytest.raises(ValueError, match=r"range|cannot be|unknown"):
            Carry.from_dict({**one.to_dict(), **change})


def test_columns_of_classes_are_carried_one_by_one() -> None:
    of_columns, outputs = (known_of(2, 5), known_of(3, 6)), (slice(0, 2), slice(2, 5))
    first = of_columns[0]
    of_columns = (first, replace(of_columns[1], gap_BK=first.gap_BK, has_BK=first.has_BK))
    whole = replace(
        first,
        now_BO=np.concatenate([one.now_BO for one in of_columns], axis=1),
        past_BKO=np.concatenate([one.past_BKO for one in of_columns], axis=2),
    )
    rng, folds = np.random.default_rng(7), np.arange(SIZE) % 3
    weights = rng.uniform(0.5, 2, (SIZE, 2))
    truths = np.column_stack([first.past_BKO[:, 0].argmax(1), rng.integers(0, 3, SIZE)]).astype(float)
    truths[::7, 0], truths[::5, 1] = np.nan, np.nan
    found = fit_carries(whole, truths, weights, folds, classes=True, outputs=outputs)
    after = carried(whole, found, classes=True, outputs=outputs)
    assert len(found) == 2
    assert found[0].pull > 0
    for place, (known, own) in enumerate(zip(of_columns, outputs, strict=True)):
        use = ~np.isnan(truths[:, place])
        some = fit_carries(known.take(use), truths[use, place][:, None], weights[use, place], folds[use], classes=True)
        assert some[0] == found[place]
        assert after[:, own] == pytest.approx(carried(known, some, classes=True))
        assert after[:, own].sum(axis=1) == pytest.approx(1)
