"""What is known of each group: which way it moves the prediction, and which way its share goes with the target.

Legend of shapes: ``N`` samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aam.data.targets.kinds import NUMBERS, Predictions, TargetSpec
from aam.evaluation.catalogue import Interval
from aam.evaluation.formulas import spearman
from aam.evaluation.metrics import bootstrapped
from aam.explanation.effects import Effects
from aam.explanation.results.need import is_needed

DRAWS = 500
LEAST_SAMPLES = 8
"""Samples without which a correlation is not spoken of."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One group of ASVs, and one output.

    Attributes
    ----------
    name, label
        Id of the group, and how it is shown.
    size
        ASVs of the group.
    support
        Samples that have it.
    effect
        Its mean effect in samples that have it, with the interval.
    trend
        Spearman correlation of its share of reads with the target, or with the prediction where truths are unknown.
    is_stable
        Whether the effect is stable over models; None for a single model.
    need
        Increase of the error where it is exchanged; None where that was not measured.
    knows_need
        Whether that was measured of any group.
    is_change
        Whether the effect is a change of predictions, so that its sign says which way it moves them.
    """

    name: str
    label: str
    size: int
    support: int
    effect: Interval
    trend: Interval
    is_stable: bool | None = None
    need: Interval | None = None
    knows_need: bool = False
    is_change: bool = True

    @property
    def is_needed(self) -> bool:
        """Whether the error grows beyond doubt where the group is exchanged."""
        return self.need is not None and is_needed(self.need)

    @property
    def is_told(self) -> bool:
        """Whether it is worth a sentence: needed, or not known whether anything is."""
        return self.is_needed or not self.knows_need

    @property
    def push(self) -> int:
        """1 where it raises the prediction, -1 where it lowers it, 0 where the interval holds 0 or there is none."""
        return _sign(self.effect) if self.is_change else 0

    @property
    def slope(self) -> int:
        """1 where its share rises with the target, -1 where it falls, 0 where the interval holds 0 or there is none."""
        return _sign(self.trend)


def _sign(found: Interval) -> int:
    return int(found.low > 0) - int(found.high < 0)


def value_of_output(table: Predictions, spec: TargetSpec, output: int) -> tuple[np.ndarray, bool]:
    """What shares are compared with, ``N`` (NaN is missing), and whether it is the truth.

    The truth where all or most of it is known (1 in samples of the class, else 0), else the prediction.

    Parameters
    ----------
    table
        Predictions of the target.
    spec
        The target.
    output
        Number of the class; of numbers it says nothing.
    """
    known = table.kind.is_present(table.observed)
    is_truth = bool(known.sum() >= max(LEAST_SAMPLES, len(table) / 2))
    if not spec.classes:
        values = table.observed if is_truth else table.predicted
        return np.asarray(values, dtype=np.float64), is_truth
    if is_truth:
        return np.where(known, (table.observed == spec.classes[output]).astype(np.float64), np.nan), True
    assert table.probabilities is not None
    return np.asarray(table.probabilities[:, output], dtype=np.float64), False


def trend(share_N: np.ndarray, values_N: np.ndarray, groups: np.ndarray | None, seed: int = 0) -> Interval:
    """Spearman correlation of a share with a value, with an interval over samples or whole groups.

    NaN where fewer than ``LEAST_SAMPLES`` values are known, or all shares or values are equal.
    """
    known = np.isfinite(values_N)
    share_N, values_N = share_N[known], values_N[known]
    if len(values_N) < LEAST_SAMPLES or not np.ptp(share_N) or not np.ptp(values_N):
        return Interval(np.nan, np.nan, np.nan)
    table = Predictions(
        kind=NUMBERS,
        sample_ids=np.arange(len(values_N)),
        observed=values_N,
        predicted=share_N,
        groups=None if groups is None else groups[known],
    )
    return bootstrapped(table, lambda weights: {"trend": spearman(table, weights)}, draws=DRAWS, seed=seed)["trend"]


def findings(
    effects: Effects,
    output: int,
    places: Sequence[int],
    shares_NG: np.ndarray,
    values_N: np.ndarray,
    groups: np.ndarray | None,
    sizes: Sequence[int],
) -> list[Finding]:
    """What is known of some groups.

    Parameters
    ----------
    effects, output
        Whose effects on which output.
    places
        The groups.
    shares_NG
        Their share of the reads of each sample.
    values_N, groups
        What shares are compared with, and the groups of the samples.
    sizes
        ASVs of each.
    """
    stable = effects.is_stable_GO
    return [
        Finding(
            name=effects.names[place],
            label=effects.labels[place],
            size=int(size),
            support=int(effects.support_G[place]),
            effect=Interval(
                *(float(one[place, output]) for one in (effects.effect_GO, effects.low_GO, effects.high_GO))
            ),
            trend=trend(shares_NG[:, column], values_N, groups),
            is_stable=None if stable is None else bool(stable[place, output]),
            is_change=effects.is_change,
        )
        for column, (place, size) in enumerate(zip(places, sizes, strict=True))
    ]
