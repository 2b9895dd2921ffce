"""How good predictions are within each level of a column: studies, or groups of people who should be served alike.

Legend: ``R`` draws, ``N`` samples, ``L`` levels.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

import numpy as np
from sklearn.linear_model import LogisticRegression

from aam.data.targets.kinds import Predictions, TargetSpec
from aam.evaluation.catalogue import Interval, formula_of, metric
from aam.evaluation.coverage import Coverage, judge_held
from aam.evaluation.errors.association import Association, associate
from aam.evaluation.errors.columns import Usable
from aam.evaluation.errors.measure import error_size, signed_error
from aam.evaluation.metrics import bootstrapped, evaluate, score
from aam.evaluation.result_table import Row

LEAST_IN_GAP = 10
"""Samples without which a level is shown, but not compared."""
LEAST_FOR_LINE = 10
LEAST_GROUPS = 5
"""Groups without which a level has no intervals, and is not compared: how much groups differ is not known."""
NOTHING = Interval(np.nan, np.nan, np.nan)


@dataclass(frozen=True, kw_only=True)
class LevelScores:
    """The samples of one level.

    Attributes
    ----------
    level
        Its name.
    num_samples, num_groups
        How many; None where each sample stands for itself. With fewer than five groups there are no intervals.
    metrics
        Every metric with its interval.
    constant
        The main metric of the constant prediction.
    bias
        Mean of predicted minus observed; of classes, mean probability of the predicted class minus the share of right
        ones.
    slope, offset
        Of the line of observed on predicted: 1 and 0 are perfect. Of two classes, of the log odds that occur on those
        that are predicted (Cox 1958, doi:10.1093/biomet/45.3-4.562), without intervals; not defined for more.
    covered
        Share of the truths that intervals or sets hold, where there are any.
    """

    level: str
    num_samples: int
    num_groups: int | None
    metrics: dict[str, Interval]
    constant: float
    bias: Interval
    slope: Interval = NOTHING
    offset: Interval = NOTHING
    covered: Interval = NOTHING

    def row(self) -> dict[str, object]:
        """As a row of a table."""
        found: dict[str, object] = {"level": self.level, "samples": self.num_samples}
        found |= {"groups": float("nan") if self.num_groups is None else float(self.num_groups)}
        for name, interval in self.metrics.items():
            found |= in_cells(name, interval)
        main = next(iter(self.metrics))
        found[f"{main}_constant"] = self.constant
        pairs = {"bias": self.bias, "calibration_slope": self.slope, "calibration_offset": self.offset}
        for name, interval in {**pairs, "covered": self.covered}.items():
            found |= in_cells(name, interval)
        return found


@dataclass(frozen=True, kw_only=True)
class Gap:
    """How much the main metric differs between the levels of a column.

    Attributes
    ----------
    column
        The column.
    best, worst
        The levels between which it differs most, of those with enough samples; empty where there are not two.
    size
        How much better it is in the best one, with the interval of these two levels' difference.
    association
        The test of the errors over all levels.
    left_out
        Levels with too few samples, or groups.
    """

    column: str
    best: str
    worst: str
    size: Interval
    association: Association
    left_out: tuple[str, ...] = field(default=())

    def row(self) -> dict[str, object]:
        """As a row of a table."""
        found: dict[str, object] = {"column": self.column, "best": self.best, "worst": self.worst}
        found |= in_cells("gap", self.size)
        one = self.association
        found |= {"test": one.test, "unit": one.unit, "effect": one.effect, "p": one.p, "q": one.q}
        return found | {"too_few": ", ".join(self.left_out)}


def in_cells(name: str, interval: Interval) -> Row:
    """A value and the ends of its interval as columns."""
    return {name: interval.value, f"{name}_low": interval.low, f"{name}_high": interval.high}


def level_scores(
    predictions: Predictions, target: TargetSpec, labels_N: np.ndarray, chosen: Coverage | None = None
) -> list[LevelScores]:
    """Judge the samples of each level.

    Parameters
    ----------
    predictions
        With truths.
    target
        Gives the constant prediction.
    labels_N
        Level of each sample; ``""`` is missing, and left out.
    chosen
        Whether intervals or sets hold the truth of each of these samples.

    Returns
    -------
    list
        By level, in ascending order.
    """
    names = sorted(set(map(str, labels_N)) - {""})
    return [_scores(predictions, target, name, labels_N == name, chosen) for name in names]


def all_scores(predictions: Predictions, target: TargetSpec, chosen: Coverage | None = None) -> LevelScores:
    """Judge all samples in the same way."""
    return _scores(predictions, target, "all", np.ones(len(predictions), dtype=bool), chosen)


def _is_enough(is_in: np.ndarray, groups: np.ndarray | None) -> bool:
    """Whether a level has enough samples, and groups, to be compared."""
    return is_in.sum() >= LEAST_IN_GAP and (groups is None or len(set(groups[is_in])) >= LEAST_GROUPS)


def _scores(
    predictions: Predictions, target: TargetSpec, name: str, is_in: np.ndarray, chosen: Coverage | None
) -> LevelScores:
    own = predictions.select(np.flatnonzero(is_in))
    main = own.kind.main_metric
    found = evaluate(own)
    error = signed_error(own)
    bias = bootstrapped(own, lambda weights: {"bias": weights @ error / weights.sum(axis=1)})["bias"]
    slope, offset = calibration_line(own)
    covered = NOTHING
    if chosen is not None:
        held, size = chosen.held_N[is_in], chosen.size_N[is_in]
        covered = judge_held({chosen.level: held}, {chosen.level: size}, own.groups)[0].share
    num_groups = None if own.groups is None else len(np.unique(own.groups.astype(str)))
    shown = _without_ends if num_groups is not None and num_groups < LEAST_GROUPS else _as_it_is
    return LevelScores(
        level=name,
        num_samples=len(own),
        num_groups=num_groups,
        metrics={key: shown(interval) for key, interval in {main: found[main], **found}.items()},
        constant=score(own.kind.constant(target, own))[main],
        bias=shown(bias),
        slope=shown(slope),
        offset=shown(offset),
        covered=shown(covered),
    )


def _as_it_is(found: Interval) -> Interval:
    return found


def _without_ends(found: Interval) -> Interval:
    return Interval(found.value, np.nan, np.nan)


def calibration_line(predictions: Predictions) -> tuple[Interval, Interval]:
    """Slope and offset of observed on predicted values, with bootstrap intervals for numbers; see `LevelScores`."""
    if len(predictions) < LEAST_FOR_LINE:
        return NOTHING, NOTHING
    if predictions.kind.shown_as == "classes":
        return _cox_line(predictions)
    centre = predictions.predicted.mean()
    x, y = predictions.predicted - centre, predictions.observed
    if np.ptp(x) < 1e-9 * (abs(centre) + np.ptp(y)):
        return NOTHING, NOTHING

    def compute(weights_RN: np.ndarray) -> dict[str, np.ndarray]:
        total = weights_RN.sum(axis=1)
        mean_x, mean_y = weights_RN @ x / total, weights_RN @ y / total
        spread = weights_RN @ x**2 / total - mean_x**2
        spread[spread <= 1e-12 * (x**2).mean()] = np.nan
        slope = (weights_RN @ (x * y) / total - mean_x * mean_y) / spread
        return {"slope": slope, "offset": mean_y - slope * (mean_x + centre)}

    found = bootstrapped(predictions, compute)
    return found["slope"], found["offset"]


def _cox_line(predictions: Predictions) -> tuple[Interval, Interval]:
    """The logistic regression of the second of two classes on its predicted log odds."""
    assert predictions.probabilities is not None
    is_second = predictions.observed == predictions.classes[-1]
    if len(predictions.classes) != 2 or is_second.all() or not is_second.any():
        return NOTHING, NOTHING
    share = predictions.probabilities[:, 1].clip(1e-6, 1 - 1e-6)
    odds = np.log(share / (1 - share))
    is_apart = odds[is_second].min() > odds[~is_second].max() or odds[is_second].max() < odds[~is_second].min()
    if is_apart or np.ptp(odds) == 0:
        return NOTHING, NOTHING
    fitted = LogisticRegression(C=np.inf, max_iter=1000).fit(odds[:, None], is_second)
    slope, offset = float(fitted.coef_[0, 0]), float(fitted.intercept_[0])
    return Interval(slope, np.nan, np.nan), Interval(offset, np.nan, np.nan)


def gap_between(predictions: Predictions, column: Usable) -> Gap:
    """How much the main metric differs between levels, and a test of the errors over all of them.

    The levels are chosen by how good they are, so that the interval of their difference is somewhat too far from 0
    where there are more than two.
    """
    labels = column.values
    names = sorted(set(map(str, labels)) - {""})
    compared = [name for name in names if _is_enough(labels == name, predictions.groups)]
    left_out = tuple(name for name in names if name not in compared)
    association = associate(error_size(predictions), column, predictions.groups)
    nothing = Gap(column=column.name, best="", worst="", size=NOTHING, association=association, left_out=left_out)
    if len(compared) < 2:
        return nothing
    main = predictions.kind.main_metric
    masks = {name: (labels == name).astype(np.float64) for name in compared}

    def compute(weights_RN: np.ndarray) -> dict[str, np.ndarray]:
        formula = formula_of(main)
        return {name: formula(predictions, weights_RN * mask) for name, mask in masks.items()}

    with np.errstate(divide="ignore", invalid="ignore"):
        values = {name: float(value[0]) for name, value in compute(np.ones((1, len(predictions)))).items()}
    values = {name: value for name, value in values.items() if np.isfinite(value)}
    if len(values) < 2:
        return nothing
    sign = 1 if metric(main).higher_is_better else -1
    best, worst = max(values, key=lambda name: sign * values[name]), min(values, key=lambda name: sign * values[name])

    def difference(weights_RN: np.ndarray) -> dict[str, np.ndarray]:
        found = compute(weights_RN)
        return {"gap": sign * (found[best] - found[worst])}

    size = bootstrapped(predictions, difference)["gap"]
    return dataclasses.replace(nothing, best=best, worst=worst, size=size)
