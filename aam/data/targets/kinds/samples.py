"""Samples that are predicted, and what their intervals are made with.

Legend of shapes: ``B`` samples.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from aam.config import HeadOptions
from aam.data.targets.intervals import Calibration


@dataclass(frozen=True, kw_only=True, eq=False)
class Samples:
    """Samples that are predicted.

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

    def take(self, chosen: np.ndarray) -> Samples:
        """Some of them: places, or a mask."""
        return Samples(
            sample_ids=self.sample_ids[chosen],
            observed={column: values[chosen] for column, values in self.observed.items()},
            level_B=self.level_B[chosen],
            groups=None if self.groups is None else self.groups[chosen],
        )


@dataclass(frozen=True, kw_only=True)
class IntervalSettings:
    """What intervals (or sets) are made with: their level, the bounds of the head, and the errors that were seen."""

    level: float
    head: HeadOptions
    calibration: Calibration | None = None
