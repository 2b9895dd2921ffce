"""From the output of a model to predictions in the user's units, with intervals and their spread over draws.

Intervals are made where the model learned, in the target's transformed space, and then brought back: so they follow
the target's scale, and are wider for large values where a logarithm was learned. They end where the predictions do:
at the bounds of the head, and of a transform that never leaves the training range. A truth beyond these ends cannot be
held by any interval, and counts as such where the intervals are calibrated.

Legend of shapes: ``P`` rarefied draws, ``B`` samples, ``T`` targets, ``Q`` quantiles, ``C`` classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from aam.config import HeadOptions
from aam.config.target import MEDIAN
from aam.data.targets.intervals import (
    Calibration,
    calibrate_classes,
    calibrate_numbers,
    calibrate_quantiles,
    class_sets,
    groups_needed,
    interval,
    quantile_interval,
)
from aam.data.targets.targets import Targets, TargetSpec
from aam.evaluation.prediction_table import Predictions
from aam.text import shorten

ROUNDING = 1e-9
"""An end of the training range that is scaled and brought back is itself up to this share."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Samples:
    """Whose predictions they are.

    Attributes
    ----------
    sample_ids
        ``B`` ids.
    observed
        Column -> true values (``B``): NaN, or an empty label, where they are unknown.
    level_B
        Level within which each sample's targets were scaled (see :class:`~aam.data.targets.targets.Targets`).
    groups
        Group of each sample; None where each stands for itself.
    """

    sample_ids: np.ndarray
    observed: Mapping[str, np.ndarray]
    level_B: np.ndarray
    groups: np.ndarray | None = None


@dataclass(frozen=True, kw_only=True)
class PredictionDecoder:
    """How a model's predictions are read.

    Attributes
    ----------
    targets
        What is predicted.
    quantiles
        The quantiles that were learned; empty where numbers were.
    calibrations
        One for each target, None for a target without intervals; empty where no target has any.
    level
        Share of new samples whose truth the intervals (or sets) shall hold.
    head
        What bounds the predictions of numbers.
    """

    targets: Targets
    quantiles: tuple[float, ...] = ()
    calibrations: tuple[Calibration | None, ...] = ()
    level: float = 0.9
    head: HeadOptions = field(default_factory=HeadOptions)

    def calibrate(self, learned: np.ndarray, samples: Samples) -> tuple[Calibration | None, ...]:
        """Learn from held-out samples how far off predictions are.

        Parameters
        ----------
        learned
            Predictions where the model learned them: ``B x T``, ``B x T x Q``, or class probabilities ``B x C``.
        samples
            Their truths. Samples without one are passed over.

        Returns
        -------
        tuple
            One for each target; None for a target that has no truth.
        """
        if self.targets.kind == "classification":
            spec = self.targets.specs[0]
            return (calibrate_classes(learned, spec.encode(samples.observed[spec.column]), samples.groups, self.level),)
        return tuple(
            self._calibrate_number(spec, learned[:, place], samples) for place, spec in enumerate(self.targets.specs)
        )

    def coverage_warnings(self) -> list[str]:
        """Why intervals (or sets) are missing or their coverage is not guaranteed; empty if all is well."""
        found = []
        named = list(zip(self.targets.columns, self.calibrations, strict=True)) if self.calibrations else []
        few = [one for _, one in named if one is not None and not one.has_groups_for(self.level)]
        if few:
            fewest, level = min(one.num_groups for one in few), max(self.level, *(one.level for one in few))
            found.append(
                f"too few validation groups or samples ({fewest:,}; {groups_needed(level):,} needed) to guarantee "
                f"{100 * level:.6g} % coverage; intervals may be too narrow"
            )
        for column, one in named:
            if one is None:
                found.append(f"column '{shorten(column)}' has no intervals: no validation sample has a value")
            elif one.has_groups_for(self.level) and not one.is_guaranteed(self.level):
                found.append(
                    f"column '{shorten(column)}': {one.beyond:.0%} of the validation values lie outside all possible "
                    "predictions; intervals may be too narrow"
                )
        return found

    def predictions(self, learned: np.ndarray, samples: Samples) -> list[Predictions]:
        """Predictions of samples, for each target.

        Parameters
        ----------
        learned
            As in :meth:`calibrate`, with the draws ``P`` as the first axis.
        samples
            Whose they are.
        """
        mean = learned.mean(axis=0)
        if self.targets.kind == "classification":
            return [self._classes(learned, mean, samples)]
        return [self._numbers(place, spec, learned, mean, samples) for place, spec in enumerate(self.targets.specs)]

    def _classes(self, learned_PBC: np.ndarray, mean_BC: np.ndarray, samples: Samples) -> Predictions:
        spec, calibration = self.targets.specs[0], self._calibration(0)
        best_B = mean_BC.argmax(axis=1)
        return Predictions(
            sample_ids=samples.sample_ids,
            observed=samples.observed[spec.column],
            predicted=np.array(spec.classes, dtype=object)[best_B],
            classes=spec.classes,
            probabilities=mean_BC,
            groups=samples.groups,
            sets=None if calibration is None else class_sets(calibration, mean_BC, self.level),
            deviation=_spread(learned_PBC[:, np.arange(len(best_B)), best_B]),
        )

    def _numbers(
        self, place: int, spec: TargetSpec, learned: np.ndarray, mean: np.ndarray, samples: Samples
    ) -> Predictions:
        def decode(values_B: np.ndarray) -> np.ndarray:
            return spec.decode(values_B, samples.level_B)

        middle = (self.quantiles.index(MEDIAN),) if self.quantiles else ()
        said_B = mean[(slice(None), place, *middle)]
        draws_PB = learned[(slice(None), slice(None), place, *middle)]
        low, high = self._interval(place, mean[:, place], samples.level_B)
        return Predictions(
            sample_ids=samples.sample_ids,
            observed=samples.observed[spec.column],
            predicted=decode(said_B),
            groups=samples.groups,
            low=low,
            high=high,
            quantiles={level: decode(mean[:, place, q]) for q, level in enumerate(self.quantiles)},
            deviation=_spread(np.stack([decode(draw_B) for draw_B in draws_PB])),
        )

    def _calibration(self, place: int) -> Calibration | None:
        return self.calibrations[place] if self.calibrations else None

    def _calibrate_number(self, spec: TargetSpec, said: np.ndarray, samples: Samples) -> Calibration | None:
        """The calibration of one target; a truth beyond all predictions is infinitely far off."""
        values_B = samples.observed[spec.column]
        lowest_B, highest_B = self._ends(spec, samples.level_B)
        within_B = (lowest_B <= values_B) & (values_B <= highest_B)
        truth_B = np.where(within_B, spec.encode(values_B, samples.level_B).astype(np.float64), np.inf)
        known = ~np.isnan(values_B)
        if not known.any():
            return None
        groups = None if samples.groups is None else samples.groups[known]
        if self.quantiles:
            return calibrate_quantiles(truth_B[known], said[known, 0], said[known, -1], groups, self.level)
        return calibrate_numbers(truth_B[known], said[known], groups, self.level)

    def _interval(
        self, place: int, said: np.ndarray, level_B: np.ndarray
    ) -> tuple[np.ndarray | None, np.ndarray | None]:
        """Both ends in the user's units, no further out than predictions can be."""
        calibration, spec = self._calibration(place), self.targets.specs[place]
        if calibration is None:
            return None, None
        if self.quantiles:
            low_B, high_B = quantile_interval(calibration, said[:, 0], said[:, -1], self.level)
        else:
            low_B, high_B = interval(calibration, said, self.level)
        ends = self._ends(spec, level_B)
        return spec.decode(low_B, level_B).clip(*ends), spec.decode(high_B, level_B).clip(*ends)

    def _ends(self, spec: TargetSpec, level_B: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The least and the largest prediction that there can be of each sample, in the user's units."""
        learned_ends = (0.0, 1.0) if self.head.bounded_targets else (-np.inf, np.inf)
        lowest_B, highest_B = (spec.decode(np.full(len(level_B), end), level_B) for end in learned_ends)
        if self.head.output_activation != "none":
            lowest_B = np.zeros(len(level_B))
        return lowest_B - ROUNDING * np.abs(lowest_B), highest_B + ROUNDING * np.abs(highest_B)


def _spread(values_PB: np.ndarray) -> np.ndarray | None:
    """Standard deviation over the draws, ``B``; None for a single draw."""
    return values_PB.std(axis=0) if len(values_PB) > 1 else None


def values_of(observed: Mapping[str, np.ndarray], rows: np.ndarray | Sequence[int]) -> dict[str, np.ndarray]:
    """The true values of some samples, by column."""
    return {column: values[rows] for column, values in observed.items()}
