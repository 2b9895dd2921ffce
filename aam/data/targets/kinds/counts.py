"""Counts: whole numbers from 0 on, such as episodes, parasites or species.

What is learned is the expected number for a unit of exposure (a day that was observed, say); predictions are expected
counts of a sample, in its own exposure. Without a column of exposure each sample has one unit.

Intervals are made of square roots (Anscombe 1948), whose spread hardly depends on the mean where counts are Poisson,
and end at whole numbers.

Legend of shapes: ``N`` samples of a study, ``B`` samples that are predicted.

References
----------
Anscombe (1948), The transformation of Poisson, binomial and negative-binomial data, Biometrika 35,
doi:10.1093/biomet/35.3-4.246.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aam.config import LossOptions
from aam.config.target import ColumnOptions
from aam.data.readers.metadata import Metadata
from aam.data.targets.intervals import Calibration, calibrate_numbers, interval
from aam.data.targets.kinds.cells import Cells, cells
from aam.data.targets.kinds.kind import Kind, Predictions, TargetRules, TargetSpec
from aam.data.targets.kinds.numbers import Numbers, learnable, spread
from aam.data.targets.kinds.samples import IntervalSettings, Samples
from aam.errors import InputError
from aam.text import plural, shorten

LEAST_SHARE = 1e-3
"""No expectation is below this share of the training samples' mean: the logarithm of 0 would be infinite."""
LARGEST = 1e9
"""Counts above it are not computed with."""
ROUNDING = 1e-9
EXPOSURE = "exposure"
"""Its column in tables of predictions."""
ANSCOMBE = 3 / 8


@dataclass(frozen=True)
class Counts(Numbers):
    """Counts, of which a model may predict several at once."""

    saved_name = "counts"
    head = "counts"
    metrics = ("d2", "poisson_deviance", "mae", "spearman")
    main_metric = "d2"
    mean_metric = "d2"
    tiles = ("d2", "mae", "spearman")
    charted = ("d2", "mae")
    is_count = True
    mixed_as = None

    def matches_options(self, target: ColumnOptions) -> bool:
        """``--count-target``."""
        return target.count_target

    def learned_by(self, loss: LossOptions) -> Kind:
        """Itself: its loss is a likelihood."""
        return self

    def read(self, metadata: Metadata, column: str, missing: Sequence[str]) -> np.ndarray:
        """Float64, NaN where a value is missing."""
        values = super().read(metadata, column, missing)
        _check_counts(column, values, metadata.source)
        return values

    def fit(
        self, rules: TargetRules, column: str, values: np.ndarray, train_rows: np.ndarray, source: str
    ) -> TargetSpec:
        """Nothing is scaled: the logarithm of the expected count is learned."""
        _check_counts(column, values, source)
        training = learnable(column, values, train_rows, source)
        return TargetSpec(
            column=column,
            kind=self,
            presence=len(training) / len(train_rows),
            mean=float(training.mean()),
            median=float(np.median(training)),
        )

    def describe(self, spec: TargetSpec) -> str:
        """With the training mean."""
        return f"a count (mean {spec.mean:.4g} in the training samples)"

    def encode(self, spec: TargetSpec, values: np.ndarray, level_N: np.ndarray | None) -> np.ndarray:
        """For a unit of exposure (float32)."""
        return (np.asarray(values, dtype=np.float64) / _exposure(level_N, 1)).astype(np.float32)

    def decode(self, spec: TargetSpec, learned: np.ndarray, level_B: np.ndarray | None) -> np.ndarray:
        """Expected counts in the exposure of each sample, none of them 0."""
        return np.clip(learned, LEAST_SHARE * spec.mean, LARGEST) * _exposure(level_B, learned.ndim)

    def calibrate(
        self, spec: TargetSpec, learned: np.ndarray, samples: Samples, settings: IntervalSettings
    ) -> Calibration | None:
        """By errors of square roots."""
        values_B = samples.observed[spec.column]
        known = ~np.isnan(values_B)
        if not known.any():
            return None
        groups = None if samples.groups is None else samples.groups[known]
        expected_B = spec.decode(learned, samples.level_B)
        return calibrate_numbers(roots(values_B[known]), roots(expected_B[known]), groups, settings.level)

    def predict(
        self,
        spec: TargetSpec,
        learned: np.ndarray,
        draws: np.ndarray,
        samples: Samples,
        settings: IntervalSettings,
    ) -> Predictions:
        """Expected counts, and the whole numbers between which a count may well lie."""
        expected_B = spec.decode(learned, samples.level_B)
        low, high = None, None
        if settings.calibration is not None:
            low, high = _whole(expected_B, *interval(settings.calibration, roots(expected_B), settings.level))
        return Predictions(
            kind=self,
            sample_ids=samples.sample_ids,
            observed=samples.observed[spec.column],
            predicted=expected_B,
            groups=samples.groups,
            low=low,
            high=high,
            exposure=samples.level_B if _has_exposure(samples.level_B) else None,
            deviation=spread(np.stack([spec.decode(draw, samples.level_B) for draw in draws])),
        )

    def columns(self, table: Predictions) -> dict[str, list[str]]:
        """As of numbers, with the exposure where there is one."""
        found = super().columns(table)
        return found if table.exposure is None else {**found, EXPOSURE: cells(table.exposure)}

    def from_columns(self, cells: Cells, spec: TargetSpec) -> dict[str, Any]:
        """As of numbers, with the exposure where there is one."""
        found = super().from_columns(cells, spec)
        return found if not cells.has(EXPOSURE) else {**found, "exposure": cells.numbers(EXPOSURE)}

    def constant(self, spec: TargetSpec, table: Predictions) -> Predictions:
        """The training samples' mean, or their mean rate times the exposure of each sample."""
        found = super().constant(spec, table)
        if table.exposure is None:
            return found
        return dataclasses.replace(found, predicted=found.predicted * table.exposure)

    def headline(self, column: str, said: Mapping[str, str]) -> str:
        """The explained deviance of all predictors."""
        forest = f"{said['forest']} for a random forest, " if "forest" in said else ""
        return (
            f"the D\u00b2 (share of the Poisson deviance explained) of {column} is {said['model']}; "
            f"{forest}{said[self.guess]} for predicting the mean."
        )


def whole_counts(learned: np.ndarray, level_N: np.ndarray | None) -> np.ndarray:
    """The counts that were encoded as ``learned``: :meth:`Counts.decode` would not give 0."""
    return np.asarray(np.rint(np.asarray(learned, dtype=np.float64) * _exposure(level_N, learned.ndim)))


def roots(counts: np.ndarray) -> np.ndarray:
    """Anscombe's transform, ``2 sqrt(y + 3/8)``: of a Poisson count it has a variance of about 1."""
    return np.asarray(2 * np.sqrt(counts + ANSCOMBE))


def _whole(expected_B: np.ndarray, low_B: np.ndarray, high_B: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The whole numbers within intervals of roots; the one nearest to the expectation where there is none."""
    nearest_B = np.rint(expected_B)
    ends = [np.maximum(end_B, 0) ** 2 / 4 - ANSCOMBE for end_B in (low_B, high_B)]
    low, high = np.maximum(np.ceil(ends[0] - ROUNDING), 0), np.floor(ends[1] + ROUNDING)
    is_empty = low > high
    return np.where(is_empty, nearest_B, low), np.where(is_empty, nearest_B, high)


def _exposure(level_N: np.ndarray | None, num_axes: int) -> np.ndarray | float:
    """Units of exposure of each sample, which broadcast over further axes; 1 where they are not known."""
    if level_N is None or not _has_exposure(level_N):
        return 1.0
    return level_N.reshape((-1,) + (1,) * (num_axes - 1))


def _has_exposure(level_N: np.ndarray) -> bool:
    """Exposures are numbers, codes of levels are whole."""
    return level_N.dtype.kind == "f"


def _check_counts(column: str, values: np.ndarray, source: str) -> None:
    """Refuse what is no count (:class:`~aam.errors.InputError`)."""
    wrong = values[~np.isnan(values) & ((values < 0) | (values != np.floor(values)) | (values > LARGEST))]
    if len(wrong):
        are = "is not a count" if len(wrong) == 1 else "are not counts"
        problem = f"column '{shorten(column)}': {plural(len(wrong), 'value')} {are} (whole numbers from 0 to "
        problem += f"{LARGEST:,.0f}; first: {wrong[0]:g})"
        raise InputError(source, problem, "leave out --count-target, or the samples with --where")


COUNTS = Counts()
