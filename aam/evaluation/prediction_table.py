"""Predictions beside what was observed, as one table of a run."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from aam.data.targets.targets import Kind, TargetSpec
from aam.errors import InputError
from aam.files.atomic import atomic_write
from aam.text import ONCE, decode_text, duplicates, read_bytes, shorten

PROBABILITY, QUANTILE = "probability_", "quantile_"


@dataclass(frozen=True, kw_only=True, eq=False)
class Predictions:
    """What one predictor says of one target of ``N`` samples.

    Attributes
    ----------
    sample_ids
        ``N`` ids.
    observed, predicted
        ``N`` numbers in the user's units, or labels. An observed number that is missing is NaN.
    classes
        The ``C`` labels, sorted; empty for numbers.
    probabilities
        ``N x C``, in the order of the classes; None for numbers.
    groups
        Group of each sample, where samples of one group are alike; None where each stands for itself.
    low, high
        Ends of the prediction intervals of numbers, ``N``, where there are any.
    sets
        Which classes each prediction set holds, ``N x C`` (bool), where there are any.
    deviation
        Standard deviation over rarefied draws, ``N``, where there were several: of the number, or of the probability
        of the predicted class.
    quantiles
        Level -> the predicted quantiles, ``N``, where the model learned them.
    """

    sample_ids: np.ndarray
    observed: np.ndarray
    predicted: np.ndarray
    classes: tuple[str, ...] = ()
    probabilities: np.ndarray | None = None
    groups: np.ndarray | None = None
    low: np.ndarray | None = None
    high: np.ndarray | None = None
    sets: np.ndarray | None = None
    deviation: np.ndarray | None = None
    quantiles: Mapping[float, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.sample_ids)

    @property
    def kind(self) -> Kind:
        """Whether numbers or classes are predicted."""
        return "classification" if self.classes else "regression"

    def select(self, rows: np.ndarray) -> Predictions:
        """The predictions of some samples."""
        parts: dict[str, Any] = {name: getattr(self, name) for name in PER_SAMPLE}
        chosen: dict[str, Any] = {name: None if part is None else part[rows] for name, part in parts.items()}
        quantiles = {level: values[rows] for level, values in self.quantiles.items()}
        return dataclasses.replace(self, quantiles=quantiles, **chosen)

    def known(self) -> Predictions:
        """The predictions of the samples whose truth is known."""
        if self.classes:
            return self
        return self.select(np.flatnonzero(~np.isnan(self.observed)))

    def of_samples(self, sample_ids: Iterable[str]) -> Predictions | None:
        """The predictions of these samples, in their order; None if one of them is lacking."""
        row_of = {sample_id: row for row, sample_id in enumerate(self.sample_ids)}
        rows = [row_of.get(sample_id, -1) for sample_id in sample_ids]
        return None if -1 in rows else self.select(np.array(rows, dtype=np.int64))


def concatenate(pieces: Sequence[Predictions]) -> Predictions:
    """The predictions of one target for several sets of samples, one after the other."""
    first = pieces[0]
    parts: dict[str, Any] = {
        name: None if getattr(first, name) is None else np.concatenate([getattr(piece, name) for piece in pieces])
        for name in PER_SAMPLE
    }
    quantiles = {level: np.concatenate([piece.quantiles[level] for piece in pieces]) for level in first.quantiles}
    return dataclasses.replace(first, quantiles=quantiles, **parts)


PER_SAMPLE = ("sample_ids", "observed", "predicted", "probabilities", "groups", "low", "high", "sets", "deviation")


def suffixes(columns: Sequence[str]) -> list[str]:
    """What is added to the names of a table's columns for each target: nothing where there is only one."""
    return [""] if len(columns) == 1 else [f"_{column}" for column in columns]


def read_predictions(path: Path, target: TargetSpec, part: str = "", suffix: str = "") -> dict[str, Predictions]:
    """Read the predictions of one target from a table.

    Parameters
    ----------
    path
        TSV with the columns ``sample_id, observed, predicted`` and for classes ``probability_CLASS``; ``part``,
        ``group``, ``predicted_low``, ``predicted_high``, ``quantile_LEVEL`` and ``prediction_set`` may be there as
        well. Samples whose observed value is empty are left out.
    target
        Kind and classes.
    part
        The part of all samples, where there is no such column.
    suffix
        As :func:`suffixes` gives it, where the table holds several targets.

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
    needed = ["sample_id", f"observed{suffix}", f"predicted{suffix}", *(f"{PROBABILITY}{c}" for c in target.classes)]
    missing = [name for name in needed if name not in column]
    if missing:
        problem = f"column '{shorten(missing[0])}' is missing"
        raise InputError(path, problem, "is it a table of predictions of this run?")
    known = column[f"observed{suffix}"] != ""
    parts = column.get("part", np.full(len(known), part, dtype=object))
    table = _from_columns(column, target, path, suffix)
    return {name: table.select(np.flatnonzero((parts == name) & known)) for name in dict.fromkeys(parts[known])}


def write_predictions(path: Path, parts: Mapping[str, Sequence[Predictions]], columns: Sequence[str]) -> None:
    """Write the predictions of all parts as one table, the part first; see :func:`write_labelled`."""
    write_labelled(path, ["part"], [([part], tables) for part, tables in parts.items()], columns)


def write_part(path: Path, tables: Sequence[Predictions], columns: Sequence[str]) -> None:
    """Write the predictions of one part; see :func:`write_labelled`."""
    write_labelled(path, [], [([], tables)], columns)


def write_labelled(
    path: Path,
    names: Sequence[str],
    labelled: Sequence[tuple[Sequence[str], Sequence[Predictions]]],
    columns: Sequence[str],
) -> None:
    """Write several predictions of one kind as one table, with columns of these names before it that tell them apart.

    Parameters
    ----------
    path
        The file.
    names
        The columns that come first.
    labelled
        What stands in them, and the predictions of each target, of the same samples.
    columns
        The targets.
    """
    with atomic_write(path) as file:
        file.write("\t".join([*names, *_header(labelled[0][1], columns)]) + "\n")
        for labels, tables in labelled:
            file.writelines("\t".join([*labels, *cells]) + "\n" for cells in _rows(tables))


def _header(tables: Sequence[Predictions], columns: Sequence[str]) -> list[str]:
    header = ["sample_id"]
    for table, suffix in zip(tables, suffixes(columns), strict=True):
        header += [f"observed{suffix}", *(f"{name}{suffix}" for name in prediction_names(table))]
    return [*header, *([] if tables[0].groups is None else ["group"])]


def _rows(tables: Sequence[Predictions]) -> Iterator[list[str]]:
    groups = tables[0].groups
    for row, sample_id in enumerate(tables[0].sample_ids):
        cells = [str(sample_id)]
        for table in tables:
            cells += [cell(table.observed[row]), *prediction_cells(table, row)]
        yield [*cells, *([] if groups is None else [str(groups[row])])]


def prediction_names(table: Predictions) -> list[str]:
    """Names of the columns that :func:`prediction_cells` fills."""
    names = ["predicted"]
    names += ["predicted_low", "predicted_high"] if table.low is not None else []
    names += [f"{QUANTILE}{level:g}" for level in table.quantiles]
    names += [f"{PROBABILITY}{name}" for name in table.classes]
    names += ["prediction_set"] if table.sets is not None else []
    return [*names, *(["predicted_std"] if table.deviation is not None else [])]


def prediction_cells(table: Predictions, row: int) -> list[str]:
    """What is predicted for one sample, as text: the prediction, its interval, quantiles, probabilities and set."""
    cells = [cell(table.predicted[row])]
    if table.low is not None and table.high is not None:
        cells += [cell(table.low[row]), cell(table.high[row])]
    cells += [cell(values[row]) for values in table.quantiles.values()]
    if table.probabilities is not None:
        cells += [f"{share:.6g}" for share in table.probabilities[row]]
    if table.sets is not None:
        names = [name for name, is_in in zip(table.classes, table.sets[row], strict=True) if is_in]
        cells.append(json.dumps(names, ensure_ascii=False))
    return [*cells, *([cell(table.deviation[row])] if table.deviation is not None else [])]


def cell(value: object) -> str:
    """A label, or a number; nothing where it is missing."""
    if not isinstance(value, float | np.floating):
        return str(value)
    return "" if np.isnan(value) else f"{value:.10g}"


def _from_columns(column: dict[str, np.ndarray], target: TargetSpec, path: Path, suffix: str) -> Predictions:
    observed, predicted = column[f"observed{suffix}"], column[f"predicted{suffix}"]
    common: dict[str, Any] = {"sample_ids": column["sample_id"], "groups": column.get("group")}
    if target.kind == "classification":
        strange = [label for label in (*observed, *predicted) if label not in {*target.classes, ""}]
        if strange:
            raise InputError(path, f"'{shorten(strange[0])}' is none of the classes")
        shares = [_numbers(column[f"{PROBABILITY}{name}"], path) for name in target.classes]
        return Predictions(
            observed=observed,
            predicted=predicted,
            classes=target.classes,
            probabilities=np.column_stack(shares),
            sets=_read_sets(column.get("prediction_set"), target, path),
            **common,
        )
    ends = [column.get(f"predicted_{end}{suffix}") for end in ("low", "high")]
    low, high = (None if end is None else _numbers(end, path, may_be_infinite=True) for end in ends)
    of_level = re.compile(rf"{QUANTILE}([0-9]*\.?[0-9]+(?:e-[0-9]+)?){re.escape(suffix)}")
    levels = {float(match[1]): name for name in column if (match := of_level.fullmatch(name))}
    return Predictions(
        observed=_numbers(np.where(observed == "", "0", observed), path),
        predicted=_numbers(predicted, path),
        low=low,
        high=high,
        quantiles={level: _numbers(column[name], path) for level, name in levels.items()},
        **common,
    )


def _read_sets(cells: np.ndarray | None, target: TargetSpec, path: Path) -> np.ndarray | None:
    if cells is None:
        return None
    try:
        sets = [set(json.loads(cell)) for cell in cells]
    except (ValueError, TypeError, RecursionError):
        raise InputError(path, "column 'prediction_set' must hold JSON lists of classes") from None
    return np.array([[name in found for name in target.classes] for found in sets]).reshape(len(sets), -1)


def _numbers(texts: np.ndarray, path: Path, may_be_infinite: bool = False) -> np.ndarray:
    try:
        values = texts.astype(np.float64)
    except ValueError as error:
        raise InputError(path, f"a number is needed ({shorten(str(error), 60)})") from None
    wrong = np.isnan(values) if may_be_infinite else ~np.isfinite(values)
    if wrong.any():
        raise InputError(path, f"{wrong.sum()} values are not finite")
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
    if problem := duplicates("column", names):
        raise InputError(path, problem, ONCE)
    rows = [line.split(separator) for line in lines]
    ragged = [number for number, row in enumerate(rows, start=2) if len(row) != len(names)]
    if ragged:
        problem = f"{len(ragged)} lines do not have the header's {len(names)} cells (first: line {ragged[0]})"
        raise InputError(path, problem)
    columns = np.array(rows, dtype=object).reshape(len(rows), len(names)).T
    return dict(zip(names, columns, strict=True))
