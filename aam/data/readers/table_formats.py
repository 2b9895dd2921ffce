"""Feature tables: BIOM 2.1 (HDF5), BIOM 1.0 (JSON), and TSV with ASVs as rows, as ``biom convert --to-tsv`` writes it.

Every pointer of a matrix in HDF5 is checked before it is used.

References
----------
http://biom-format.org/documentation/format_versions/biom-2.1.html and biom-1.0.html
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from aam.data.readers.raw_table import RawTable, make_raw_table
from aam.errors import InputError
from aam.files.hdf5 import Hdf5File, open_hdf5
from aam.text import first_bytes, shorten

IDS = ("sample/ids", "observation/ids")
PARTS = ("sample/matrix/data", "sample/matrix/indices", "sample/matrix/indptr")
LARGEST_INT32 = np.iinfo(np.int32).max


def read_hdf5_table(source: Path, content: bytes | None = None) -> RawTable:
    """Read a table; the format keeps it by samples too (``sample/matrix``), which is how it is needed here.

    Parameters
    ----------
    source
        The file, and its name in messages.
    content
        Its bytes, where they were read already (from an archive).

    Raises
    ------
    InputError
        If it is not a BIOM table, is damaged, or its values are not counts.
    """
    with open_hdf5(source, content) as file:
        _check_is_biom(file)
        sample_ids, asv_ids = (file.texts(name) for name in IDS)
        data = file.numbers(PARTS[0], "iuf")
        indices, indptr = (file.numbers(name, "iu") for name in PARTS[1:])
        declared = file.shape_attribute()
    shape = (len(sample_ids), len(asv_ids))
    _check_shape(source, declared, shape)
    _check_pointers(source, indptr, len(data), shape[0])
    _check_indices(source, indices, len(data), shape[1])
    kind = np.int32 if max(len(data), *shape) <= LARGEST_INT32 else np.int64
    matrix = csr_array((data, indices.astype(kind, copy=False), indptr.astype(kind, copy=False)), shape=shape)
    return make_raw_table(source, sample_ids, asv_ids, matrix)


def _check_is_biom(file: Hdf5File) -> None:
    for name in (*IDS, *PARTS):
        if not file.has(name):
            problem = f"HDF5 file without BIOM groups (missing '{name}')"
            raise InputError(file.source, problem, "is it a BIOM 2.1 table?")


def _check_shape(source: Path, declared: tuple[int, ...] | None, shape: tuple[int, int]) -> None:
    """The declared shape is ASVs x samples, as in all versions of the format."""
    if declared is not None and declared != shape[::-1]:
        words = " x ".join(f"{n:,}" if n < 1e9 else f"{n:.3g}" for n in declared[:3])
        problem = f"corrupt table: declared shape {words}, but {shape[1]:,} ASV ids and {shape[0]:,} sample ids"
        raise InputError(source, problem, "make the table again")


def _check_pointers(source: Path, indptr: np.ndarray, num_values: int, num_samples: int) -> None:
    problem = ""
    if len(indptr) != num_samples + 1:
        problem = f"{len(indptr):,} pointers for {num_samples:,} samples"
    elif (beyond := np.flatnonzero((indptr < 0) | (indptr > num_values))).size:
        problem = f"indptr[{beyond[0]}] = {indptr[beyond[0]]} exceeds {num_values:,} stored values"
    elif (falling := np.flatnonzero(indptr[1:] < indptr[:-1])).size:
        problem = f"indptr[{falling[0] + 1}] is below the one before it"
    elif indptr[0] != 0 or indptr[-1] != num_values:
        problem = f"pointers go from {indptr[0]:,} to {indptr[-1]:,}, but {num_values:,} values are stored"
    if problem:
        raise InputError(source, f"corrupt matrix: {problem}", "make the table again")


def _check_indices(source: Path, indices: np.ndarray, num_values: int, num_asvs: int) -> None:
    problem = ""
    if len(indices) != num_values:
        problem = f"{len(indices):,} indices for {num_values:,} values"
    elif num_values and (indices.min() < 0 or indices.max() >= num_asvs):
        beyond = np.flatnonzero((indices < 0) | (indices >= num_asvs))
        problem = f"{beyond.size:,} indices out of range (first: {indices[beyond[0]]}, of {num_asvs:,} ASVs)"
    if problem:
        raise InputError(source, f"corrupt matrix: {problem}", "make the table again")


# Last columns of tables as text that hold no counts.
TAXONOMY_COLUMNS = {"taxonomy", "consensus lineage", "consensuslineage", "taxon"}
JSON_KEYS = ("rows", "columns", "data", "shape", "matrix_type")


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
    if content["shape"] != list(shape):
        declared = shorten(str(content["shape"]))
        problem = f"corrupt table: declared shape {declared}, but {shape[0]:,} rows and {shape[1]:,} columns"
        raise InputError(source, problem, "make the table again")
    matrix = _json_matrix(source, content, shape)
    return make_raw_table(source, sample_ids, asv_ids, matrix)


def _json_ids(source: Path, entries: Any, key: str) -> list[str]:
    if isinstance(entries, list) and all(isinstance(e, dict) and isinstance(e.get("id"), str) for e in entries):
        return [entry["id"] for entry in entries]
    raise InputError(source, f"corrupt table: not every one of its '{key}' has a text as 'id'", "make the table again")


def _json_matrix(source: Path, content: dict[str, Any], shape: tuple[int, int]) -> csr_array:
    """Samples x ASVs, from the format's ASVs x samples."""
    values = _json_numbers(source, content["data"])
    if values.size == 0:
        return csr_array(shape[::-1])
    if content["matrix_type"] == "dense":
        if values.shape != shape:
            raise InputError(source, f"corrupt matrix: its dense values are {' x '.join(map(str, values.shape))}")
        return csr_array(values.T)
    if values.ndim != 2 or values.shape[1] != 3:
        raise InputError(source, "corrupt matrix: not every value has a row and a column", "make the table again")
    asvs, samples = _positions(source, values[:, 0], shape[0]), _positions(source, values[:, 1], shape[1])
    return _from_entries(values[:, 2], samples, asvs, shape[::-1])


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


def _from_entries(values: np.ndarray, rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]) -> csr_array:
    """A matrix of single entries; entries at the same place stay apart, to be found and refused later."""
    order = np.lexsort((columns, rows))
    indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=shape[0]))])
    return csr_array((values[order], columns[order], indptr), shape=shape)


def read_tsv_table(source: Path, text: str) -> RawTable:
    """Read a table of text: a line of sample ids, then a line for each ASV; ``#`` lines before that are comments.

    Raises
    ------
    InputError
        If it is not such a table, or its values are not counts.
    """
    lines = [(number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
    first = _header_line([line for _, line in lines])
    header = lines[first][1].split("\t") if lines else []
    if len(header) < 2:
        raise _not_a_table(source, text, "".join(header))
    width = len(header) - (header[-1].strip().lower() in TAXONOMY_COLUMNS)
    asv_ids, entries = [], []
    for number, line in lines[first + 1 :]:
        asv_id, *cells = line.split("\t")
        if len(cells) != len(header) - 1:
            problem = f"line {number:,} has {len(cells) + 1:,} cells, the header has {len(header):,}"
            raise InputError(source, problem, "every line needs an ASV id and a count for each sample")
        asv_ids.append(asv_id)
        entries.append(_counts_of_line(source, asv_id, cells[: width - 1], header))
    return make_raw_table(source, header[1:width], asv_ids, _from_lines(entries, width - 1))


def _header_line(lines: Sequence[str]) -> int:
    """The last of the ``#`` lines at the start that has tabs, else the first line that is not a comment."""
    comments = 0
    while comments < len(lines) and lines[comments].startswith("#"):
        comments += 1
    is_header = comments > 0 and ("\t" in lines[comments - 1] or comments == len(lines))
    return comments - 1 if is_header else comments


def _not_a_table(source: Path, text: str, header: str) -> InputError:
    if "," in header and text.lstrip()[:1] not in "<{[":
        return InputError(source, "one column found; the file seems comma-separated", "tabs are needed")
    start = first_bytes(text.encode())
    return InputError(source, f"not a BIOM table (expected HDF5, JSON or TSV; starts with '{start}')")


def _counts_of_line(
    source: Path, asv_id: str, cells: Sequence[str], header: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Samples and values of a line's non-zeros."""
    try:
        values = np.array(cells, dtype=np.float64)
    except ValueError:
        sample, cell = next((s, c) for s, c in zip(header[1:], cells, strict=False) if not _is_number(c))
        problem = f"count '{shorten(cell)}' (ASV {shorten(asv_id)}, sample {shorten(sample)}) is not a number"
        raise InputError(source, problem, "leave out columns that are not samples") from None
    samples = np.flatnonzero(values != 0)
    return samples, values[samples]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _from_lines(lines: Sequence[tuple[np.ndarray, np.ndarray]], num_samples: int) -> csr_array:
    """Samples x ASVs, from the non-zeros of each ASV."""
    if not lines:
        return csr_array((num_samples, 0))
    samples, values = (np.concatenate(parts) for parts in zip(*lines, strict=True))
    asvs = np.repeat(np.arange(len(lines)), [len(line[0]) for line in lines])
    return _from_entries(values, samples, asvs, (num_samples, len(lines)))
