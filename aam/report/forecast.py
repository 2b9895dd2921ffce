"""From what a model learned to say to predictions in the user's units, with intervals and their spread over draws.

Intervals are made where the model learned, in the target's transformed space, and then brought back: so they follow
the target's scale, and are wider for large values where a logarithm was learned.

Legend of shapes: ``P`` rarefied draws, ``B`` samples, ``T`` targets, ``Q`` quantiles, ``C`` classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from aam.config.target import MEDIAN
from aam.data.intervals import (
    Calibration,
    calibrate_classes,
    calibrate_numbers,
    calibrate_quantiles,
    class_sets,
    interval,
    quantile_interval,
)
from aam.data.targets import Targets, TargetSpec
from aam.report.predictions import Predictions


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
        Level within which each sample's targets were scaled (see :class:`~aam.data.targets.Targets`).
    groups
        Group of each sample; None where each stands for itself.
    """

    sample_ids: np.ndarray
    observed: Mapping[str, np.ndarray]
    level_B: np.ndarray
    groups: np.ndarray | None = None


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """How a model's predictions are read.

    Attributes
    ----------
    targets
        What is predicted.
    quantiles
        The quantiles that were learned; empty where numbers were.
    calibrations
        One for each target, or none: then there are no intervals.
    level
        Share of new samples whose truth the intervals (or sets) shall hold.
    """

    targets: Targets
    quantiles: tuple[float, ...] = ()
    calibrations: tuple[Calibration, ...] = ()
    level: float = 0.9

    def calibrate(self, learned: np.ndarray, samples: Samples) -> tuple[Calibration, ...]:
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
            One for each target; none at all where a target has no truth.
        """
        truth_BT = self.targets.encode(samples.observed, samples.level_B)
        groups = samples.groups
        if self.targets.kind == "classification":
            return (calibrate_classes(learned, truth_BT[:, 0], groups, self.level),)
        found = []
        for place in range(len(self.targets)):
            truth_B, said = truth_BT[:, place].astype(np.float64), learned[:, place]
            known = ~np.isnan(truth_B)
            if not known.any():
                return ()
            of_known = None if groups is None else groups[known]
            if self.quantiles:
                found.append(calibrate_quantiles(truth_B[known], said[known, 0], said[known, -1], of_known, self.level))
            else:
                found.append(calibrate_numbers(truth_B[known], said[known], of_known, self.level))
        return tuple(found)

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
        spec = self.targets.specs[0]
        best_B = mean_BC.argmax(axis=1)
        return Predictions(
            sample_ids=samples.sample_ids,
            observed=samples.observed[spec.column],
            predicted=np.array(spec.classes, dtype=object)[best_B],
            classes=spec.classes,
            probabilities=mean_BC,
            groups=samples.groups,
            sets=class_sets(self.calibrations[0], mean_BC, self.level) if self.calibrations else None,
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
        low, high = self._interval(place, mean[:, place])
        return Predictions(
            sample_ids=samples.sample_ids,
            observed=samples.observed[spec.column],
            predicted=decode(said_B),
            groups=samples.groups,
            low=None if low is None else decode(low),
            high=None if high is None else decode(high),
            quantiles={level: decode(mean[:, place, q]) for q, level in enumerate(self.quantiles)},
            deviation=_spread(np.stack([decode(draw_B) for draw_B in draws_PB])),
        )

    def _interval(self, place: int, said: np.ndarray) -> tuple[np.ndarray | None, np.ndarray | None]:
        if not self.calibrations:
            return None, None
        if self.quantiles:
            return quantile_interval(self.calibrations[place], said[:, 0], said[:, -1], self.level)
        return interval(self.calibrations[place], said, self.level)


def _spread(values_PB: np.ndarray) -> np.ndarray | None:
    """Standard deviation over the draws, ``B``; None for a single draw."""
    return values_PB.std(axis=0) if len(values_PB) > 1 else None


def values_of(observed: Mapping[str, np.ndarray], rows: np.ndarray | Sequence[int]) -> dict[str, np.ndarray]:
    """The true values of some samples, by column."""
    return {column: values[rows] for column, values in observed.items()}
