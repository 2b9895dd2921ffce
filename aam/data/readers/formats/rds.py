"""Tables of R in ``.rds`` files: sequence tables of DADA2, other matrices of counts, and phyloseq objects."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array

from aam.data.readers.feature_ids import are_sequences
from aam.data.readers.formats.dada2 import NOTE
from aam.data.readers.metadata_layout import Layout, layout_of_columns
from aam.data.readers.raw_table import RawTable, make_raw_table
from aam.errors import InputError
from aam.files.packed import read_unpacked
from aam.files.robjects import DAMAGE, is_robject, read_robject

COUNTS, SAMPLES = "otu_table", "sam_data"
"""Slots of a phyloseq object."""
AS_MATRIX = "in R: saveRDS(as.matrix(x), FILE) of counts with names of rows and columns"


def is_rds(path: Path) -> bool:
    """Whether a file is one of R's own, packed with gzip or not."""
    try:
        return is_robject(read_unpacked(path, 8))
    except InputError:
        return False


def read_rds_table(source: Path, content: bytes) -> RawTable:
    """Read a matrix of counts, or the ``otu_table`` of a phyloseq object.

    Rows are samples where the columns are DNA, as in a sequence table of DADA2, or where phyloseq says so.

    Parameters
    ----------
    source, content
        The file, and its bytes, unpacked.

    Raises
    ------
    ConfigError
        If rdata is not installed.
    InputError
        If it holds no such table, is damaged, or its values are no counts.
    """
    found = read_robject(source, content)
    try:
        table = found.attributes.get(COUNTS, found)
        matrix, by_rows = table.matrix, table.attributes.get("taxa_are_rows")
        are_rows = by_rows is None or by_rows.values is None or bool(np.all(by_rows.values))
        classes = found.classes
    except DAMAGE as error:
        raise InputError(source, f"damaged R object ({error})", "write it again with saveRDS") from None
    if matrix is None:
        what = f"an object of class {classes[0]}" if classes else "an object"
        raise InputError(source, f"holds {what}, no matrix of counts with names", AS_MATRIX)
    values, rows, columns = matrix
    notes: tuple[str, ...] = ()
    if by_rows is None and columns and are_sequences(columns) and not (rows and are_sequences(rows)):
        are_rows, notes = False, (NOTE,)
    if are_rows:
        values, rows, columns = values.T, columns, rows
    return dataclasses.replace(make_raw_table(source, rows, columns, csr_array(values)), notes=notes)


def read_rds_samples(source: Path) -> Layout:
    """The sample data of a phyloseq object, or a data frame, as a sheet of metadata.

    Raises
    ------
    ConfigError
        If rdata is not installed.
    InputError
        If it holds none, or is damaged.
    """
    found = read_robject(source, read_unpacked(source))
    try:
        frame = found.attributes.get(SAMPLES, found).frame
    except DAMAGE as error:
        raise InputError(source, f"damaged R object ({error})", "write it again with saveRDS") from None
    if frame is None or not frame[0] or any(len(cells) != len(frame[0]) for cells in frame[1].values()):
        problem = "holds no sample data (of phyloseq) and no data frame with names of rows"
        raise InputError(source, problem, "write it as tab-separated text")
    return layout_of_columns(*frame)
