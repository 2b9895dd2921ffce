"""Pooled results of all folds as a table and a record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aam.data.targets.kinds import Predictions
from aam.evaluation.catalogue import Interval
from aam.evaluation.metrics import compare, evaluate, score

SHOWN = {False: ("r2", "mae", "spearman"), True: ("balanced_accuracy", "accuracy", "auroc")}
HEADERS = {
    "r2": "R2",
    "mae": "MAE",
    "spearman": "Spearman",
    "balanced_accuracy": "balanced accuracy",
    "accuracy": "accuracy",
    "auroc": "AUROC",
}


@dataclass(frozen=True, eq=False)
class Result:
    """One model's predictions of the test part of each fold, and the seconds that all folds took together."""

    folds: Sequence[Predictions]
    seconds: float


def pooled(folds: Sequence[Predictions], groups: Mapping[str, str]) -> Predictions:
    """The predictions of all folds as one, in the order of the samples' ids, with their groups."""
    first = folds[0]
    ids = np.concatenate([fold.sample_ids for fold in folds])
    probabilities = [fold.probabilities for fold in folds if fold.probabilities is not None]
    found = Predictions(
        kind=folds[0].kind,
        sample_ids=ids,
        observed=np.concatenate([fold.observed for fold in folds]),
        predicted=np.concatenate([fold.predicted for fold in folds]),
        classes=first.classes,
        probabilities=np.concatenate(probabilities) if probabilities else None,
        low=_together([fold.low for fold in folds]),
        high=_together([fold.high for fold in folds]),
        groups=np.array([groups[sample_id] for sample_id in ids], dtype=object),
    )
    return found.select(np.argsort(ids.astype(str), kind="stable"))


def _together(parts: Sequence[np.ndarray | None]) -> np.ndarray | None:
    present = [part for part in parts if part is not None]
    return np.concatenate(present) if len(present) == len(parts) else None


def summarise(results: Mapping[str, Result], groups: Mapping[str, str], reference: str) -> dict[str, Any]:
    """Metrics of each model over the samples that every model has predicted, with intervals by group.

    Parameters
    ----------
    results
        Model -> its predictions.
    groups
        Sample -> its group.
    reference
        The model that the others are compared with (paired).

    Returns
    -------
    dict
        ``samples`` (shared by all models), ``left_out`` and ``models``: model -> ``metrics`` and ``difference`` (each
        ``[value, low, high]``), ``folds`` (metrics of each fold) and ``seconds``.
    """
    tables = {model: pooled(result.folds, groups) for model, result in results.items()}
    every = set().union(*(table.sample_ids for table in tables.values()))
    shared = sorted(every.intersection(*(table.sample_ids for table in tables.values())))
    found = {model: table.of_samples(shared) for model, table in tables.items()}
    models = {}
    for model, table in found.items():
        assert table is not None
        other = found[reference]
        assert other is not None
        models[model] = {
            "metrics": _plain(evaluate(table)),
            "difference": _plain(compare(table, other)) if model != reference else {},
            "folds": [{name: _rounded(x) for name, x in score(fold).items()} for fold in results[model].folds],
            "seconds": round(results[model].seconds, 1),
        }
    return {"samples": len(shared), "left_out": len(every) - len(shared), "reference": reference, "models": models}


def markdown(title: str, words: Sequence[str], summary: Mapping[str, Any], *, classifier: bool) -> str:
    """The table with what it is about."""
    shown = SHOWN[classifier]
    reference, main = summary["reference"], shown[0]
    header = ["model", *(HEADERS[name] for name in shown), f"difference in {HEADERS[main]} to {reference}", "seconds"]
    rows = [header, ["---"] * len(header)]
    for model, found in summary["models"].items():
        values = [_cell(found["metrics"][name]) for name in shown]
        difference = _cell(found["difference"][main], sign=True) if found["difference"] else ""
        rows.append([model, *values, difference, f"{found['seconds']:,.0f}"])
    lines = [f"# {title}", "", *words, "", *(f"| {' | '.join(row)} |" for row in rows), ""]
    return "\n".join(lines)


def _cell(values: Sequence[float | None], *, sign: bool = False) -> str:
    """A value with its interval."""
    if values[0] is None:
        return ""
    value, low, high = (f"{x:+.3f}" if sign else f"{x:.3f}" for x in values if x is not None)
    return f"{value} ({low} to {high})"


def _plain(intervals: Mapping[str, Interval]) -> dict[str, list[float | None]]:
    """Intervals as JSON has them; None where a value is not defined."""
    return {name: [_rounded(x) for x in (i.value, i.low, i.high)] for name, i in intervals.items()}


def _rounded(value: float) -> float | None:
    return round(float(value), 5) if np.isfinite(value) else None
