"""BIOM 2.1 (HDF5) tables. Every pointer of the stored matrix is checked before it is used.

References
----------
http://biom-format.org/documentation/format_versions/biom-2.1.html
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.sparse import csr_array

from aam.data.readers.raw_table import RawTable, make_raw_table
from aam.errors import InputError
from aam.files.hdf5 import Hdf5File, open_hdf5

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
