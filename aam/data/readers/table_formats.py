"""Feature tables of the BIOM formats: 2.1 (HDF5) and 1.0 (JSON).

Every pointer of a matrix in HDF5 is checked before it is used.

References
----------
http://biom-format.org/documentation/format_versions/biom-2.1.html and biom-1.0.html
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from aam.data.counts.blocks import index_type
from aam.data.counts.by_samples import by_samples
from aam.data.readers.raw_table import RawTable, make_raw_table
from aam.errors import InputError
from aam.files.hdf5 import Hdf5File
from aam.files.scratch import converted
from aam.text import shorten

IDS = ("sample/ids", "observation/ids")
PARTS = ("sample/matrix/data", "sample/matrix/indices", "sample/matrix/indptr")
BY_ASV = ("observation/matrix/data", "observation/matrix/indices", "observation/matrix/indptr")
TRIPLE = 3
"""Numbers of an entry of a sparse matrix in JSON: row, column, value."""
EITHER = "the file does not say whether its matrix is sparse or dense, and it could be either: read as sparse"


def read_hdf5_table(file: Hdf5File) -> Callable[[], RawTable]:
    """Read a table by sample (``sample/matrix``); where it has the other half of the format alone, that is turned.

    Parameters
    ----------
    file
        The open file, which is not needed any more by what is returned: that makes the table.

    Raises
    ------
    InputError
        If it is not a BIOM table, is damaged, or its values are not counts.
    """
    names = _parts(file)
    source = Path(file.source)
    sample_ids, asv_ids = (file.texts(name) for name in IDS)
    data = file.numbers(names[0], "iuf")
    indices, indptr = (file.numbers(name, "iu") for name in names[1:])
    shape = (len(sample_ids), len(asv_ids))
    _check_shape(source, file.shape_attribute(), shape)

    def make() -> RawTable:
        if names == BY_ASV:
            by_asv = sound_matrix(source, (data, indices, indptr), shape[::-1], ("ASV", "sample"))
            return make_raw_table(source, sample_ids, asv_ids, by_samples(source.name, by_asv))
        return make_raw_table(source, sample_ids, asv_ids, sound_matrix(source, (data, indices, indptr), shape))

    return make


def sound_matrix(
    source: Path,
    parts: tuple[np.ndarray, np.ndarray, np.ndarray],
    shape: tuple[int, int],
    axes: tuple[str, str] = ("sample", "ASV"),
) -> csr_array:
    """A sparse matrix of which all pointers and indices are within it.

    Parameters
    ----------
    source
        The file.
    parts
        Values, indices and pointers.
    shape
        Of the matrix whose rows are pointed at.
    axes
        What its rows and columns are.

    Raises
    ------
    InputError
        With the first pointer, or number of indices, that are not.
    """
    data, indices, indptr = parts
    _check_pointers(source, indptr, len(data), shape[0], axes[0])
    _check_indices(source, indices, len(data), shape[1], axes[1])
    kind = index_type(len(data), shape)
    return csr_array((data, converted(indices, kind), indptr.astype(kind, copy=False)), shape=shape)


def _parts(file: Hdf5File) -> tuple[str, ...]:
    """Where the counts are: by sample, or by ASV alone."""
    names = BY_ASV if file.has(*BY_ASV) and not any(file.has(name) for name in PARTS) else PARTS
    for name in (*IDS, *names):
        if not file.has(name):
            problem = f"HDF5 file without BIOM groups (missing '{name}')"
            raise InputError(file.source, problem, "is it a BIOM 2.1 table?")
    return names


def _check_shape(source: Path, declared: tuple[int, ...] | None, shape: tuple[int, int]) -> None:
    """The declared shape is ASVs x samples, as in all versions of the format."""
    if declared is not None and declared != shape[::-1]:
        words = " x ".join(f"{n:,}" if n < 1e9 else f"{n:.3g}" for n in declared[:3])
        problem = f"corrupt table: declared shape {words}, but {shape[1]:,} ASV ids and {shape[0]:,} sample ids"
        raise InputError(source, problem, "make the table again")


def _check_pointers(source: Path, indptr: np.ndarray, num_values: int, num_rows: int, row: str) -> None:
    problem = ""
    if len(indptr) != num_rows + 1:
        problem = f"{len(indptr):,} pointers for {num_rows:,} {row}s"
    elif (beyond := np.flatnonzero((indptr < 0) | (indptr > num_values))).size:
        problem = f"indptr[{beyond[0]}] = {indptr[beyond[0]]} exceeds {num_values:,} stored values"
    elif (falling := np.flatnonzero(indptr[1:] < indptr[:-1])).size:
        problem = f"indptr[{falling[0] + 1}] is below the one before it"
    elif indptr[0] != 0 or indptr[-1] != num_values:
        problem = f"pointers go from {indptr[0]:,} to {indptr[-1]:,}, but {num_values:,} values are stored"
    if problem:
        raise InputError(source, f"corrupt matrix: {problem}", "make the table again")


def _check_indices(source: Path, indices: np.ndarray, num_values: int, num_columns: int, column: str) -> None:
    problem = ""
    if len(indices) != num_values:
        problem = f"{len(indices):,} indices for {num_values:,} values"
    elif num_values and (indices.min() < 0 or indices.max() >= num_columns):
        beyond = np.flatnonzero((indices < 0) | (indices >= num_columns))
        problem = f"{beyond.size:,} indices out of range (first: {indices[beyond[0]]}, of {num_columns:,} {column}s)"
    if problem:
        raise InputError(source, f"corrupt matrix: {problem}", "make the table again")


JSON_KEYS = ("rows", "columns", "data")


def read_json_table(source: Path, text: str) -> RawTable:
    """Read a BIOM 1.0 table, sparse or dense.

    Raises
    ------
    InputError
        If it is not JSON, not a BIOM table, damaged, or its values are not counts.
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(source, f"not JSON ({shorten(str(error), 60)})", "copy it again") from None
    for key in JSON_KEYS:
        if not isinstance(content, dict) or key not in content:
            raise InputError(source, f"JSON file without BIOM's '{key}'", "is it a BIOM 1.0 table?")
    asv_ids, sample_ids = (_json_ids(source, content[key], key) for key in ("rows", "columns"))
    shape = (len(asv_ids), len(sample_ids))
    if content.get("shape", list(shape)) != list(shape):
        declared = shorten(str(content["shape"]))
        problem = f"corrupt table: declared shape {declared}, but {shape[0]:,} rows and {shape[1]:,} columns"
        raise InputError(source, problem, "make the table again")
    matrix, notes = _json_matrix(source, content, shape)
    return dataclasses.replace(make_raw_table(source, sample_ids, asv_ids, matrix), notes=notes)


def _json_ids(source: Path, entries: Any, key: str) -> list[str]:
    ids = (
        [entry.get("id") if isinstance(entry, dict) else None for entry in entries]
        if isinstance(entries, list)
        else [None]
    )
    if all(isinstance(name, str | int) and not isinstance(name, bool) for name in ids):
        return [str(name) for name in ids]
    raise InputError(source, f"corrupt table: not every one of its '{key}' has a text as 'id'", "make the table again")


def _json_matrix(source: Path, content: dict[str, Any], shape: tuple[int, int]) -> tuple[csr_array, tuple[str, ...]]:
    """Samples x ASVs, from the format's ASVs x samples; and what had to be guessed."""
    values, declared = _json_numbers(source, content["data"]), content.get("matrix_type")
    if values.size == 0:
        return csr_array(shape[::-1]), ()
    if _is_dense(declared, values, shape):
        if values.shape != shape:
            raise InputError(source, f"corrupt matrix: its dense values are {' x '.join(map(str, values.shape))}")
        return csr_array(values.T), ()
    notes = (EITHER,) if declared is None and values.shape == shape else ()
    if values.ndim != 2 or values.shape[1] != TRIPLE:
        raise InputError(source, "corrupt matrix: not every value has a row and a column", "make the table again")
    asvs, samples = _positions(source, values[:, 0], shape[0]), _positions(source, values[:, 1], shape[1])
    return from_entries(values[:, 2], samples, asvs, shape[::-1]), notes


def _is_dense(declared: Any, values: np.ndarray, shape: tuple[int, int]) -> bool:
    """Whether a matrix is dense; where the file does not say so, whether it can be nothing else.

    The library of the format takes a matrix that is not said to be dense for a sparse one.
    """
    if isinstance(declared, str):
        return declared.lower() == "dense"
    if values.shape != shape or shape[1] != TRIPLE:
        return values.shape == shape
    places = values[:, :2]
    return bool((places != np.floor(places)).any() or (places < 0).any() or (places >= shape).any())


def _json_numbers(source: Path, data: Any) -> np.ndarray:
    try:
        values = np.array(data)
    except (ValueError, OverflowError):
        values = np.array("ragged")
    if values.dtype.kind not in "iuf":
        raise InputError(source, "corrupt matrix: its values are not all numbers", "make the table again")
    return values


def _positions(source: Path, positions: np.ndarray, size: int) -> np.ndarray:
    wrong = np.flatnonzero(~((positions >= 0) & (positions < size) & (positions == np.floor(positions))))
    if len(wrong):
        problem = f"corrupt matrix: {len(wrong):,} indices out of range (first: {positions[wrong[0]]:g} of {size:,})"
        raise InputError(source, problem, "make the table again")
    return positions.astype(np.int64)


def from_entries(values: np.ndarray, rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]) -> csr_array:
    """A matrix of single entries; entries at the same place stay apart, to be found and refused later."""
    order = np.lexsort((columns, rows))
    indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=shape[0]))])
    return csr_array((values[order], columns[order], indptr), shape=shape)
