"""What several studies that were left out, one after the other, say of a further one."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from aam.data.targets.kinds import Predictions
from aam.evaluation.catalogue import Interval, metric
from aam.evaluation.coverage import CoverageRecord
from aam.evaluation.metrics import score
from aam.text import plural

LEAST_STUDIES = 6
"""Studies below which drawing them anew says nothing of a further one: with three, a nominal 95 % covers 75 %."""


@dataclass(frozen=True)
class AcrossStudies:
    """In how many of the studies that were left out, one after the other, the model is better.

    Attributes
    ----------
    number
        Studies that were left out.
    better
        Predictor other than the model -> studies in which the model's main metric is better.
    """

    number: int
    better: Mapping[str, int]

    @property
    def are_few(self) -> bool:
        """Whether they are too few for intervals and clear differences."""
        return self.number < LEAST_STUDIES

    def words(self, who: str) -> str:
        """In how many the model is better than a predictor."""
        return f"{self.better[who]:,} of {plural(self.number, 'study')}"


def across_studies(found: Mapping[str, Mapping[str, Predictions]]) -> AcrossStudies | None:
    """In how many studies the model is better; None where none was left out.

    Parameters
    ----------
    found
        Study -> predictor -> its predictions of that study.
    """
    if not found:
        return None
    scores = [{who: score(table) for who, table in of.items()} for of in found.values()]
    main = next(iter(found.values()))["model"].kind.main_metric
    sign = 1 if metric(main).higher_is_better else -1
    others = [who for who in scores[0] if who != "model"]
    better = {who: sum(sign * (of["model"][main] - of[who][main]) > 0 for of in scores) for who in others}
    return AcrossStudies(len(found), better)


def without_ends(found: Mapping[str, Mapping[str, Interval]]) -> dict[str, dict[str, Interval]]:
    """The same values without intervals."""
    return {who: {name: _without_ends(one) for name, one in of_who.items()} for who, of_who in found.items()}


def coverage_without_ends(record: CoverageRecord) -> CoverageRecord:
    """The same shares without intervals."""
    found = tuple(dataclasses.replace(one, share=_without_ends(one.share)) for one in record.found)
    return dataclasses.replace(record, found=found)


def _without_ends(found: Interval) -> Interval:
    return Interval(found.value, np.nan, np.nan)
