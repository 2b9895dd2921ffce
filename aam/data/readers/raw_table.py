"""A table as it is in one file, whatever its format: ids as text, counts that are known to be counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array

from aam.errors import InputError, Problems
from aam.files.limits import limits
from aam.files.scratch import BLOCK, blocks, converted
from aam.text import ONCE, duplicates, shorten

LARGEST_COUNT = 2**53  # the largest that all number types of the formats hold exactly


@dataclass(frozen=True)
class RawTable:
    """Counts and ids of one file.

    Attributes
    ----------
    source
        The file.
    sample_ids, asv_ids
        Ids in the order of the file, unique, not empty, without tabs and line breaks.
    counts
        int64, samples x ASVs, ASVs ascending in each sample, without zeros.
    notes
        What was guessed in reading.
    sequences
        DNA by ASV id, where the file has it beside the ids.
    layer
        Which of several parts of the file the counts are; None of formats that have one.
    """

    source: Path
    sample_ids: list[str]
    asv_ids: list[str]
    counts: csr_array
    notes: tuple[str, ...] = ()
    sequences: dict[str, str] | None = None
    layer: str | None = None


def make_raw_table(source: Path, sample_ids: list[str], asv_ids: list[str], matrix: csr_array) -> RawTable:
    """Check ids and values of a matrix of any number type (samples x ASVs) that has a sound structure.

    Its memory becomes the table's, since two of a large table would not fit: it is not to be used afterwards.

    Raises
    ------
    InputError
        With everything that is wrong with the ids and the values.
    """
    problems = Problems(source)
    for what, ids in (("sample", sample_ids), ("ASV", asv_ids)):
        if not ids:
            raise InputError(source, f"the table has 0 {what}s")
        _check_ids(problems, what, ids)
    _check_values(problems, matrix, sample_ids, asv_ids)
    problems.raise_if_any()
    counts = csr_array((_as_int64(matrix.data), matrix.indices, matrix.indptr), shape=matrix.shape)
    _sort(source, counts, sample_ids, asv_ids)
    counts.eliminate_zeros()
    if counts.nnz == 0:
        raise InputError(source, "every count is 0")
    return RawTable(source, sample_ids, asv_ids, counts)


def _check_ids(problems: Problems, what: str, ids: Sequence[str]) -> None:
    most = limits().name_characters
    for number, name in enumerate(ids, start=1):
        if not name.strip():
            problems.add(f"{what} id {number:,} is empty", "give every one a name")
        elif len(name) > most:
            size = f"{len(name):,} characters long ({most:,} at most)"
            problems.add(f"{what} id {number:,} ('{shorten(name)}') is {size}")
        elif not name.isprintable():
            problems.add(f"{what} id {number:,} ('{shorten(name)}') has a tab, line break or other control character")
        else:
            continue
        return
    if problem := duplicates(f"{what} id", ids):
        problems.add(problem, ONCE)


def _check_values(problems: Problems, matrix: csr_array, sample_ids: list[str], asv_ids: list[str]) -> None:
    """Note each way in which values are not counts, with their number and the first."""
    values = matrix.data
    if len(values) == 0 or _are_counts(values):
        return
    finite = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        ways = (
            (np.isnan(values), "{} NaN", ""),
            (np.isinf(values), "{} infinite", ""),
            (finite & (values < 0), "{} negative", "reads cannot be negative"),
            (finite & (values > LARGEST_COUNT), "{} too large (2^53 at most)", ""),
            (finite & (values != np.floor(values)), "{} fractional", "give reads, not relative abundances"),
        )
    for wrong, words, remedy in ways:
        entries = np.flatnonzero(wrong)
        if len(entries):
            row = int(np.searchsorted(matrix.indptr, entries[0], side="right")) - 1
            sample, asv = shorten(sample_ids[row]), shorten(asv_ids[matrix.indices[entries[0]]])
            number = "1 count is" if len(entries) == 1 else f"{len(entries):,} counts are"
            first = f"{'first: ' if len(entries) > 1 else ''}sample {sample}, ASV {asv}: {values[entries[0]]:g}"
            problems.add(f"{words.format(number)} ({first})", remedy)
    if not problems.lines:
        problems.add(f"the sum of all counts is too large ({values.sum(dtype=np.float64):.3g}; 2^53 at most)")


def _are_counts(values: np.ndarray) -> bool:
    # A NaN makes both comparisons false, so that one pass over the usual, sound table is enough.
    in_range = bool(values.min() >= 0 and values.max() <= LARGEST_COUNT)
    if not in_range or values.sum(dtype=np.float64) > LARGEST_COUNT:
        return False
    if values.dtype.kind in "iu":
        return True
    return all(bool((values[block].astype(np.int64) == values[block]).all()) for block in blocks(len(values)))


def _as_int64(values: np.ndarray) -> np.ndarray:
    """Whole numbers as int64; those of 8 bytes in the memory that they have."""
    if values.dtype.itemsize != np.dtype(np.int64).itemsize:
        return converted(values, np.int64)
    whole = values.view(np.int64)
    if values.dtype.kind == "f":
        for block in blocks(len(values)):
            whole[block] = values[block].astype(np.int64)
    return whole


def _sort(source: Path, counts: csr_array, sample_ids: list[str], asv_ids: list[str]) -> None:
    """Put each sample's ASVs in ascending order, in place; refuse an ASV that is there twice."""
    entry = _first_not_ascending(counts)
    if entry is None:
        return
    counts.sort_indices()
    entry = _first_not_ascending(counts)
    if entry is not None:
        row = int(np.searchsorted(counts.indptr, entry, side="right")) - 1
        sample, asv = shorten(sample_ids[row]), shorten(asv_ids[counts.indices[entry]])
        raise InputError(source, f"corrupt matrix: sample {sample} has ASV {asv} twice", "make the table again")


def _first_not_ascending(counts: csr_array) -> int | None:
    """The first stored entry that does not come after the one before it in its row, or None."""
    starts = counts.indptr[1:-1]
    for first in range(0, counts.nnz - 1, BLOCK):
        some = counts.indices[first : first + BLOCK + 1]
        ascends = some[1:] > some[:-1]
        # The first entry of a row comes after none.
        low, high = np.searchsorted(starts, [first + 1, first + len(some)])
        ascends[starts[low:high] - first - 1] = True
        if not ascends.all():
            return first + int(np.argmin(ascends)) + 1
    return None
