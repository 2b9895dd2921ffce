"""How good the choice is beside the untuned default, on samples that no trial saw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aam.config import TrainConfig
from aam.data.targets.kinds import Predictions
from aam.evaluation.metrics import compare, evaluate
from aam.files.columns import Columns
from aam.report.tuning.shown import ShownOuter
from aam.workflows.tune.fit import Fitter
from aam.workflows.tune.plan import TunePlan
from aam.workflows.tune.search import pooled


@dataclass(frozen=True, kw_only=True, eq=False)
class Outer:
    """Predictions of the samples that judge.

    Attributes
    ----------
    tuned, default
        For each target, by the choice and by the untuned default: the same samples in the same order.
    """

    tuned: list[Predictions]
    default: list[Predictions]


def judge_choices(plan: TunePlan, chosen: Sequence[TrainConfig]) -> Outer:
    """Train the choice of each search, and the default, on all that the search saw, and predict the samples that judge.

    Parameters
    ----------
    plan
        The plan.
    chosen
        The choice of each of its parts.
    """
    fitter = Fitter(plan.study)
    tuned, default = [], []
    for part, config in zip(plan.parts, chosen, strict=True):
        if len(part.outer.test):
            default.append(fitter.predict(plan.training, part.outer).tables)
            tuned.append(default[-1] if config == plan.training else fitter.predict(config, part.outer).tables)
    return Outer(tuned=pooled(tuned), default=pooled(default))


def shown_outer(found: Outer, columns: Sequence[str]) -> list[ShownOuter]:
    """Metrics of both with intervals, and their paired differences, for each target."""
    return [_shown(*one) for one in zip(columns, found.tuned, found.default, strict=True)]


def outer_table(found: Outer, columns: Sequence[str]) -> Columns:
    """Columns ``target, sample-id, observed, tuned, untuned``: what was predicted of the samples that judge."""
    rows = [
        (
            column,
            *map(_plain, (tuned.sample_ids[row], tuned.observed[row], tuned.predicted[row], default.predicted[row])),
        )
        for column, tuned, default in zip(columns, found.tuned, found.default, strict=True)
        for row in range(len(tuned))
    ]
    return Columns.of_rows(("target", "sample-id", "observed", "tuned", "untuned"), rows)


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, float | np.floating) else str(value)


def _shown(column: str, tuned: Predictions, default: Predictions) -> ShownOuter:
    groups = tuned.groups
    names = ("predicted", "probabilities")
    return ShownOuter(
        column=column,
        main=tuned.kind.main_metric,
        samples=len(tuned),
        groups=None if groups is None else len(np.unique(groups.astype(str))),
        tuned=evaluate(tuned),
        default=evaluate(default),
        difference=compare(tuned, default),
        is_same=all(np.array_equal(getattr(tuned, name), getattr(default, name)) for name in names),
    )
