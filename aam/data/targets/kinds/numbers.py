"""Numbers, and quantiles of numbers.

Intervals are made where the model learned, in the target's transformed space, and then brought back: so they follow
the target's scale, and are wider for large values where a logarithm was learned. They end where the predictions do: at
the bounds of the head, and of a transform that never leaves the training range. A truth beyond these ends cannot be
held by any interval, and counts as such where the intervals are calibrated. Rounding never excludes a truth that is
exactly as far off as an interval reaches: each end lies further out by the precision of the learned values.

Legend of shapes: ``N`` samples of a study, ``B`` samples that are predicted, ``P`` rarefied draws, ``Q`` quantiles.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from aam.config import HeadOptions, LossOptions
from aam.config.json_dataclass import need
from aam.config.target import MEDIAN, ColumnOptions
from aam.data.readers.computable import computable_spread
from aam.data.readers.metadata import Metadata
from aam.data.targets.intervals import (
    Calibration,
    calibrate_numbers,
    calibrate_quantiles,
    interval,
    quantile_interval,
)
from aam.data.targets.kinds.cells import Cells, cells
from aam.data.targets.kinds.kind import Kind, Predictions, TargetRules, TargetSpec
from aam.data.targets.kinds.samples import IntervalSettings, Samples
from aam.data.targets.transforms import (
    domain_problem,
    fit_parameters,
    fit_shift_and_scale,
    forward,
    inverse,
)
from aam.errors import InputError
from aam.text import plural, shorten

QUANTILE = "quantile_"
ENDS = {"low": "-inf", "high": "inf"}
"""Ends of an interval, and what an empty cell means."""
SAMPLES_PER_DECILE = 20
TOO_LARGE = "--missing leaves such cells out, or give it in other units"
ROUNDING = 1e-9
"""An end of the training range that is scaled and brought back is itself up to this share."""
PRECISION = float(np.finfo(np.float32).eps)
"""Learned values are float32: twice what rounding one of them can change, as a share of its size."""


@dataclass(frozen=True)
class Numbers(Kind):
    """Numbers, of which a model may predict several at once."""

    saved_name = "regression"
    head = "numbers"
    metrics = ("mae", "rmse", "r2", "spearman")
    main_metric = "mae"
    mean_metric = "r2"
    tiles = ("mae", "r2", "spearman")
    charted = ("mae", "r2")
    guess = "guess"
    guessed = "mean"
    shown_as = "numbers"
    mixed_as: ClassVar[Literal["means", "shares"] | None] = "means"

    def matches_options(self, target: ColumnOptions) -> bool:
        """Numbers are what is predicted where nothing else is asked for."""
        return True

    def learned_by(self, loss: LossOptions) -> Kind:
        """Quantiles where the loss learns them."""
        return Quantiles(loss.all_quantiles) if loss.all_quantiles else self

    def read(self, metadata: Metadata, column: str, missing: Sequence[str]) -> np.ndarray:
        """Float64, NaN where a value is missing."""
        return metadata.numeric(column, missing)

    def is_present(self, values: np.ndarray) -> np.ndarray:
        """Not NaN."""
        return ~np.isnan(values)

    def strata(self, values: np.ndarray) -> np.ndarray:
        """Decile of each sample, or its quartile where there are few; missing ones are last."""
        present = values[~np.isnan(values)]
        num_bins = 10 if len(present) >= 10 * SAMPLES_PER_DECILE else 4
        edges = np.unique(np.quantile(present, np.linspace(0, 1, num_bins + 1)[1:-1]))
        return np.searchsorted(np.append(edges, np.inf), values, side="right")

    def strata_words(self, target: str) -> str:
        """Quantiles of the target."""
        return f"quantile of {target}"

    def fit(
        self, rules: TargetRules, column: str, values: np.ndarray, train_rows: np.ndarray, source: str
    ) -> TargetSpec:
        """Fit the transform; one number in the training samples is nothing to learn."""
        training = learnable(column, values, train_rows, source)
        computable_spread(source, column, values[~np.isnan(values)], TOO_LARGE)
        if problem := domain_problem(rules.transform, values):
            raise InputError(source, f"column '{shorten(column)}': {problem}", "--target-transform zscore")
        parameters = fit_parameters(rules.transform, training)
        shift, scale = fit_shift_and_scale(rules.transform, forward(rules.transform, parameters, training))
        spec = TargetSpec(
            column=column,
            kind=self,
            transform=rules.transform,
            parameters=parameters,
            shift=shift,
            scale=scale,
            presence=len(training) / len(train_rows),
            mean=float(training.mean()),
            median=float(np.median(training)),
        )
        _check_precision(spec, values, source)
        return spec

    def check(self, spec: TargetSpec) -> None:
        """No classes."""
        need(not spec.classes, "the kind of target does not fit its classes")

    def describe(self, spec: TargetSpec) -> str:
        """With the training mean."""
        return f"a number (mean {spec.mean:.4g} in the training samples)"

    def output_shape(self, specs: Sequence[TargetSpec]) -> tuple[int, ...]:
        """One for each target."""
        return (len(specs),)

    def encode(self, spec: TargetSpec, values: np.ndarray, level_N: np.ndarray | None) -> np.ndarray:
        """Transformed and scaled (float32)."""
        values = np.asarray(values, dtype=np.float64)
        if problem := domain_problem(spec.transform, values):
            raise InputError(f"column '{shorten(spec.column)}'", problem, "leave their samples out with --where")
        shift, scale = _shift_and_scale(spec, level_N, values.ndim)
        return ((forward(spec.transform, spec.parameters, values) - shift) / scale).astype(np.float32)

    def decode(self, spec: TargetSpec, learned: np.ndarray, level_B: np.ndarray | None) -> np.ndarray:
        """Scaled back, and the transform undone."""
        shift, scale = _shift_and_scale(spec, level_B, learned.ndim)
        return inverse(spec.transform, spec.parameters, learned * scale + shift)

    def part(self, learned: np.ndarray, outputs: slice) -> np.ndarray:
        """Targets are the second axis."""
        return learned[:, outputs.start]

    def calibrate(
        self, spec: TargetSpec, learned: np.ndarray, samples: Samples, settings: IntervalSettings
    ) -> Calibration | None:
        """By errors where the model learns; a truth beyond all predictions is infinitely far off."""
        values_B = samples.observed[spec.column]
        lowest_B, highest_B = _ends(spec, samples.level_B, settings.head)
        within_B = (lowest_B <= values_B) & (values_B <= highest_B)
        truth_B = np.where(within_B, spec.encode(values_B, samples.level_B).astype(np.float64), np.inf)
        known = ~np.isnan(values_B)
        if not known.any():
            return None
        groups = None if samples.groups is None else samples.groups[known]
        return self._score(truth_B[known], learned[known], groups, settings.level)

    def predict(
        self,
        spec: TargetSpec,
        learned: np.ndarray,
        draws: np.ndarray,
        samples: Samples,
        settings: IntervalSettings,
    ) -> Predictions:
        """Decoded, with intervals no further out than predictions can be."""
        level_B = samples.level_B
        low, high = None, None
        if settings.calibration is not None:
            lowest_B, highest_B = _ends(spec, level_B, settings.head)
            low_B, high_B = self._interval(settings.calibration, learned, settings.level)
            ends = (low_B - _rounding(low_B), high_B + _rounding(high_B))
            low, high = (spec.decode(end_B, level_B).clip(lowest_B, highest_B) for end_B in ends)
        return Predictions(
            kind=self,
            sample_ids=samples.sample_ids,
            observed=samples.observed[spec.column],
            predicted=spec.decode(self._point(learned), level_B),
            groups=samples.groups,
            low=low,
            high=high,
            quantiles={level: spec.decode(values_B, level_B) for level, values_B in self._quantiles(learned)},
            deviation=spread(np.stack([spec.decode(self._point(draw), level_B) for draw in draws])),
        )

    def columns(self, table: Predictions) -> dict[str, list[str]]:
        """The number, the ends of its interval, and its quantiles."""
        found = {"predicted": cells(table.predicted)}
        if table.low is not None and table.high is not None:
            found |= {f"predicted_{end}": cells(where_finite(getattr(table, end))) for end in ENDS}
        found |= {f"{QUANTILE}{level:g}": cells(values) for level, values in table.quantiles.items()}
        return found | ({} if table.deviation is None else {"predicted_std": cells(table.deviation)})

    def from_columns(self, cells: Cells, spec: TargetSpec) -> dict[str, Any]:
        """Finite numbers; an end of an interval that is not there is infinite."""
        low, high = (
            cells.numbers(f"predicted_{end}", empty=nowhere, may_be_infinite=True)
            if cells.has(f"predicted_{end}")
            else None
            for end, nowhere in ENDS.items()
        )
        of_level = re.compile(rf"({QUANTILE}([0-9]*\.?[0-9]+(?:e-[0-9]+)?)){re.escape(cells.suffix)}")
        matches = [match for name in cells.columns if (match := of_level.fullmatch(name))]
        return {
            "observed": cells.numbers("observed", empty="0"),
            "predicted": cells.numbers("predicted"),
            "low": low,
            "high": high,
            "quantiles": {float(match[2]): cells.numbers(match[1]) for match in matches},
        }

    def values_of(self, texts: np.ndarray) -> np.ndarray:
        """Float64, NaN where a cell is empty."""
        return np.array([float(text or "nan") for text in texts])

    def constant(self, spec: TargetSpec, table: Predictions) -> Predictions:
        """The training samples' mean."""
        return dataclasses.replace(table, predicted=np.full(len(table), self.guess_of(spec)))

    def guess_of(self, spec: TargetSpec) -> float:
        """The mean."""
        return spec.mean

    def worst(self, table: Predictions) -> np.ndarray:
        """By the size of the error."""
        return np.argsort(-np.abs(table.predicted - table.observed), kind="stable")

    def headline(self, column: str, said: Mapping[str, str]) -> str:
        """The mean absolute error of all predictors."""
        forest = f"{said['forest']} for a random forest, " if "forest" in said else ""
        return (
            f"the mean absolute error of {column} is {said['model']}; "
            f"{forest}{said[self.guess]} for predicting the mean."
        )

    def _score(self, truth_B: np.ndarray, learned: np.ndarray, groups: np.ndarray | None, level: float) -> Calibration:
        return calibrate_numbers(truth_B, learned, groups, level)

    def _interval(self, calibration: Calibration, learned: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
        return interval(calibration, learned, level)

    def _point(self, learned: np.ndarray) -> np.ndarray:
        return learned

    def _quantiles(self, learned: np.ndarray) -> list[tuple[float, np.ndarray]]:
        return []


@dataclass(frozen=True)
class Quantiles(Numbers):
    """Numbers of which a model learns several quantiles; the median is the prediction.

    Attributes
    ----------
    levels
        The quantiles, ascending, with 0.5 among them.
    """

    head = "quantiles"
    levels: tuple[float, ...]

    def output_shape(self, specs: Sequence[TargetSpec]) -> tuple[int, ...]:
        """Each quantile of each target."""
        return len(specs), len(self.levels)

    def _score(
        self, truth_B: np.ndarray, learned_BQ: np.ndarray, groups: np.ndarray | None, level: float
    ) -> Calibration:
        return calibrate_quantiles(truth_B, learned_BQ[:, 0], learned_BQ[:, -1], groups, level)

    def _interval(
        self, calibration: Calibration, learned_BQ: np.ndarray, level: float
    ) -> tuple[np.ndarray, np.ndarray]:
        return quantile_interval(calibration, learned_BQ[:, 0], learned_BQ[:, -1], level)

    def _point(self, learned_BQ: np.ndarray) -> np.ndarray:
        return learned_BQ[:, self.levels.index(MEDIAN)]

    def _quantiles(self, learned_BQ: np.ndarray) -> list[tuple[float, np.ndarray]]:
        return list(zip(self.levels, learned_BQ.T, strict=True))


def spread(values_PB: np.ndarray) -> np.ndarray | None:
    """Standard deviation over the draws, ``B``; None for a single draw."""
    return values_PB.std(axis=0) if len(values_PB) > 1 else None


def refuse_one_value(column: str, training: np.ndarray, shown: str, source: str) -> None:
    """Refuse training values of which all are the same (:class:`~aam.errors.InputError`)."""
    if (training == training[0]).all():
        problem = f"column '{shorten(column)}' has one value ({shorten(shown)}) in the training samples"
        raise InputError(source, f"{problem}: nothing to learn")


def where_finite(values: np.ndarray) -> np.ndarray:
    """Numbers, and NaN for infinite ones: no table of metadata has these."""
    return np.where(np.isfinite(values), values, np.nan)


def _check_precision(spec: TargetSpec, values: np.ndarray, source: str) -> None:
    """Refuse numbers that single precision cannot hold as they are learned, which none is where they are scaled."""
    with np.errstate(all="ignore"):
        learned = spec.encode(values)
    beyond = int(np.isinf(learned).sum())
    if beyond or not 0 < spec.scale < float("inf"):
        problem = f"column '{shorten(spec.column)}': {plural(beyond or len(values), 'value')} cannot be computed with"
        largest = f"(largest {np.nanmax(np.abs(values)):g})"
        raise InputError(source, f"{problem} {largest}", "--target-transform zscore, or give it in other units")


def learnable(column: str, values: np.ndarray, train_rows: np.ndarray, source: str) -> np.ndarray:
    """The numbers of the training samples that have one; fewer than two, or one value, are refused."""
    training = values[train_rows]
    present = training[~np.isnan(training)]
    if len(present) < 2:
        found = plural(len(present), "value") if len(present) else "no value"
        raise InputError(
            source,
            f"column '{shorten(column)}' has {found} in {plural(len(train_rows), 'training sample')}; at least 2 are "
            "needed",
            "choose another split, or leave the column out",
        )
    refuse_one_value(column, present, f"{present[0]:g}", source)
    return present


def _ends(spec: TargetSpec, level_B: np.ndarray, head: HeadOptions) -> tuple[np.ndarray, np.ndarray]:
    """The least and the largest prediction that there can be of each sample, in the user's units."""
    learned_ends = (0.0, 1.0) if head.bounded_targets else (-np.inf, np.inf)
    lowest_B, highest_B = (spec.decode(np.full(len(level_B), end), level_B) for end in learned_ends)
    if head.output_activation != "none":
        lowest_B = np.zeros(len(level_B))
    return lowest_B - ROUNDING * np.abs(lowest_B), highest_B + ROUNDING * np.abs(highest_B)


def _rounding(learned_B: np.ndarray) -> np.ndarray:
    """By how much scaling a truth, and bringing it back, may move it where the model learns."""
    return PRECISION * np.maximum(1, np.abs(learned_B))


def _shift_and_scale(spec: TargetSpec, level_N: np.ndarray | None, num_axes: int) -> tuple[Any, Any]:
    """Numbers, or one for each sample, which broadcast over further axes."""
    if level_N is None or not spec.level_shift:
        return spec.shift, spec.scale
    shape = (-1,) + (1,) * (num_axes - 1)
    return np.array(spec.level_shift)[level_N].reshape(shape), np.array(spec.level_scale)[level_N].reshape(shape)


NUMBERS = Numbers()
