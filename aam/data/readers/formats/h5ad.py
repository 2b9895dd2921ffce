"""Feature tables and metadata in AnnData and TreeData files: samples are ``obs``, ASVs are ``var``.

The counts are ``X``, ``raw`` or a layer, sparse by rows or by columns, or dense; a large matrix is never in memory.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array

from aam.data.counts.blocks import without_zeros
from aam.data.counts.by_samples import by_samples
from aam.data.readers.feature_ids import are_sequences
from aam.data.readers.formats.choice import chosen
from aam.data.readers.metadata_layout import Layout, layout_of_columns
from aam.data.readers.raw_table import RawTable, make_raw_table
from aam.data.readers.sequences import is_dna, upper_case
from aam.data.readers.table_formats import sound_matrix
from aam.errors import InputError
from aam.files.annotated import cells, columns, index, open_annotated
from aam.files.hdf5 import Hdf5File
from aam.files.scratch import blocks
from aam.text import listed, plural, shorten

SEQUENCE_COLUMNS = ("sequence", "dna_sequence", "asv_sequence", "dna", "seq")
"""Names of columns of ``var``, in any case, that hold the DNA where the ids do not."""
PARTS = ("data", "indices", "indptr")
BY_ROWS, BY_COLUMNS = "csr_matrix", "csc_matrix"


def read_h5ad_table(file: Hdf5File, layer: str | None) -> Callable[[], RawTable]:
    """Read the counts of a file.

    Parameters
    ----------
    file
        The open file, which is not needed any more by what is returned: that makes the table.
    layer
        Which matrix: ``X``, ``raw`` or the name of a layer; None for ``X``, or the only one.

    Raises
    ------
    InputError
        If it is damaged, has no such matrix, or its values are not counts.
    """
    source, places = Path(file.source), _matrices(file)
    if not places:
        raise InputError(source, "holds no matrix (X, raw or layers)", "write the counts into X")
    name = "X" if layer is None and "X" in places else chosen(source, "matrix", list(places), layer)
    others = [other for other in places if other != name]
    frame = "raw/var" if name == "raw" else "var"
    sample_ids, asv_ids = index(file, "obs"), index(file, frame)
    sequences, said = _sequences(file, frame, asv_ids)
    matrix = _matrix(file, places[name], (len(sample_ids), len(asv_ids)))
    note = f"the counts are those of {name}; also there: {listed(others)} (--table-layer)"
    notes = [note] if others and layer is None else []

    def make() -> RawTable:
        if others and layer is None and not _are_whole(matrix.data):
            remedy = f"--table-layer names the matrix with the reads: {listed(others)}"
            raise InputError(source, f"{name} does not hold reads, which are whole numbers", remedy)
        table = make_raw_table(source, sample_ids, asv_ids, matrix)
        return dataclasses.replace(table, notes=(*notes, *said), sequences=sequences, layer=name)

    return make


def read_obs(source: Path) -> Layout:
    """The columns of the samples as a sheet of metadata.

    Raises
    ------
    InputError
        If it is no AnnData file, or is damaged.
    """
    with open_annotated(source) as file:
        ids, names = index(file, "obs"), columns(file, "obs")
        read = {name: cells(file, "obs", name) for name in names}
    skipped = [name for name, found in read.items() if found is None]
    kept = {name: found for name, found in read.items() if found is not None}
    for name, found in kept.items():
        if len(found) != len(ids):
            problem = f"corrupt column: '{shorten(name)}' of obs has {len(found):,} values for {len(ids):,} samples"
            raise InputError(source, problem, "write the file again")
    note = f"{plural(len(skipped), 'column')} of obs left out, neither texts nor numbers: {listed(skipped)}"
    return layout_of_columns(ids, kept, (note,) if skipped else ())


def _matrices(file: Hdf5File) -> dict[str, str]:
    """Name of each matrix of samples and ASVs, and where it is."""
    there = {"X": "X", "raw": "raw/X"}
    there |= {name: f"layers/{name}" for name in file.members("layers") or ()}
    return {name: place for name, place in there.items() if _has_values(file, place)}


def _has_values(file: Hdf5File, place: str) -> bool:
    """Whether a place has a matrix; AnnData writes an empty one where there is none."""
    return file.members(place) is not None or len(file.shape(place) or ()) > 0


def _matrix(file: Hdf5File, place: str, shape: tuple[int, int]) -> csr_array:
    members = file.members(place)
    if members is None:
        return _dense(file, place, shape)
    encoding = file.attribute(place, "encoding-type")
    if encoding not in (BY_ROWS, BY_COLUMNS) or not file.has(*(f"{place}/{part}" for part in PARTS)):
        raise InputError(file.source, f"'{place}' is no sparse matrix that is read", f"write it as {BY_ROWS} or dense")
    _check_shape(file, place, file.attribute(place, "shape"), shape)
    data = file.numbers(f"{place}/data", "iuf")
    indices, indptr = (file.numbers(f"{place}/{part}", "iu") for part in PARTS[1:])
    if encoding == BY_ROWS:
        return sound_matrix(Path(file.source), (data, indices, indptr), shape)
    turned = sound_matrix(Path(file.source), (data, indices, indptr), shape[::-1], ("ASV", "sample"))
    return by_samples(Path(file.source).name, turned)


def _dense(file: Hdf5File, place: str, shape: tuple[int, int]) -> csr_array:
    declared, dtype = file.shape(place), file.dtype(place)
    _check_shape(file, place, list(declared or ()), shape)
    number, kind = 0, np.dtype(np.int64)
    for _, values in file.row_blocks(place, "iuf"):
        number, kind = number + int(np.count_nonzero(values)), values.dtype
    assert dtype is not None
    return without_zeros(number, shape, kind, file.row_blocks(place, "iuf"))


def _check_shape(file: Hdf5File, place: str, declared: object, shape: tuple[int, int]) -> None:
    if isinstance(declared, list) and tuple(declared) != shape:
        words = " x ".join(f"{n:,}" if isinstance(n, int) else str(n) for n in declared[:3])
        problem = f"corrupt table: '{place}' is {words}, but {shape[0]:,} sample ids and {shape[1]:,} ASV ids"
        raise InputError(file.source, problem, "write the file again")


def _are_whole(values: np.ndarray) -> bool:
    if values.dtype.kind in "iu":
        return True
    return all(bool((values[block] == np.floor(values[block])).all()) for block in blocks(len(values)))


def _sequences(file: Hdf5File, frame: str, asv_ids: Sequence[str]) -> tuple[dict[str, str] | None, list[str]]:
    """The DNA of the ASVs by a column of ``var``, where their ids are none; and what was taken."""
    if not asv_ids or are_sequences(asv_ids):
        return None, []
    by_name = {name.lower(): name for name in columns(file, frame)}
    name = next((by_name[known] for known in SEQUENCE_COLUMNS if known in by_name), None)
    found = None if name is None else cells(file, frame, name)
    if name is None or found is None:
        return None, []
    if len(found) != len(asv_ids):
        problem = f"corrupt column: '{shorten(name)}' of var has {len(found):,} values for {len(asv_ids):,} ASVs"
        raise InputError(file.source, problem, "write the file again")
    upper = upper_case([text.strip().replace("\n", " ") for text in found])
    if not is_dna(upper):
        wrong = [place for place, text in enumerate(upper) if not is_dna([text])]
        first = f"{shorten(asv_ids[wrong[0]])}: {shorten(found[wrong[0]])}"
        problem = (
            f"{len(wrong):,} of {len(found):,} cells of var's column '{shorten(name)}' are not DNA (first: {first})"
        )
        raise InputError(file.source, problem, "give unaligned DNA, or rename the column")
    known = {asv: text for asv, text in zip(asv_ids, upper, strict=True) if text}
    return known, [f"the DNA of the ASVs is var's column '{name}'"]
