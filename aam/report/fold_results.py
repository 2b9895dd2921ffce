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

from aam.data.targets import TargetSpec
from aam.errors import InputError
from aam.report.baselines import constant_predictions
from aam.report.predictions import Predictions, read_predictions, write_labelled
from aam.report.run_record import read_run


@dataclass(frozen=True, kw_only=True, eq=False)
class FoldResult:
    """What one fold found for one target.

    Attributes
    ----------
    repeat, number
        Which fold it is, both from 1.
    predictions
        Predictor (``model``, perhaps ``forest``, and ``guess`` or ``majority``) -> its predictions of the test samples.
    samples
        Part -> number of samples.
    best_epoch
        Epoch (from 0) whose model was kept; -1 for the start.
    seconds
        That the training took.
    """

    repeat: int
    number: int
    predictions: Mapping[str, Predictions]
    samples: Mapping[str, int]
    best_epoch: int
    seconds: float


def read_fold(folder: Path, forest: Path, repeat: int, number: int) -> FoldResult:
    """Read a fold from the run directory of its model and, if it is there, the table of its forest's predictions.

    Raises
    ------
    InputError
        If a file is lacking or damaged, or the forest predicted other samples.
    """
    record = read_run(folder)
    target = record.target
    if target is None or "test" not in record.predictions:
        raise InputError(folder / "test_predictions.tsv", "the fold's predictions are missing", "run the fold anew")
    model = record.predictions["test"]
    predictions = {"model": model}
    if forest.exists():
        predictions["forest"] = _read_forest(forest, target, model)
    predictions["majority" if model.classes else "guess"] = constant_predictions(model, target)
    return FoldResult(
        repeat=repeat,
        number=number,
        predictions=predictions,
        samples=record.data["samples"],
        best_epoch=record.data["model"]["best_epoch"],
        seconds=float(np.nansum(record.history.get("seconds", np.zeros(1)))),
    )


def _read_forest(path: Path, target: TargetSpec, model: Predictions) -> Predictions:
    found = read_predictions(path, target).get("test")
    forest = None if found is None else found.of_samples(model.sample_ids)
    if forest is None:
        raise InputError(path, "does not have the fold's test samples", "remove it and resume the run")
    return dataclasses.replace(forest, groups=model.groups)


def write_folds(path: Path, folds: Sequence[FoldResult], who: str) -> None:
    """Write one predictor's predictions of all folds as one table: ``repeat, fold, sample_id, observed, predicted``.

    For classes ``probability_CLASS`` and for groups ``group`` follow.
    """
    write_labelled(
        path,
        ["repeat", "fold"],
        [([str(fold.repeat), str(fold.number)], fold.predictions[who]) for fold in folds],
    )


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
