"""Distances between samples that were computed elsewhere."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aam.errors import InputError, Problems
from aam.files.archive import read_content
from aam.files.hdf5 import SIGNATURE, open_hdf5
from aam.files.npy import map_npy
from aam.text import ONCE, decode_text, duplicates, first_bytes, plural, read_ids, read_stored, shorten, split_cells

SEPARATORS = ("\t", ",", ";", " ")
NUMPY_START = b"\x93NUMPY"
DISTANCE_TYPES = ("DistanceMatrix",)
TOLERANCE = 1e-6
BLOCK = 1024

Place = tuple[int, int]
Measure = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class Distances:
    """Distances between ``N`` samples.

    Attributes
    ----------
    source
        The file.
    sample_ids
        Ids (``N``).
    values
        float32 ``M x M``: the file's matrix, symmetric to rounding, not negative, 0 on the diagonal. May be mapped
        from the file.
    rows
        Row of each sample in it (``N``); None where the matrix is of these samples, in this order.
    """

    source: str
    sample_ids: np.ndarray
    values: np.ndarray
    rows: np.ndarray | None = None

    def select(self, sample_ids: Sequence[str] | np.ndarray) -> Distances:
        """The distances between these samples, in this order.

        Raises
        ------
        InputError
            If some of them are not there.
        """
        row_of = {name: row for row, name in enumerate(self.sample_ids)}
        missing = [name for name in sample_ids if name not in row_of]
        if missing:
            number = f"{len(missing):,} of {len(sample_ids):,} samples of the table are missing"
            problem = f"{number} (first: {shorten(str(missing[0]))})"
            raise InputError(self.source, problem, "was it made from this table?")
        rows = np.array([row_of[name] for name in sample_ids], dtype=np.int64)
        if np.array_equal(rows, np.arange(len(self.sample_ids))):
            return self
        places = rows if self.rows is None else self.rows[rows]
        return dataclasses.replace(self, sample_ids=self.sample_ids[rows], rows=places)

    def among(self, rows_B: np.ndarray, own: slice = slice(None)) -> np.ndarray:
        """Distances ``B x B`` of some samples from each other, by their places among the samples; of ``own`` alone."""
        places = rows_B if self.rows is None else self.rows[rows_B]
        return np.asarray(self.values[np.ix_(places[own], places)])

    def largest(self) -> float:
        """The largest distance between two of the samples."""
        if self.rows is None:
            return float(self.values.max())
        # Row by row of the file's matrix, whose other order would read it from end to end again and again.
        places = np.sort(self.rows)
        blocks = (places[start : start + BLOCK] for start in range(0, len(places), BLOCK))
        return max(float(self.values[block][:, places].max()) for block in blocks)


def read_distances(path: Path, ids_path: Path | None = None, *, bounded: bool = False) -> Distances:
    """Read distances; the format (.npy, HDF5, text with tabs or commas, .qza) is found by content.

    Parameters
    ----------
    path
        The file.
    ids_path
        Sample ids, one a line, of a .npy file, which cannot hold them.
    bounded
        Whether distances above 1 are refused, as for UniFrac.

    Raises
    ------
    InputError
        If the file cannot be used, or with everything that is wrong with its values.
    """
    start = read_stored(path, len(SIGNATURE))
    is_array = start.startswith(NUMPY_START)
    if ids_path is not None and not is_array:
        raise InputError(path, "holds its own sample ids", "leave out --distance-ids, which is for .npy files")
    if is_array:
        ids, values = _read_array(path, ids_path)
    elif start == SIGNATURE:
        ids, values = _read_hdf5(path)
    else:
        ids, values = _read_text(path, _text_bytes(path))
    _check_shape(path, ids, values)
    _check_values(path, ids, values, bounded)
    return Distances(os.fspath(path), np.array(ids, dtype=object), values)


def _text_bytes(path: Path) -> bytes:
    if path.suffix == ".npz":
        raise InputError(path, ".npz files are not read", "save the array as .npy, and its ids for --distance-ids")
    return read_content(path, DISTANCE_TYPES, (".tsv",))


def _read_array(path: Path, ids_path: Path | None) -> tuple[list[str], np.ndarray]:
    """A .npy file, mapped and not read where it holds float32."""
    if ids_path is None:
        raise InputError(path, "has no sample ids", "give --distance-ids, a file with one id per line")
    values = map_npy(path)
    if values.dtype.kind not in "iuf":
        raise InputError(path, f"holds {values.dtype} values, not numbers", "save an array of float32")
    ids = read_ids(ids_path)
    if values.ndim == 2 and len(ids) != len(values):
        problem = f"has {plural(len(ids), 'id')}, but {path.name} has {plural(len(values), 'row')}"
        raise InputError(ids_path, problem, "one id is needed for each row, in the same order")
    return ids, _as_float32(values)


def _as_float32(values: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        return values.astype(np.float32, copy=False)


def _read_hdf5(path: Path) -> tuple[list[str], np.ndarray]:
    """An HDF5 file as scikit-bio and the UniFrac programs write it."""
    with open_hdf5(path) as file:
        ids, values = file.texts("order"), file.numbers("matrix", "iuf", ndim=2)
    return ids, _as_float32(values)


def _read_text(path: Path, content: bytes) -> tuple[list[str], np.ndarray]:
    """A square of text whose first row and first column are the ids; R may leave out the cell where they meet."""
    lines = [line for line in decode_text(content, path).split("\n") if line.strip() and not line.startswith("#")]
    separator = next((one for one in SEPARATORS if lines and one in lines[0]), ",")
    header = [cell.strip() for cell in split_cells(lines[0], separator)] if lines else []
    if header[:-1] and len(lines) == len(header) + 1 and split_cells(lines[1], separator)[0].strip() == header[0]:
        header = ["", *header]
    if len(header) < 2:
        start = first_bytes(content)
        problem = f"not a distance matrix (expected .npy, .h5, .qza or a table of text; starts with '{start}')"
        raise InputError(path, problem)
    ids = header[1:]
    if len(lines) - 1 != len(ids):
        raise _not_square(path, len(lines) - 1, len(ids))
    values = np.empty((len(ids), len(ids)), dtype=np.float32)
    for row, (name, line) in enumerate(zip(ids, lines[1:], strict=True)):
        values[row] = _row_of_text(path, name, [cell.strip() for cell in split_cells(line, separator)], len(ids))
    return ids, values


def _row_of_text(path: Path, name: str, cells: Sequence[str], width: int) -> np.ndarray:
    if cells[0] != name:
        problem = f"rows and columns differ (row '{shorten(cells[0])}' where the header has '{shorten(name)}')"
        raise InputError(path, problem, "both need the same ids in the same order")
    if len(cells) != width + 1:
        problem = f"row '{shorten(name)}' has {len(cells) - 1:,} values for {width:,} samples"
        raise InputError(path, problem, "every sample needs a row and a column")
    try:
        return np.array(cells[1:], dtype=np.float64)
    except ValueError as error:
        problem = f"row '{shorten(name)}': {shorten(str(error), 60)}"
        raise InputError(path, problem, "every cell needs a number") from None


def _not_square(path: Path, rows: int, columns: int) -> InputError:
    return InputError(path, f"not square ({rows:,} rows, {columns:,} columns)", "every sample needs a row and a column")


def _check_shape(path: Path, ids: Sequence[str], values: np.ndarray) -> None:
    if values.ndim != 2:
        raise InputError(path, f"has {plural(values.ndim, 'dimension')}, a matrix has 2")
    if values.shape != (len(ids), len(ids)):
        raise _not_square(path, *values.shape)
    if not ids:
        raise InputError(path, "has no samples")
    if problem := duplicates("sample id", ids):
        raise InputError(path, problem, ONCE)


def _check_values(path: Path, ids: Sequence[str], values: np.ndarray, bounded: bool) -> None:
    """Note everything that is wrong, looking at one block of the matrix after another."""
    not_numbers = _places(values, lambda block, _: ~np.isfinite(block))
    if not_numbers:
        what = "is" if len(not_numbers) == 1 else "are"
        problem = f"{plural(len(not_numbers), 'value')} {what} NaN or infinite (first: {_pair(ids, not_numbers[0])})"
        raise InputError(path, problem, "compute the distances again without these samples")
    problems = Problems(path)
    place, largest = _largest(values, lambda block, _: block)
    tolerance = TOLERANCE * max(1.0, largest)
    if bounded and largest > 1 + tolerance:
        problems.add(f"values up to {largest:.4g} ({_pair(ids, place)}): they must lie in 0..1", "are these UniFrac?")
    place, negative = _largest(values, lambda block, _: -block)
    if negative > tolerance:
        problems.add(f"values down to {-negative:.4g} ({_pair(ids, place)})", "distances cannot be negative")
    diagonal = np.abs(np.diagonal(values))
    if diagonal.max() > tolerance:
        row = int(diagonal.argmax())
        problems.add(f"distance of {shorten(ids[row])} to itself is {diagonal[row]:.4g}", "are these similarities?")
    place, difference = _largest(values, lambda block, mirrored: np.abs(block - mirrored))
    if difference > tolerance:
        there, back = values[place], values[place[::-1]]
        problems.add(f"not symmetric ({_pair(ids, place)}: {there:.4g} and {back:.4g})", "are these distances?")
    problems.raise_if_any()


def _largest(values: np.ndarray, measure: Measure) -> tuple[Place, float]:
    """Where a measure of the values and their mirror images is largest, and how large."""
    best, largest = (0, 0), -np.inf
    for rows, columns in _blocks(len(values)):
        measured = measure(values[rows, columns], values[columns, rows].T)
        i, j = np.unravel_index(int(measured.argmax()), measured.shape)
        if measured[i, j] > largest:
            best, largest = (rows.start + int(i), columns.start + int(j)), float(measured[i, j])
    return best, largest


def _places(values: np.ndarray, test: Measure) -> list[Place]:
    """All places where a test of the values holds."""
    return [
        (rows.start + int(i), columns.start + int(j))
        for rows, columns in _blocks(len(values))
        for i, j in np.argwhere(test(values[rows, columns], values[columns, rows].T))
    ]


def _blocks(size: int) -> Iterator[tuple[slice, slice]]:
    starts = range(0, size, BLOCK)
    for row in starts:
        for column in starts:
            yield slice(row, row + BLOCK), slice(column, column + BLOCK)


def _pair(ids: Sequence[str], place: Place) -> str:
    return f"{shorten(ids[place[0]])},{shorten(ids[place[1]])}"
