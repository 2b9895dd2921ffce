"""Predictions beside what was observed, as one table of a run."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aam.data.targets import Kind, TargetSpec
from aam.errors import InputError
from aam.files.atomic import atomic_write
from aam.files.text import decode_text, read_bytes, shorten

PROBABILITY = "probability_"
PART_ORDER = ("train", "validation", "test")


@dataclass(frozen=True, kw_only=True, eq=False)
class Predictions:
    """What one predictor says of ``N`` samples whose truth is known.

    Attributes
    ----------
    sample_ids
        ``N`` ids.
    observed, predicted
        ``N`` numbers in the user's units, or labels.
    classes
        The ``C`` labels, sorted; empty for numbers.
    probabilities
        ``N x C``, in the order of the classes; None for numbers.
    groups
        Group of each sample, where samples of one group are alike; None where each stands for itself.
    """

    sample_ids: np.ndarray
    observed: np.ndarray
    predicted: np.ndarray
    classes: tuple[str, ...] = ()
    probabilities: np.ndarray | None = None
    groups: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.sample_ids)

    @property
    def kind(self) -> Kind:
        """Whether numbers or classes are predicted."""
        return "classification" if self.classes else "regression"

    def select(self, rows: np.ndarray) -> Predictions:
        """The predictions of some samples."""
        return dataclasses.replace(
            self,
            sample_ids=self.sample_ids[rows],
            observed=self.observed[rows],
            predicted=self.predicted[rows],
            probabilities=None if self.probabilities is None else self.probabilities[rows],
            groups=None if self.groups is None else self.groups[rows],
        )

    def of_samples(self, sample_ids: Iterable[str]) -> Predictions | None:
        """The predictions of these samples, in their order; None if one of them is lacking."""
        row_of = {sample_id: row for row, sample_id in enumerate(self.sample_ids)}
        rows = [row_of.get(sample_id, -1) for sample_id in sample_ids]
        return None if -1 in rows else self.select(np.array(rows, dtype=np.int64))


def read_predictions(path: Path, target: TargetSpec, part: str = "") -> dict[str, Predictions]:
    """Read a table of predictions.

    Parameters
    ----------
    path
        TSV with the columns ``sample_id, observed, predicted`` and for classes ``probability_CLASS``; ``part`` and
        ``group`` may be there as well. Samples whose observed value is empty are left out.
    target
        Kind and classes.
    part
        The part of all samples, where there is no such column.

    Returns
    -------
    dict
        Part -> its predictions.

    Raises
    ------
    InputError
        If the file is not such a table.
    """
    column = read_columns(path)
    missing = [name for name in ("sample_id", "observed", "predicted") if name not in column]
    missing += [f"{PROBABILITY}{name}" for name in target.classes if f"{PROBABILITY}{name}" not in column]
    if missing:
        raise InputError(path, f"column '{missing[0]}' is missing", "is it a table of predictions of this run?")
    known = column["observed"] != ""
    parts = column.get("part", np.full(len(known), part, dtype=object))
    table = _from_columns(column, target, path)
    return {name: table.select(np.flatnonzero((parts == name) & known)) for name in dict.fromkeys(parts[known])}


def write_predictions(path: Path, parts: dict[str, Predictions]) -> None:
    """Write the predictions of all parts as one table, with the part as its first column."""
    with atomic_write(path) as file:
        file.write("\t".join(["part", *_header(next(iter(parts.values())))]) + "\n")
        for part, predictions in parts.items():
            file.writelines("\t".join([part, *cells]) + "\n" for cells in _cells(predictions))


def write_part(path: Path, predictions: Predictions) -> None:
    """Write the predictions of one part."""
    with atomic_write(path) as file:
        file.write("\t".join(_header(predictions)) + "\n")
        file.writelines("\t".join(cells) + "\n" for cells in _cells(predictions))


def _header(predictions: Predictions) -> list[str]:
    group = [] if predictions.groups is None else ["group"]
    return ["sample_id", "observed", "predicted", *(f"{PROBABILITY}{name}" for name in predictions.classes), *group]


def _cells(predictions: Predictions) -> Iterator[Sequence[str]]:
    probabilities, groups = predictions.probabilities, predictions.groups
    for row, sample_id in enumerate(predictions.sample_ids):
        values = [predictions.observed[row], predictions.predicted[row]]
        shown = [str(value) if predictions.classes else f"{value:.10g}" for value in values]
        shares = [] if probabilities is None else [f"{p:.6g}" for p in probabilities[row]]
        yield [str(sample_id), *shown, *shares, *([] if groups is None else [str(groups[row])])]


def _from_columns(column: dict[str, np.ndarray], target: TargetSpec, path: Path) -> Predictions:
    observed, predicted, probabilities = column["observed"], column["predicted"], None
    if target.kind == "regression":
        observed = _numbers(np.where(observed == "", "0", observed), path)
        predicted = _numbers(predicted, path)
    else:
        strange = [label for label in (*observed, *predicted) if label not in {*target.classes, ""}]
        if strange:
            raise InputError(path, f"'{shorten(strange[0])}' is none of the classes")
        probabilities = np.column_stack([_numbers(column[f"{PROBABILITY}{name}"], path) for name in target.classes])
    return Predictions(
        sample_ids=column["sample_id"],
        observed=observed,
        predicted=predicted,
        classes=target.classes,
        probabilities=probabilities,
        groups=column.get("group"),
    )


def _numbers(texts: np.ndarray, path: Path) -> np.ndarray:
    try:
        values = texts.astype(np.float64)
    except ValueError as error:
        raise InputError(path, f"a number is needed ({error})") from None
    if not np.isfinite(values).all():
        raise InputError(path, f"{(~np.isfinite(values)).sum()} values are not finite")
    return values


def read_columns(path: Path, separator: str = "\t") -> dict[str, np.ndarray]:
    """Read a table with a header as text.

    Parameters
    ----------
    path
        The file.
    separator
        What stands between cells; nothing is quoted.

    Returns
    -------
    dict
        Name of each column -> its cells (object array of str).

    Raises
    ------
    InputError
        If the file cannot be read, is empty or ragged.
    """
    header, *lines = decode_text(read_bytes(path), path).removesuffix("\n").split("\n")
    names = header.split(separator)
    rows = [line.split(separator) for line in lines]
    ragged = [number for number, row in enumerate(rows, start=2) if len(row) != len(names)]
    if ragged:
        raise InputError(
            path, f"{len(ragged)} lines do not have the header's {len(names)} cells (first: line {ragged[0]})"
        )
    columns = np.empty((len(names), len(rows)), dtype=object)
    for number, row in enumerate(rows):
        columns[:, number] = row
    return dict(zip(names, columns, strict=True))
