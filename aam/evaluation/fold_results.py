"""The folds of a cross-validation as they come out: read from their run directories, and put together.

With several repeats a sample has several predictions, each by a model that never saw it. Metrics are those of all of
them together, not of their averages, which would be the predictions of an ensemble and better than any one model's.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aam.data.targets.kinds import Predictions, TargetSpec
from aam.errors import InputError
from aam.evaluation.coverage import CoverageRecord
from aam.evaluation.prediction_table import read_predictions, suffixes
from aam.evaluation.run_results import read_run, training_times
from aam.runs.layout import PREDICTIONS


@dataclass(frozen=True, kw_only=True, eq=False)
class FoldResult:
    """What one fold found for one target.

    Attributes
    ----------
    repeat, number
        Which fold it is, both from 1.
    predictions
        Predictor (``model``, perhaps ``forest``, and ``guess`` or ``majority``) -> its predictions of those test
        samples that have the target.
    samples
        Part -> number of samples.
    best_epochs
        Epoch (from 0) whose model was kept; -1 for the start. One for each model of an ensemble.
    seconds
        That the training took.
    coverage
        How often the model's intervals or sets held the truth of the test samples; None where it has none.
    """

    repeat: int
    number: int
    predictions: Mapping[str, Predictions]
    samples: Mapping[str, int]
    best_epochs: Sequence[int]
    seconds: float
    coverage: CoverageRecord | None = None


def read_fold(folder: Path, forest: Path, repeat: int, number: int) -> dict[str, FoldResult]:
    """Read a fold from the run directory of its model and, if it is there, the table of its forest's predictions.

    Returns
    -------
    dict
        Column -> what the fold found for it. Targets that none of its test samples has are left out.

    Raises
    ------
    InputError
        If a file is lacking or damaged, or the forest predicted other samples.
    """
    record = read_run(folder)
    if record.targets is None or not (folder / PREDICTIONS["test"]).exists():
        raise InputError(folder / PREDICTIONS["test"], "the fold's predictions are missing", "run the fold anew")
    best_epochs, seconds = training_times(record)
    results = {}
    for spec, suffix in zip(record.targets.specs, suffixes(record.targets.columns), strict=True):
        model = record.predictions.get("test", {}).get(spec.column)
        if model is None:
            continue
        predictions = {"model": model}
        if forest.exists():
            predictions["forest"] = _read_forest(forest, spec, suffix, model)
        predictions[spec.kind.guess] = spec.kind.constant(spec, model)
        results[spec.column] = FoldResult(
            repeat=repeat,
            number=number,
            predictions=predictions,
            samples=record.data["samples"],
            best_epochs=best_epochs,
            seconds=seconds,
            coverage=record.coverage.get(spec.column),
        )
    return results


def _read_forest(path: Path, target: TargetSpec, suffix: str, model: Predictions) -> Predictions:
    found = read_predictions(path, target, suffix=suffix).get("test")
    forest = None if found is None else found.of_samples(model.sample_ids)
    if forest is None:
        raise InputError(path, "does not have the fold's test samples", "remove it and resume the run")
    return dataclasses.replace(forest, groups=model.groups)


def pooled(folds: Sequence[FoldResult], who: str) -> Predictions:
    """One predictor's predictions of all folds, one below the other.

    Where samples are there several times, their predictions belong together as groups do.
    """
    parts = [fold.predictions[who] for fold in folds]
    first = parts[0]
    ids = np.concatenate([part.sample_ids for part in parts])
    groups = None if first.groups is None else np.concatenate([part.groups for part in parts])
    if groups is None and len(np.unique(ids.astype(str))) < len(ids):
        groups = ids
    return Predictions(
        kind=first.kind,
        sample_ids=ids,
        observed=np.concatenate([part.observed for part in parts]),
        predicted=np.concatenate([part.predicted for part in parts]),
        classes=first.classes,
        probabilities=np.concatenate([part.probabilities for part in parts]) if first.classes else None,
        groups=groups,
    )


def averaged(folds: Sequence[FoldResult], who: str) -> Predictions:
    """One row a sample: the mean over the repeats of the predicted numbers, or of the classes' probabilities."""
    found = pooled(folds, who)
    ids, first, sample_of = np.unique(found.sample_ids.astype(str), return_index=True, return_inverse=True)
    single = found.select(first)
    if len(ids) == len(found):
        return single
    has_groups = folds[0].predictions[who].groups is not None
    single = dataclasses.replace(single, groups=single.groups if has_groups else None)
    if found.probabilities is None:
        return dataclasses.replace(single, predicted=_means(found.predicted[:, None], sample_of)[:, 0])
    probabilities = _means(found.probabilities, sample_of)
    predicted = np.array(found.classes, dtype=object)[probabilities.argmax(axis=1)]
    return dataclasses.replace(single, predicted=predicted, probabilities=probabilities)


def _means(values: np.ndarray, sample_of: np.ndarray) -> np.ndarray:
    """Mean over the rows of each sample."""
    sums = np.zeros((sample_of.max() + 1, values.shape[1]))
    np.add.at(sums, sample_of, values)
    return sums / np.bincount(sample_of)[:, None]
