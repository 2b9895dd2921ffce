"""Effects of one model, and of models of folds put together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aam.data.targets.kinds import NUMBERS
from aam.explanation.catalogue import METHODS
from aam.explanation.effects import Effects
from aam.explanation.model import ExplainedModel
from aam.explanation.results.pool import pool
from aam.learners.folds import deal_folds
from aam.learners.protocol import Labelled
from benchmarks.explain.studies import Simulated, fitted


def measured(
    data: Simulated,
    model: ExplainedModel,
    rows: np.ndarray,
    method: str = "removal",
    target_N: np.ndarray | None = None,
) -> dict[tuple[str, str], Effects]:
    """Learner and level -> effects on some samples."""
    found = METHODS[method].explain(data.subject(model, data.groups(), rows, target_N))
    return {(one.learner, one.level): one for one in found}


def together(data: Simulated, target_N: np.ndarray, number: int, methods: Sequence[str]) -> list[Effects]:
    """Effects of one model on samples of other subjects, or of the models of so many folds on those of each fold."""
    rows = data.training
    if number == 1:
        models = [(fitted(data, target_N=target_N), data.explained)]
    else:
        samples = Labelled(rows=rows, targets=target_N[rows][:, None], groups=data.unit_N[rows])
        fold_N = deal_folds(NUMBERS, samples, data.seed, number)
        models = [(fitted(data, rows[fold_N != fold], target_N), rows[fold_N == fold]) for fold in range(number)]
    parts = [
        [one for method in methods for one in measured(data, model, held_out, method, target_N).values()]
        for model, held_out in models
    ]
    return pool(parts, [data.unit_N[held_out] for _, held_out in models], seed=data.seed)
