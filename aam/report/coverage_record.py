"""How often intervals and sets held the truth of a run's held-out samples, as a file of the run."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aam.config.values import fits
from aam.data.intervals import Calibration
from aam.data.saved_intervals import read_calibration
from aam.files.plain import need
from aam.report.coverage import Coverage, coverage_of_intervals, coverage_of_sets, judge_held, levels_to_judge
from aam.report.evaluation import Interval
from aam.report.forecast import Forecast, Samples
from aam.report.predictions import Predictions

COVERAGE = "coverage.json"


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


def judge_coverage(forecast: Forecast, learned: np.ndarray, samples: Samples, part: str) -> dict[str, CoverageRecord]:
    """Judge a model's intervals or sets at several levels.

    Parameters
    ----------
    forecast
        With calibrations.
    learned
        Predictions of held-out samples with the draws as the first axis (see :class:`~aam.report.forecast.Forecast`).
    samples
        Whose they are.
    part
        What they are called.

    Returns
    -------
    dict
        Column -> its coverage; targets without intervals, and those of which no truth is known, are left out.
    """
    levels = levels_to_judge(forecast.level)
    at_level = {at: dataclasses.replace(forecast, level=at).predictions(learned, samples) for at in levels}
    records = {}
    for place, (spec, calibration) in enumerate(zip(forecast.targets.specs, forecast.calibrations, strict=True)):
        if calibration is None:
            continue
        tables = {at: found[place].known() for at, found in at_level.items()}
        if len(tables[forecast.level]):
            found = tuple(_coverage(tables))
            records[spec.column] = CoverageRecord(part=part, level=forecast.level, calibration=calibration, found=found)
    return records


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


def _coverage(tables: Mapping[float, Predictions]) -> list[Coverage]:
    first = next(iter(tables.values()))
    if first.classes:
        code_of = {name: code for code, name in enumerate(first.classes)}
        codes = np.array([code_of[label] for label in first.observed])
        return coverage_of_sets(codes, {at: _present(table.sets) for at, table in tables.items()}, first.groups)
    bounds = {at: (_present(table.low), _present(table.high)) for at, table in tables.items()}
    return coverage_of_intervals(first.observed, bounds, first.groups)


def _present(values: np.ndarray | None) -> np.ndarray:
    assert values is not None
    return values
