"""How far predictions can be trusted: intervals around numbers and sets of classes with a promised coverage.

Split conformal prediction: on samples that were held out, each prediction gets a score that is the larger the worse it
is. A quantile of these scores says how far around a new prediction one has to reach. Nothing is assumed about the
model or about the distribution of its errors, only that new samples come from where the held-out ones came from.

Samples of one group (a subject, say) resemble each other, and new samples come from new groups. So each group counts
the same, and its samples share its weight. All that was seen weighs ``n / (n + 1)``, and the rest lies at infinity, for
the sample that is to come. Where each sample stands for itself, ``n`` is their number: plain split conformal
prediction, which holds its level exactly. Where there are groups, ``n`` is the effective number of samples (Kish): as
many independent ones would say as much about the scores. It lies between the number of groups, if those of a group are
alike, and that of samples, if groups do not matter. To take the number of groups always (hierarchical conformal
prediction) is proven to hold the level, but reaches too far wherever the samples of a group differ: of 34 groups it
holds 92.6 % where 90 % are asked for.

With few groups nothing can be promised (90 % needs 9 of them), and a reach is an estimate. A truth beyond all that can
be predicted can be held by no interval: its score is infinite, and its weight lies at infinity too. The promise holds
for a random sample of a random new group; it is on average over samples, and not for each kind of sample alone. Samples
that also chose the model's best epoch make it slightly optimistic.

Own code, since no kept library weighs groups for the sake of new ones: those of crepes (0.9) are categories that are
known beforehand, calibrated apart; those of MAPIE (1.6) keep its folds apart, and it wants the estimator. What is left
is a quantile of an array.

Shape suffixes: ``N`` samples that calibrate, ``B`` samples to predict, ``C`` classes.

References
----------
Kish (1965), Survey sampling, Wiley (design effect, effective number of samples).
Lee, Barber, Willett (2023), Distribution-free inference with hierarchical data, arXiv:2306.06342 (each group counts the
same; hierarchical conformal prediction).
Lei, G'Sell, Rinaldo, Tibshirani, Wasserman (2018), Distribution-free predictive inference for regression,
arXiv:1604.04173 (split conformal prediction, absolute errors).
Romano, Patterson, Candes (2019), Conformalized quantile regression, arXiv:1905.03222.
Sadinle, Lei, Wasserman (2019), Least ambiguous set-valued classifiers with bounded error levels, arXiv:1609.00451.
Woodruff (1952), Confidence intervals for medians and other position measures, J. Am. Stat. Assoc. 47:635-646 (quantiles
of samples in groups, by how much the share below them varies).
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from aam.config.json_dataclass import need, read_plain
from aam.data.targets.class_ranges import held_before


def read_calibration(values: Any) -> Calibration:
    """The inverse of :meth:`~aam.data.targets.intervals.Calibration.to_dict`.

    Raises
    ------
    ValueError
        If something else was written.
    """
    found = read_plain(Calibration, values)
    need(len(found.scores) == len(found.weights), "there are not as many weights as scores of the intervals")
    need(list(found.scores) == sorted(set(found.scores)), "the scores of the intervals do not ascend")
    weights_fit = min(found.weights, default=0) >= 0 and sum(found.weights) <= 1 + ROUNDING
    need(weights_fit and found.num_groups > 0, "the weights of the intervals are wrong")
    need(0 < found.level < 1, "the level of the intervals is not between 0 and 1")
    low, high = found.num_groups - ROUNDING, found.num_samples + ROUNDING
    need(not found.num_effective or low <= found.num_effective <= high, "the effective number of samples is wrong")
    return found


MOST_SCORES = 2000
# sums of weights are exact up to this, so that 9 times 1 / 10 reach a level of 0.9
ROUNDING = 1e-9
JUDGED = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
"""Levels over which the effective number of samples is found: one level alone says too little with few groups."""


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """The scores of one target's held-out predictions; saved with the model.

    Attributes
    ----------
    kind
        What was scored: single numbers, pairs of quantiles, or probabilities of classes, without or with an order.
    scores
        Ascending, all different; the larger the worse the prediction. Of numbers and quantiles in the space that the
        model learns.
    weights
        Weight of each score. They sum to ``n / (n + 1)``, less the weight of infinite scores; the rest is at infinity.
    num_samples
        The samples that they come from.
    num_groups
        Their ``K`` groups; the number of samples, where each stands for itself.
    level
        The coverage that it is made for.
    num_effective
        Their ``n``, the effective number of samples. 0 in older models, whose groups weigh ``1 / (K + 1)`` each.
    """

    kind: Literal["numbers", "quantiles", "classes", "ordered"]
    scores: tuple[float, ...]
    weights: tuple[float, ...]
    num_samples: int
    num_groups: int
    level: float = 0.9
    num_effective: float = 0.0

    def threshold(self, level: float) -> float:
        """The least score that the share ``level`` of all weight does not exceed: the conformal quantile.

        It is infinite where there is too little for the level, or too many truths that nothing can hold
        (:attr:`beyond`).
        """
        assert 0 < level < 1
        place = int(np.searchsorted(np.cumsum(self.weights), level - ROUNDING))
        return self.scores[place] if place < len(self.scores) else math.inf

    def is_guaranteed(self, level: float) -> bool:
        """Whether there are enough groups, and truths within reach, to promise that new ones are held so often."""
        return self.has_groups_for(level) and math.isfinite(self.threshold(level))

    def has_groups_for(self, level: float) -> bool:
        """Whether there are enough groups for a level, and for the one that it is made for."""
        return self.num_groups >= groups_needed(max(level, self.level))

    @property
    def has_sets(self) -> bool:
        """Whether it makes sets of classes, and not intervals."""
        return self.kind in ("classes", "ordered")

    @property
    def beyond(self) -> float:
        """Share of the truths (each group counting the same) that nothing can hold: those with an infinite score."""
        share = 1 - self._seen().sum()
        return float(share) if share > ROUNDING else 0.0

    def reach(self, level: float) -> float:
        """How bad a prediction may be to lie within the level.

        It is the threshold, and the worst finite score that was seen where that is infinite (infinite if there is
        none). Older models whose groups are too few for the level that they are made for leave out the weight at
        infinity, for all levels alike.
        """
        if not self.scores:
            return math.inf
        if self.num_effective or self.has_groups_for(self.level):
            return min(self.threshold(level), self.scores[-1])
        share = np.cumsum(self._seen())
        return self.scores[min(int(np.searchsorted(share, level - ROUNDING)), len(self.scores) - 1)]

    def _seen(self) -> np.ndarray:
        """The scores' weights as shares of the groups that were seen."""
        number = self.num_effective or self.num_groups
        return np.array(self.weights) * (number + 1) / number

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}


def groups_needed(level: float) -> int:
    """The least number of groups (of samples, where each stands for itself) with which a level can be promised."""
    assert 0 < level < 1
    return max(1, math.ceil(level / (1 - level) - ROUNDING))


def calibrate_numbers(
    observed_N: np.ndarray, predicted_N: np.ndarray, groups: np.ndarray | None, level: float = 0.9
) -> Calibration:
    """Score single predicted numbers by the size of their errors.

    Parameters
    ----------
    observed_N, predicted_N
        Held-out samples, in the space that the model learns; samples without a value are left out beforehand. A truth
        that no interval can hold is infinite.
    groups
        Group of each sample; None where each stands for itself.
    level
        The coverage that it is made for.
    """
    return _calibrate("numbers", np.abs(_precise(observed_N) - _precise(predicted_N)), groups, level)


def calibrate_quantiles(
    observed_N: np.ndarray, low_N: np.ndarray, high_N: np.ndarray, groups: np.ndarray | None, level: float = 0.9
) -> Calibration:
    """Score pairs of predicted quantiles by how far the truth lies outside of them (below zero: inside).

    Parameters
    ----------
    observed_N
        As in :func:`calibrate_numbers`.
    low_N, high_N
        Two quantiles that the model predicts. Any two are valid; the intervals are the narrowest where they are near
        those of the level.
    groups, level
        As in :func:`calibrate_numbers`.

    Notes
    -----
    Equation 6 of Romano, Patterson, Candes (2019).
    """
    observed_N = _precise(observed_N)
    outside_N = np.maximum(_precise(low_N) - observed_N, observed_N - _precise(high_N))
    return _calibrate("quantiles", outside_N, groups, level)


def calibrate_classes(
    probabilities_NC: np.ndarray, codes_N: np.ndarray, groups: np.ndarray | None, level: float = 0.9
) -> Calibration:
    """Score probabilities by what the true class lacks to 1.

    This score (LAC) gives the smallest sets of all that hold the truth at a level (Sadinle, Lei, Wasserman 2019). Its
    sets can be empty; :func:`class_sets` adds the most probable class, which can only raise the coverage. The
    cumulative score (APS: Romano, Sesia, Candes 2020, arXiv:2006.02544) needs random numbers to be exact; without them
    it holds more classes than needed.

    Parameters
    ----------
    probabilities_NC
        Of held-out samples.
    codes_N
        Their true classes, as columns of the probabilities.
    groups, level
        As in :func:`calibrate_numbers`.
    """
    true_N = np.take_along_axis(_precise(probabilities_NC), np.asarray(codes_N)[:, None], axis=1)[:, 0]
    return _calibrate("classes", 1 - true_N, groups, level)


def calibrate_ordered(
    probabilities_NC: np.ndarray, codes_N: np.ndarray, groups: np.ndarray | None, level: float = 0.9
) -> Calibration:
    """Score probabilities of ordered classes by what a range of classes holds before the true one joins it.

    See :func:`~aam.data.targets.class_ranges.held_before`; parameters as of :func:`calibrate_classes`.
    """
    before_NC = held_before(probabilities_NC)
    return _calibrate("ordered", before_NC[np.arange(len(before_NC)), np.asarray(codes_N)], groups, level)


def class_ranges(calibration: Calibration, probabilities_BC: np.ndarray, level: float) -> np.ndarray:
    """Which neighbouring ordered classes a sample may well have; as :func:`class_sets`, without gaps."""
    assert calibration.kind == "ordered"
    ranges_BC: np.ndarray = held_before(probabilities_BC) <= calibration.reach(level)
    return ranges_BC


def interval(calibration: Calibration, predicted_B: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Intervals around single predicted numbers.

    Parameters
    ----------
    calibration
        From :func:`calibrate_numbers`.
    predicted_B
        In the space that the model learns.
    level
        Share of new samples whose truth the intervals shall hold; see :meth:`Calibration.is_guaranteed`.

    Returns
    -------
    tuple
        ``low_B, high_B`` (float64) in the same space. Every increasing way back to the user's units keeps coverage.
    """
    assert calibration.kind == "numbers"
    predicted_B, reach = _precise(predicted_B), calibration.reach(level)
    return predicted_B - reach, predicted_B + reach


def quantile_interval(
    calibration: Calibration, low_B: np.ndarray, high_B: np.ndarray, level: float
) -> tuple[np.ndarray, np.ndarray]:
    """Intervals from pairs of predicted quantiles, each moved out (or in) by the same distance.

    Parameters
    ----------
    calibration
        From :func:`calibrate_quantiles` of the same two quantiles.
    low_B, high_B
        In the space that the model learns.
    level
        As in :func:`interval`; so is what is returned. Where the ends would cross, both are the middle.
    """
    assert calibration.kind == "quantiles"
    reach = calibration.reach(level)
    low_B, high_B = _precise(low_B), _precise(high_B)
    middle_B = (low_B + high_B) / 2
    return np.minimum(low_B - reach, middle_B), np.maximum(high_B + reach, middle_B)


def class_sets(calibration: Calibration, probabilities_BC: np.ndarray, level: float) -> np.ndarray:
    """Which classes a sample may well have.

    Parameters
    ----------
    calibration
        From :func:`calibrate_classes`.
    probabilities_BC, level
        Of new samples, and as in :func:`interval`.

    Returns
    -------
    np.ndarray
        ``B x C`` (bool); the most probable class is always in.
    """
    assert calibration.kind == "classes"
    probabilities_BC = _precise(probabilities_BC)
    sets_BC: np.ndarray = 1 - probabilities_BC <= calibration.reach(level)
    sets_BC[np.arange(len(sets_BC)), probabilities_BC.argmax(axis=1)] = True
    return sets_BC


def _calibrate(
    kind: Literal["numbers", "quantiles", "classes", "ordered"],
    scores_N: np.ndarray,
    groups: np.ndarray | None,
    level: float,
) -> Calibration:
    assert len(scores_N) > 0
    assert not np.isnan(scores_N).any()
    num_samples = len(scores_N)
    unit_N = np.arange(num_samples) if groups is None else np.unique(groups.astype(str), return_inverse=True)[1]
    sizes_K = np.bincount(unit_N)
    number = effective_number(scores_N, unit_N)
    weights_N = number / ((number + 1) * len(sizes_K) * sizes_K[unit_N])
    scores, place_N = np.unique(scores_N, return_inverse=True)
    weights, is_finite = np.bincount(place_N, weights_N), np.isfinite(scores)
    scores, weights = _thin(scores[is_finite], weights[is_finite])
    return Calibration(
        kind=kind,
        scores=tuple(scores.tolist()),
        weights=tuple(weights.tolist()),
        num_samples=num_samples,
        num_groups=len(sizes_K),
        level=level,
        num_effective=number,
    )


def effective_number(scores_N: np.ndarray, unit_N: np.ndarray) -> float:
    """How many independent samples would say as much about the quantiles of scores as samples in groups do.

    Parameters
    ----------
    scores_N
        Scores.
    unit_N
        Group of each, from 0; each group counts the same.

    Returns
    -------
    float
        At least the number of groups, and at most what their sizes allow if samples of a group are independent.

    Notes
    -----
    The share ``F`` of scores below a quantile has the variance ``F (1 - F) / n`` if ``n`` samples are independent;
    that of the mean over ``K`` groups is estimated from the groups. The ratio of both, each summed over several
    levels, is the effective number (Kish 1965; Woodruff 1952).
    """
    sizes_K = np.bincount(unit_N)
    num_groups = len(sizes_K)
    if num_groups in (1, len(unit_N)):
        return float(num_groups)
    weights_N = 1 / (num_groups * sizes_K[unit_N])
    order = np.argsort(scores_N, kind="stable")
    held = np.cumsum(weights_N[order])
    places = np.searchsorted(held, np.array(JUDGED) - ROUNDING).clip(max=len(order) - 1)
    single, grouped = 0.0, 0.0
    for score in scores_N[order[places]]:
        share_K = np.bincount(unit_N, scores_N <= score) / sizes_K
        single += share_K.mean() * (1 - share_K.mean())
        grouped += share_K.var(ddof=1) / num_groups
    most = 1 / float(weights_N @ weights_N)
    return float(np.clip(single / grouped, num_groups, most)) if grouped > 0 else most


def _thin(scores: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """At most so many scores; each that is left out gives its weight to a larger one, so no threshold falls."""
    if len(scores) <= MOST_SCORES:
        return scores, weights
    cumulative = np.cumsum(weights)
    part = np.ceil(MOST_SCORES * cumulative / cumulative[-1] - ROUNDING).clip(1, MOST_SCORES)
    last = np.flatnonzero(np.append(np.diff(part) > 0, True))
    return scores[last], np.diff(cumulative[last], prepend=0)


def _precise(values: np.ndarray) -> np.ndarray:
    return np.asarray(values, dtype=np.float64)
