"""How good the competitors of a task are, over all folds of all repeats.

The predictions of a repeat's folds are pooled, each metric is the mean over the repeats, and each bootstrap draw takes
the same samples, or whole groups, of all repeats.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from aam.config.commands.benchmark import TaskOptions
from aam.data.targets.kinds import Kind, Predictions
from aam.evaluation.catalogue import Interval, metric
from aam.evaluation.coverage import Coverage, coverage_of
from aam.evaluation.metrics import compare_repeats, evaluate_repeats
from aam.learners.catalogue import FOREST
from aam.workflows.benchmark.fold_record import BLEND, LEVEL, FoldRecord

MAIN = {"mae": "r2", "balanced_accuracy": "auroc"}
"""Main metric of a kind -> the one that competitors are compared by, where that is another: it knows chance."""
CHANCE = {"r2": 0.0, "auroc": 0.5, "d2": 0.0, "qwk": 0.0}
"""Main metric -> its value where nothing can be predicted."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How good one competitor is.

    Attributes
    ----------
    metrics
        Each metric with its interval.
    difference
        How much larger each is than the forest's (paired); empty for the forest.
    seconds
        Mean over the folds; None for a constant prediction.
    weight
        Mean weight of a member in the blend; None for any other competitor.
    """

    metrics: Mapping[str, Interval]
    difference: Mapping[str, Interval] = field(default_factory=dict)
    seconds: float | None = None
    weight: float | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class TaskResult:
    """The results of a task.

    Attributes
    ----------
    name, options
        The task.
    kind
        What its target is.
    num_samples, num_groups
        Test samples, each of which is predicted once in every repeat; groups, or None where there are none.
    folds, repeats
        Folds of each repeat, and repeats.
    standings
        Competitor -> how good it is.
    coverage
        How often the blend's intervals, or sets, held the truth; None where it has none.
    new_reads
        Mean share of a test sample's reads that are of ASVs which the training samples lack.
    left_out
        Learner -> why it is not a member.
    peak_bytes
        Most memory of the process in any fold.
    """

    name: str
    options: TaskOptions
    kind: Kind
    num_samples: int
    num_groups: int | None
    folds: int
    repeats: int
    standings: Mapping[str, Standing]
    coverage: Coverage | None
    new_reads: float
    left_out: Mapping[str, str]
    peak_bytes: int

    @property
    def main(self) -> str:
        """The metric that competitors are compared by; higher is better."""
        return MAIN.get(self.kind.main_metric, self.kind.main_metric)

    @property
    def lead(self) -> Interval:
        """How much better the blend is than the forest."""
        return self.standings[BLEND].difference[self.main]

    @property
    def finds_something(self) -> bool:
        """Whether the blend is better than chance, as far as can be told."""
        return self.standings[BLEND].metrics[self.main].low > CHANCE[self.main]


def assess(name: str, options: TaskOptions, records: Sequence[FoldRecord]) -> TaskResult:
    """Judge the competitors that took part in all folds of a task.

    Parameters
    ----------
    name, options
        The task.
    records
        All its folds; the forest and the blend took part in each.
    """
    tables = [(record, record.predictions()) for record in records]
    repeats = sorted({record.repeat for record in records})
    names = [name for name in tables[0][1] if all(name in found for _, found in tables)]
    pooled = {
        who: [_pooled([found[who] for record, found in tables if record.repeat == repeat]) for repeat in repeats]
        for who in names
    }
    first = pooled[BLEND][0]
    return TaskResult(
        name=name,
        options=options,
        kind=first.kind,
        num_samples=len(first),
        num_groups=None if first.groups is None else len(np.unique(first.groups.astype(str))),
        folds=len(records) // len(repeats),
        repeats=len(repeats),
        standings={who: _standing(who, pooled, records) for who in names},
        coverage=_coverage(pooled[BLEND]),
        new_reads=1 - float(np.concatenate([record.familiar for record in records]).mean()),
        left_out={who: why for record in records for who, why in record.left_out.items()},
        peak_bytes=max(record.peak_bytes for record in records),
    )


def _standing(who: str, pooled: Mapping[str, Sequence[Predictions]], records: Sequence[FoldRecord]) -> Standing:
    seconds = [record.seconds[who] for record in records if who in record.seconds]
    weights = [record.weights[who] for record in records if who in record.weights]
    return Standing(
        metrics=evaluate_repeats(pooled[who]),
        difference={} if who == FOREST else compare_repeats(pooled[who], pooled[FOREST]),
        seconds=float(np.mean(seconds)) if seconds else None,
        weight=float(np.mean(weights)) if weights else None,
    )


def _pooled(parts: Sequence[Predictions]) -> Predictions:
    """The predictions of the folds of one repeat, in the order of the samples' ids."""
    found = _together(parts)
    return found.select(np.argsort(found.sample_ids.astype(str), kind="stable"))


def _together(parts: Sequence[Predictions]) -> Predictions:
    """Predictions one below the other, with what all parts have."""
    columns = {name: [getattr(part, name) for part in parts] for name in POOLED}
    there: dict[str, Any] = {
        name: np.concatenate(values) for name, values in columns.items() if not any(v is None for v in values)
    }
    return Predictions(kind=parts[0].kind, classes=parts[0].classes, **there)


POOLED = ("sample_ids", "observed", "predicted", "probabilities", "groups", "low", "high", "sets")


def _coverage(repeats: Sequence[Predictions]) -> Coverage | None:
    """Of all repeats together, whose predictions of a sample belong together."""
    found = _together(repeats)
    if found.low is None and found.sets is None:
        return None
    if found.groups is None:
        found = dataclasses.replace(found, groups=found.sample_ids)
    return coverage_of({LEVEL: found})[0]


def is_better(result: TaskResult) -> int:
    """1 where the blend is clearly better than the forest (the interval excludes 0), -1 where clearly worse, else 0."""
    assert metric(result.main).higher_is_better
    return int(result.lead.low > 0) - int(result.lead.high < 0)
