"""From the output of a model to predictions in the user's units, with intervals and their spread over draws.

Legend of shapes: ``P`` rarefied draws, ``B`` samples, ``T`` targets, ``Q`` quantiles, ``C`` classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from aam.config import HeadOptions
from aam.data.targets.intervals import Calibration, groups_needed
from aam.data.targets.kinds import IntervalSettings, Predictions, Samples
from aam.data.targets.targets import Targets
from aam.text import shorten


@dataclass(frozen=True, kw_only=True)
class PredictionDecoder:
    """How a model's predictions are read.

    Attributes
    ----------
    targets
        What is predicted.
    calibrations
        One for each target, None for a target without intervals; empty where no target has any.
    level
        Share of new samples whose truth the intervals (or sets) shall hold.
    head
        What bounds the predictions of numbers.
    """

    targets: Targets
    calibrations: tuple[Calibration | None, ...] = ()
    level: float = 0.9
    head: HeadOptions = field(default_factory=HeadOptions)

    def calibrate(self, learned: np.ndarray, samples: Samples) -> tuple[Calibration | None, ...]:
        """Learn from held-out samples how far off predictions are.

        Parameters
        ----------
        learned
            Predictions where the model learned them: ``B x T``, ``B x T x Q``, or probabilities ``B x C`` of the
            classes of all targets.
        samples
            Their truths. Samples without one are passed over.

        Returns
        -------
        tuple
            One for each target; None for a target that has no truth.
        """
        return tuple(
            self.targets.kind.calibrate(spec, self.targets.part(learned, place), samples, self._settings())
            for place, spec in enumerate(self.targets.specs)
        )

    def coverage_warnings(self) -> list[str]:
        """Why intervals (or sets) are missing or their coverage is not guaranteed; empty if all is well."""
        found = []
        named = list(zip(self.targets.columns, self.calibrations, strict=True)) if self.calibrations else []
        few = [one for _, one in named if one is not None and not one.has_groups_for(self.level)]
        if few:
            fewest, level = min(one.num_groups for one in few), max(self.level, *(one.level for one in few))
            sets = "prediction sets may be too small" if few[0].has_sets else "intervals may be too narrow"
            found.append(
                f"too few calibration groups or samples ({fewest:,}; {groups_needed(level):,} needed) to guarantee "
                f"{100 * level:.6g} % coverage; {sets}"
            )
        for column, one in named:
            if one is None:
                found.append(f"column '{shorten(column)}' has no intervals: no calibration sample has a value")
            elif one.has_groups_for(self.level) and not one.is_guaranteed(self.level):
                found.append(
                    f"column '{shorten(column)}': {one.beyond:.0%} of the calibration values lie outside all possible "
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
        kind, mean = self.targets.kind, learned.mean(axis=0)
        tables = []
        for place, spec in enumerate(self.targets.specs):
            draws = np.stack([self.targets.part(draw, place) for draw in learned])
            one = self.targets.part(mean, place)
            tables.append(kind.predict(spec, one, draws, samples, self._settings(place)))
        return tables

    def _settings(self, place: int | None = None) -> IntervalSettings:
        """How intervals are made, with the calibration of one of the targets."""
        calibration = None if place is None or not self.calibrations else self.calibrations[place]
        return IntervalSettings(level=self.level, head=self.head, calibration=calibration)


def values_of(observed: Mapping[str, np.ndarray], rows: np.ndarray | Sequence[int]) -> dict[str, np.ndarray]:
    """The true values of some samples, by column."""
    return {column: values[rows] for column, values in observed.items()}
