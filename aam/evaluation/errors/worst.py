"""The samples that are predicted worst, and what is unusual about each."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.stats import rankdata

from aam.data.targets.kinds import Predictions
from aam.data.targets.kinds.classes import probability_of
from aam.evaluation.catalogue import number, percent
from aam.evaluation.errors.facts import Facts
from aam.evaluation.errors.measure import signed_error
from aam.evaluation.result_table import ResultTable, Row

MOST = 20
TAIL = 5
"""Per cent of the samples on each side whose value is unusual."""
LITTLE_KNOWN = 0.5
LOW_AND_HIGH = {
    "reads": ("few reads", "many reads"),
    "asvs": ("few ASVs", "many ASVs"),
    "shannon": ("dominated by few ASVs", "very even"),
}


def worst_samples(
    predictions: Predictions,
    facts: Facts,
    warning_N: np.ndarray,
    training_range: tuple[float, float] | None = None,
    most: int = MOST,
) -> ResultTable:
    """The samples with the largest errors, the worst first; of classes, wrong ones only.

    Parameters
    ----------
    predictions
        With truths.
    facts, warning_N
        What is known of these samples.
    training_range
        Smallest and largest number in the training samples, where they are known.
    most
        How many.
    """
    error = signed_error(predictions)
    percentiles = {name: 100 * rankdata(facts[name]) / len(predictions) for name in LOW_AND_HIGH}
    rows: list[Row] = []
    for row in predictions.kind.worst(predictions)[:most]:
        of_fact = {name: float(values[row]) for name, values in facts.items()}
        found: dict[str, object] = {
            "sample-id": str(predictions.sample_ids[row]),
            "observed": predictions.observed[row],
            "predicted": predictions.predicted[row],
        }
        found |= _how_wrong(predictions, row, error)
        found |= {"group": ""} if predictions.groups is None else {"group": str(predictions.groups[row])}
        for name, value in of_fact.items():
            found[name] = value
            if name in percentiles:
                found[f"{name}_percentile"] = float(percentiles[name][row])
        found["warning"] = str(warning_N[row])
        shares = {name: float(values[row]) for name, values in percentiles.items()}
        unusual = [*_tails(shares), *_unknown(of_fact), *_beyond(predictions.observed[row], training_range)]
        found["unusual"] = "; ".join(unusual) or "nothing"
        rows.append(found)
    return ResultTable.of_records(rows)


def _how_wrong(predictions: Predictions, row: int, error: np.ndarray) -> Row:
    if predictions.kind.shown_as == "classes":
        own = predictions.select(np.array([row]))
        return {"probability_of_true": float(probability_of(own, own.observed)[0])}
    return {"error": float(error[row])}


def _tails(percentiles: dict[str, float]) -> Iterator[str]:
    for name, (low, high) in LOW_AND_HIGH.items():
        if percentiles[name] <= TAIL:
            yield f"{low} (percentile {percentiles[name]:.0f})"
        elif percentiles[name] > 100 - TAIL:
            yield f"{high} (percentile {percentiles[name]:.0f})"


def _unknown(facts: dict[str, float]) -> Iterator[str]:
    if facts["novelty"] > 1:
        yield f"unlike the training samples (novelty {number(facts['novelty'])})"
    if facts["familiar_reads"] < LITTLE_KNOWN:
        yield f"only {percent(facts['familiar_reads'])} of its reads are of known ASVs"


def _beyond(observed: object, training_range: tuple[float, float] | None) -> Iterator[str]:
    """Whether the truth is one that no training sample had; of numbers only."""
    if training_range is None or not isinstance(observed, float | int | np.number):
        return
    low, high = training_range
    if observed < low:
        yield f"its true value is below all of training ({number(low)})"
    elif observed > high:
        yield f"its true value is above all of training ({number(high)})"
