"""Which reader takes which file of another program: by its first bytes, or by the header of a text.

A new format is a file beside this one and a line here.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Sequence
from pathlib import Path

from aam.data.readers.formats.dada2 import is_sequence_table, read_sequence_table, sequence_table_header
from aam.data.readers.formats.h5ad import read_h5ad_table, read_obs
from aam.data.readers.formats.mothur import is_count_table, is_shared, read_count_table, read_shared
from aam.data.readers.formats.rds import is_rds, read_rds_samples, read_rds_table
from aam.data.readers.metadata_layout import Layout
from aam.data.readers.raw_table import RawTable
from aam.data.readers.table_formats import read_hdf5_table
from aam.files.annotated import checked_frames, is_annotated, is_hdf5
from aam.files.hdf5 import open_hdf5
from aam.files.robjects import is_robject

ReadText = Callable[[Path, str, str | None], RawTable]


def _of_one_part(read: Callable[[Path, str], RawTable]) -> ReadText:
    """A reader of a format that has no layers."""
    return lambda source, text, _: read(source, text)


TEXTS: tuple[tuple[Callable[[Sequence[str]], bool], ReadText], ...] = (
    (is_shared, read_shared),
    (is_count_table, _of_one_part(read_count_table)),
    (is_sequence_table, _of_one_part(read_sequence_table)),
)
"""Whether the cells of a header are those of a format, and what reads it."""


def text_reader(text: str) -> ReadText | None:
    """What reads a table of text that has its own layout; None where ASVs are the rows, as elsewhere."""
    line = next((line for line in text.split("\n") if line.strip()), "")
    known = sequence_table_header(line)
    header = known[1] if known else line.split("\t")
    return next((read for is_it, read in TEXTS if is_it(header)), None)


def read_binary(source: Path, content: bytes | mmap.mmap | None, layer: str | None) -> RawTable:
    """Read a table in HDF5: of AnnData, or BIOM 2.1.

    Parameters
    ----------
    source, content
        The file, and its bytes where they were read already.
    layer
        Which matrix, of AnnData.

    Raises
    ------
    InputError
        If it is neither, or is damaged.
    """
    with open_hdf5(source, content) as file:
        annotated = is_annotated(file)
        make = read_h5ad_table(checked_frames(file), layer) if annotated else read_hdf5_table(file)
    return make()


def read_sheet(source: Path) -> Layout | None:
    """The metadata in a file that also holds counts (AnnData, phyloseq); None of a file of another kind."""
    if is_hdf5(source):
        return read_obs(source)
    return read_rds_samples(source) if is_rds(source) else None


__all__ = ["is_robject", "read_binary", "read_rds_table", "read_sheet", "text_reader"]
