"""From what scikit-learn passes around, tables and rows of them, to studies.

Legend of shapes: ``N`` samples, ``A`` columns of a table.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from aam.config import TableOptions
from aam.data.readers.raw_table import make_raw_table
from aam.data.readers.table import table_of_counts
from aam.data.study.rarefaction import sample_key
from aam.data.study.study import Study, study_of_table
from aam.errors import InputError
from aam.text import plural, shorten

NAME = "X"
Sequences = Sequence[str] | Mapping[str, str] | None


def study_of_frame(
    frame: Any, counts_NA: Any, sequences: Sequences, options: TableOptions, *, needs_dna: bool = True
) -> Study:
    """The study of a data frame, whose index are the sample ids and whose columns are the ASVs.

    A frame without an index (polars) gives its samples names by their counts, as an array does.

    Parameters
    ----------
    frame
        Has ``columns`` and perhaps an ``index``.
    counts_NA
        Its values, as an array or sparse.
    sequences
        DNA of the columns; None where their names are DNA.
    options
        What is done with the sequences.
    needs_dna
        Whether the columns may not be any names.

    Raises
    ------
    InputError
        If ids, counts or sequences cannot be used.
    """
    columns = [str(column) for column in frame.columns]
    known: dict[str, str] = {}
    if isinstance(sequences, Mapping):
        known = dict(sequences)
    elif sequences is not None:
        columns = _in_order(sequences, len(columns))
    index = getattr(frame, "index", None)
    ids = None if index is None else [str(name) for name in index]
    return _study(counts_NA, ids, columns, known, options, needs_dna=needs_dna)


def study_of_array(counts_NA: Any, sequences: Sequences, options: TableOptions, *, needs_dna: bool = True) -> Study:
    """The study of an array or a sparse matrix; a sample is named by its counts, so that its order says nothing.

    Parameters
    ----------
    counts_NA
        Counts.
    sequences
        DNA of the columns, in order.
    options
        What is done with the sequences.
    needs_dna
        As for :func:`study_of_frame`.

    Raises
    ------
    InputError
        If there are no sequences, or counts or sequences cannot be used.
    """
    if sequences is None or isinstance(sequences, Mapping):
        raise InputError(
            NAME,
            f"an array of {counts_NA.shape[1]:,} columns does not say which ASVs they are",
            "give the parameter sequences, one for each column, or a data frame whose columns are DNA",
        )
    return _study(counts_NA, None, _in_order(sequences, counts_NA.shape[1]), {}, options, needs_dna=needs_dna)


def check_frame(frame: Any) -> None:
    """Refuse a data frame without columns, of which scikit-learn only says that there is no array.

    Raises
    ------
    InputError
        If it has none.
    """
    if len(frame.columns) == 0:
        problem = f"a data frame of {plural(len(frame), 'row')} without columns"
        raise InputError(NAME, problem, "its columns must be the ASVs, its rows the samples")


def check_study(study: Study, options: TableOptions, *, needs_dna: bool = True) -> None:
    """Refuse a study without DNA, or with longer sequences than an estimator takes: they are cut when tables are read.

    Raises
    ------
    InputError
        If it cannot be used.
    """
    if not study.has_dna:
        if needs_dna:
            raise InputError(NAME, "the ASVs of the study are names without DNA", "take learners='no-dna'")
        return
    for name in ("trim_length", "max_bp"):
        limit = getattr(options, name)
        if limit is not None and study.longest_sequence > limit:
            problem = f"sequences of up to {study.longest_sequence} bases, and {name} is {limit}"
            raise InputError(NAME, problem, f"read the study with TableOptions(trim_length={limit})")


def _in_order(sequences: Sequence[str], num_columns: int) -> list[str]:
    if isinstance(sequences, str) or not hasattr(sequences, "__len__"):
        problem = f"a {type(sequences).__name__} is no list of sequences"
        raise InputError("sequences", problem, "give one for each column, or a mapping from their names")
    if len(sequences) != num_columns:
        raise InputError("sequences", f"{len(sequences):,} for {plural(num_columns, 'column')} of X")
    return [str(sequence) for sequence in sequences]


def _study(
    counts_NA: Any,
    ids: list[str] | None,
    columns: list[str],
    known: Mapping[str, str],
    options: TableOptions,
    *,
    needs_dna: bool,
) -> Study:
    """The study of counts; samples without a name get one by their counts, and like ones draw their reads alike."""
    counts = _summed(counts_NA)
    contents = _contents(counts) if ids is None else ids
    raw = make_raw_table(Path(NAME), _told_apart(contents) if ids is None else ids, columns, counts)
    empty = np.flatnonzero(np.diff(raw.counts.indptr) == 0)
    if len(empty):
        problem = f"{plural(len(empty), 'sample')} without reads (first: {shorten(raw.sample_ids[empty[0]])}, "
        raise InputError(NAME, f"{problem}row {empty[0]})", "leave them out")
    study = study_of_table(table_of_counts(raw, known, options, needs_dna=needs_dna), NAME)
    return dataclasses.replace(study, keys=np.array([sample_key(name) for name in contents], dtype=np.uint64))


def _summed(counts_NA: Any) -> csr_array:
    """A copy, since what follows sorts it in place and closes it; entries of the same place are summed, as in SciPy."""
    counts = csr_array(counts_NA, copy=True)
    if not counts.has_canonical_format:
        counts = counts.astype(np.float64 if counts.dtype.kind == "f" else np.int64)  # small types would overflow
        counts.sum_duplicates()
    return counts


def _contents(counts: csr_array) -> list[str]:
    """A name for each sample that depends on its counts alone."""
    counts = csr_array(counts, dtype=np.float64, copy=True)
    counts.sum_duplicates()
    counts.eliminate_zeros()
    rows = zip(counts.indptr[:-1], counts.indptr[1:], strict=True)
    parts = (counts.indices[a:b].astype(np.int64).tobytes() + counts.data[a:b].tobytes() for a, b in rows)
    return [hashlib.blake2b(part, digest_size=8).hexdigest() for part in parts]


def _told_apart(names: list[str]) -> list[str]:
    """The same names with a number after those that were there before."""
    seen: Counter[str] = Counter()
    found = []
    for name in names:
        seen[name] += 1
        found.append(name if seen[name] == 1 else f"{name}-{seen[name]}")
    return found
