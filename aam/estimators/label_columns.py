"""Several columns of labels, as scikit-learn passes them, and what classifiers know of the labels that they learned.

Legend of shapes: ``N`` samples, ``T`` columns.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.utils import check_array

from aam.data.targets.kinds import Predictions, TargetSpec
from aam.errors import InputError
from aam.estimators.targets import NAME, Labels, is_missing, labels_of, name_of_labels


def label_columns(y: Any) -> tuple[dict[str, Labels], bool]:
    """Labels to predict by name: a frame's columns, a series' name, or ``y``, ``y0``, ``y1``.

    Where there are several for a sample, some may be missing (NaN, None or an empty text).

    Returns
    -------
    tuple
        The labels, and whether there is one for each sample.

    Raises
    ------
    InputError
        If two columns have one name, or as :func:`~aam.estimators.targets.labels_of`.
    """
    shape = np.asarray(y).shape
    if len(shape) != 2 or shape[1] < 2:
        return {name_of_labels(y): labels_of(y)}, True
    rules: dict[str, Any] = {"dtype": None, "ensure_all_finite": "allow-nan", "input_name": NAME}
    columns = getattr(y, "columns", None)
    if columns is None:
        columns = [f"{NAME}{place}" for place in range(shape[1])]
        values = list(check_array(y, **rules).T)
    else:
        values = [y.iloc[:, place].to_numpy() for place in range(shape[1])]
    found = {str(name): _with_missing(str(name), own) for name, own in zip(columns, values, strict=True)}
    if len(found) < shape[1]:
        raise InputError(NAME, "two columns have one name", "rename them")
    return found, False


def _with_missing(name: str, values: np.ndarray) -> Labels:
    """The labels of one column; text is empty where one is missing."""
    known = np.array([not is_missing(one) for one in values], dtype=bool)
    if not known.any():
        raise InputError(NAME, f"column '{name}' has no label", "leave it out")
    present = values[known]
    # Labels beside missing ones come as objects or floats, and are what they were without these.
    labels = labels_of(np.array(present.tolist()))
    text_N = np.full(len(values), "", dtype=object)
    text_N[known] = labels.text_N
    return dataclasses.replace(labels, text_N=text_N)


def learned(labels: Labels, spec: TargetSpec) -> Labels:
    """Labels without those that the model has not learned; of ordered classes from low to high."""
    places_C = np.flatnonzero(np.isin(labels.texts_C, spec.classes))
    if spec.kind.is_ordered:
        places_C = places_C[np.argsort([spec.classes.index(text) for text in labels.texts_C[places_C]])]
    return dataclasses.replace(labels, classes_C=labels.classes_C[places_C], texts_C=labels.texts_C[places_C])


def places(labels: Labels, table: Predictions) -> list[int]:
    """The model has its classes in the order of their texts, in which 10 comes before 2."""
    return [table.classes.index(text) for text in labels.texts_C]


def side_by_side(columns: Sequence[np.ndarray]) -> np.ndarray:
    """Predicted labels ``N x T``; objects, unless all columns have labels of one kind."""
    one_kind = len({column.dtype.kind for column in columns}) == 1
    return np.stack(columns if one_kind else [column.astype(object) for column in columns], axis=1)
