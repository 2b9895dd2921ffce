"""Coverage of intervals and prediction sets on held-out samples, as a file of the run.

The share of truths that are held is uncertain itself. Without groups its 95% interval is Wilson's. With groups each
group counts the same, as in the promise (:mod:`aam.data.targets.intervals`), and whole groups are drawn anew
(bootstrap).
Where all truths are held, or none, the bootstrap sees no spread; then each group is one trial of Wilson's interval.

References
----------
Wilson (1927), Probable inference, the law of succession, and statistical inference, J. Am. Stat. Assoc. 22:209-212.
Davison, Hinkley (1997), Bootstrap Methods and their Application, section 3.8 (drawing whole groups).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import binomtest

from aam.config.json_dataclass import need
from aam.config.types import fits
from aam.data.targets.intervals import Calibration, read_calibration
from aam.data.targets.kinds import Predictions, Samples
from aam.evaluation.catalogue import Interval
from aam.evaluation.decode_predictions import PredictionDecoder
from aam.evaluation.metrics import DRAWS, LEVEL, NUMBERS_AT_ONCE

LEVELS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)


@dataclass(frozen=True, kw_only=True, eq=False)
class Coverage:
    """Which truths are held at one level, by how large intervals or sets.

    Attributes
    ----------
    level
        The promised share.
    share
        The share that is held, with its 95% interval; where there are groups, each counts the same. The interval is
        NaN where there is one group only.
    held_N
        Whether each sample's truth is held.
    size_N
        Widths of the intervals in the user's units, or numbers of classes in the sets.
    num_groups
        None where each sample stands for itself.
    """

    level: float
    share: Interval
    held_N: np.ndarray
    size_N: np.ndarray
    num_groups: int | None

    @property
    def single(self) -> float:
        """The share of the sets that hold one class only."""
        return float((self.size_N == 1).mean())


def levels_off(found: Sequence[Coverage]) -> tuple[list[Coverage], list[Coverage]]:
    """The levels whose whole 95% interval lies below the nominal coverage, and those whose interval lies above it."""
    below = [one for one in found if one.share.high < one.level]
    return below, [one for one in found if one.share.low > one.level]


def levels_to_judge(level: float) -> tuple[float, ...]:
    """The levels of the curve with the one that the user chose, ascending."""
    return tuple(sorted({*LEVELS, level}))


def coverage_of_intervals(
    observed_N: np.ndarray, bounds: Mapping[float, tuple[np.ndarray, np.ndarray]], groups: np.ndarray | None
) -> list[Coverage]:
    """Judge intervals of numbers.

    Parameters
    ----------
    observed_N
        The truth of held-out samples, at least one, in the user's units.
    bounds
        Level -> ``low_N, high_N`` in the same units; the ends belong to the interval.
    groups
        Group of each sample; None where each stands for itself.

    Returns
    -------
    list
        In the order of the levels.
    """
    held = {level: (low_N <= observed_N) & (observed_N <= high_N) for level, (low_N, high_N) in bounds.items()}
    widths = {level: high_N - low_N for level, (low_N, high_N) in bounds.items()}
    return judge_held(held, widths, groups)


def coverage_of_sets(
    codes_N: np.ndarray, sets: Mapping[float, np.ndarray], groups: np.ndarray | None
) -> list[Coverage]:
    """Judge sets of classes.

    Parameters
    ----------
    codes_N
        The true classes of held-out samples, at least one, as columns of the sets.
    sets
        Level -> ``N x C`` (bool).
    groups
        As in :func:`coverage_of_intervals`.

    Returns
    -------
    list
        In the order of the levels.
    """
    held = {level: sets_NC[np.arange(len(codes_N)), codes_N] for level, sets_NC in sets.items()}
    sizes = {level: sets_NC.sum(axis=1) for level, sets_NC in sets.items()}
    return judge_held(held, sizes, groups)


def judge_held(
    held: Mapping[float, np.ndarray], sizes: Mapping[float, np.ndarray], groups: np.ndarray | None
) -> list[Coverage]:
    """Judge intervals or sets of which it is known, by level, which truths they hold and how large they are."""
    num_groups = None if groups is None else len(np.unique(groups.astype(str)))
    return [
        Coverage(
            level=level,
            share=_share_held(held_N, groups),
            held_N=held_N,
            size_N=sizes[level],
            num_groups=num_groups,
        )
        for level, held_N in held.items()
    ]


def _share_held(held_N: np.ndarray, groups: np.ndarray | None) -> Interval:
    if groups is None:
        return _wilson(int(held_N.sum()), len(held_N))
    unit_N = np.unique(groups.astype(str), return_inverse=True)[1]
    share_K = np.bincount(unit_N, held_N) / np.bincount(unit_N)
    num_groups = len(share_K)
    if num_groups == 1:
        return Interval(float(share_K[0]), np.nan, np.nan)
    if held_N.all() or not held_N.any():
        return _wilson(num_groups if held_N.all() else 0, num_groups)
    rng = np.random.default_rng(0)
    at_once = max(1, NUMBERS_AT_ONCE // num_groups)
    drawn = [
        share_K[rng.integers(num_groups, size=(min(at_once, DRAWS - start), num_groups))].mean(axis=1)
        for start in range(0, DRAWS, at_once)
    ]
    low, high = np.quantile(np.concatenate(drawn), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(share_K.mean()), float(low), float(high))


def _wilson(num_held: int, num_trials: int) -> Interval:
    found = binomtest(num_held, num_trials).proportion_ci(LEVEL, method="wilson")
    return Interval(num_held / num_trials, float(found.low), float(found.high))


OUT_OF_FOLD = "out_of_fold"
"""The part of training samples that are predicted out of fold."""


@dataclass(frozen=True, kw_only=True)
class CoverageRecord:
    """The coverage of one target's intervals or sets on one part.

    Attributes
    ----------
    part
        The samples that were judged.
    level
        The level that the user chose.
    calibration
        What the intervals or sets came from.
    found
        One for each judged level.
    """

    part: str
    level: float
    calibration: Calibration
    found: tuple[Coverage, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {
            "part": self.part,
            "level": self.level,
            "calibration": self.calibration.to_dict(),
            "found": [
                {
                    "level": one.level,
                    "share": dataclasses.astuple(one.share),
                    "held": one.held_N.astype(int).tolist(),
                    "size": one.size_N.tolist(),
                    "num_groups": one.num_groups,
                }
                for one in self.found
            ],
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> CoverageRecord:
        """The inverse of :meth:`to_dict`.

        Raises
        ------
        ValueError, TypeError, KeyError
            If something else was written.
        """
        for one in content["found"]:
            need(set(one["held"]) <= {0, 1} and len(one["held"]) == len(one["size"]), "wrong coverage")
            need(fits(tuple(one["share"]), tuple[float, ...]) and 0 < one["level"] < 1, "wrong coverage")
        need(fits(content["part"], str) and 0 < content["level"] < 1, "wrong coverage")
        found = [
            Coverage(
                level=one["level"],
                share=Interval(*one["share"]),
                held_N=np.array(one["held"], dtype=bool),
                size_N=np.array(one["size"], dtype=np.float64),
                num_groups=one["num_groups"],
            )
            for one in content["found"]
        ]
        calibration = read_calibration(content["calibration"])
        return cls(part=content["part"], level=content["level"], calibration=calibration, found=tuple(found))


def evaluate_coverage(
    decoder: PredictionDecoder, learned: np.ndarray, samples: Samples, part: str
) -> dict[str, CoverageRecord]:
    """Judge a model's intervals or sets at several levels.

    Parameters
    ----------
    decoder
        With calibrations.
    learned
        Predictions of held-out samples with the draws as the first axis (see :class:`PredictionDecoder`).
    samples
        Whose they are.
    part
        What they are called.

    Returns
    -------
    dict
        Column -> its coverage; targets without intervals, and those of which no truth is known, are left out.
    """
    levels = levels_to_judge(decoder.level)
    at_level = {at: dataclasses.replace(decoder, level=at).predictions(learned, samples) for at in levels}
    records = {}
    for place, (spec, calibration) in enumerate(zip(decoder.targets.specs, decoder.calibrations, strict=True)):
        if calibration is None:
            continue
        tables = {at: found[place].known() for at, found in at_level.items()}
        if len(tables[decoder.level]):
            found = tuple(coverage_of(tables))
            records[spec.column] = CoverageRecord(part=part, level=decoder.level, calibration=calibration, found=found)
    return records


def evaluate_fold_coverage(
    decoder: PredictionDecoder, learned: np.ndarray, samples: Samples, fold_B: np.ndarray
) -> dict[str, CoverageRecord]:
    """Judge intervals or sets on out-of-fold predictions: each fold by what the errors of the others ask for.

    Parameters
    ----------
    decoder
        With the calibrations of all samples, which are recorded.
    learned
        Out-of-fold predictions ``B x ...``.
    samples
        Whose they are.
    fold_B
        Fold of each.

    Returns
    -------
    dict
        As of :func:`evaluate_coverage`; targets that a fold cannot judge are left out.
    """
    by_fold = []
    for fold in np.unique(fold_B):
        own, others = fold_B == fold, fold_B != fold
        calibrations = decoder.calibrate(learned[others], samples.take(others))
        judge = dataclasses.replace(decoder, calibrations=calibrations)
        by_fold.append(evaluate_coverage(judge, learned[own][None], samples.take(own), OUT_OF_FOLD))
    found = {}
    for spec, calibration in zip(decoder.targets.specs, decoder.calibrations, strict=True):
        records = [records[spec.column] for records in by_fold if spec.column in records]
        if calibration is None or not records:
            continue
        known = spec.kind.is_present(samples.observed[spec.column])
        order = np.argsort(fold_B, kind="stable")
        groups = None if samples.groups is None else samples.groups[order][known[order]]
        pooled = pool_coverage(records, groups)
        found[spec.column] = dataclasses.replace(pooled, part=OUT_OF_FOLD, calibration=calibration)
    return found


def pool_coverage(records: Sequence[CoverageRecord], groups: np.ndarray | None) -> CoverageRecord:
    """The coverage of several models on samples of their own as one: the folds of a cross-validation.

    Parameters
    ----------
    records
        One for each model, of the same target and levels.
    groups
        Group of each of their samples, in order; None where each stands for itself.

    Returns
    -------
    CoverageRecord
        Of all samples together. Its calibration is the weakest: one that cannot promise the level if there is one,
        and of these the one that comes from the fewest groups.
    """
    first = records[0]
    held, sizes = (
        {
            one.level: np.concatenate([getattr(record.found[place], name) for record in records])
            for place, one in enumerate(first.found)
        }
        for name in ("held_N", "size_N")
    )
    weakest = min(
        (record.calibration for record in records), key=lambda one: (one.is_guaranteed(first.level), one.num_groups)
    )
    found = tuple(judge_held(held, sizes, groups))
    return CoverageRecord(part="folds", level=first.level, calibration=weakest, found=found)


def coverage_of(tables: Mapping[float, Predictions]) -> list[Coverage]:
    """Judge predictions that have intervals or sets.

    Parameters
    ----------
    tables
        Level -> predictions of the same samples, whose truths are known.

    Returns
    -------
    list
        In the order of the levels.
    """
    first = next(iter(tables.values()))
    if first.sets is not None:
        code_of = {name: code for code, name in enumerate(first.classes)}
        codes = np.array([code_of[label] for label in first.observed])
        return coverage_of_sets(codes, {at: _present(table.sets) for at, table in tables.items()}, first.groups)
    bounds = {at: (_present(table.low), _present(table.high)) for at, table in tables.items()}
    return coverage_of_intervals(first.observed, bounds, first.groups)


def _present(values: np.ndarray | None) -> np.ndarray:
    assert values is not None
    return values
