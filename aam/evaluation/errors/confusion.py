"""Which classes are taken for which, in all samples and in each level of a column."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from aam.data.targets.kinds import Predictions
from aam.evaluation.result_table import ResultTable, Row


def confusion_table(predictions: Predictions, columns: Mapping[str, np.ndarray]) -> ResultTable:
    """Counts of samples by true and predicted class.

    Parameters
    ----------
    predictions
        Of classes, with truths.
    columns
        Name of a column -> level of each sample, ``""`` where it is missing.

    Returns
    -------
    ResultTable
        A row for each pair of classes that occurs, with its share of the samples of the true class.
    """
    return ResultTable.of_records(_rows(predictions, columns))


def _rows(predictions: Predictions, columns: Mapping[str, np.ndarray]) -> Iterator[Row]:
    yield from _pairs(predictions, "all", "")
    for column, labels_N in columns.items():
        for level in sorted(set(map(str, labels_N)) - {""}):
            yield from _pairs(predictions.select(np.flatnonzero(labels_N == level)), column, level)


def _pairs(predictions: Predictions, column: str, level: str) -> Iterator[Row]:
    for true in predictions.classes:
        own = predictions.predicted[predictions.observed == true]
        for predicted in predictions.classes:
            number = int((own == predicted).sum())
            if number:
                share = number / len(own)
                yield {"column": column, "level": level, "observed": true, "predicted": predicted} | {
                    "samples": number,
                    "share": share,
                }
