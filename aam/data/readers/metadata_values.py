"""Cells of a metadata file as values: which words mark a missing value, and which cells are numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np

from aam.data.readers.odd_cells import not_numbers

# In any case. 'none' and 'unknown' are not among them: they are classes as often.
MISSING_WORDS = frozenset(
    {
        "",
        "na",
        "n/a",
        "#n/a",
        "nan",
        "null",
        "missing",
        "not applicable",
        "not available",
        "not collected",
        "not provided",
        "restricted access",
        "not recorded",
    }
)
MISSING_START = "missing:"  # the INSDC's terms, such as 'missing: lab stock'

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def missing_words(further: Iterable[str] = (), kept: Iterable[str] = ()) -> frozenset[str]:
    """The usual words for a missing value, and further ones, without those that are kept as values."""
    return (MISSING_WORDS - folded(kept)) | folded(further)


def folded(words: Iterable[str]) -> frozenset[str]:
    """Words as they are compared: in any case, without blanks around them."""
    return frozenset(word.strip().casefold() for word in words)


def is_missing(cell: str, words: frozenset[str], kept: frozenset[str] = frozenset()) -> bool:
    """Whether a cell means that its value is missing.

    Parameters
    ----------
    cell
        The cell.
    words
        As of :func:`missing_words`.
    kept
        Terms of the INSDC that are values, :func:`folded`.
    """
    word = cell.casefold()
    return word in words or (word.startswith(MISSING_START) and word not in kept)


def to_numbers(
    source: str,
    name: str,
    sample_ids: np.ndarray,
    cells: np.ndarray,
    words: frozenset[str],
    remedy: str | None = None,
) -> np.ndarray:
    """A column as float64, NaN where the value is missing.

    Parameters
    ----------
    source, name
        The file and the column, as errors name them.
    sample_ids, cells
        Ids of the samples (``N``), and what they have in the column (``N``).
    words
        What means that a value is missing.
    remedy
        The remedy for cells that are not finite numbers; None for that of a target, to which options apply.

    Raises
    ------
    InputError
        If some of the other cells are not finite numbers.
    """
    present = [row for row, cell in enumerate(cells) if not is_missing(cell, words)]
    wrong = [row for row in present if NUMBER.fullmatch(cells[row]) is None]
    numbers = np.full(len(cells), np.nan)
    if not wrong:
        numbers[present] = [float(cells[row]) for row in present]
        wrong = np.flatnonzero(np.isinf(numbers)).tolist()
    if wrong:
        odd = [(str(sample_ids[row]), str(cells[row])) for row in wrong]
        raise not_numbers(source, name, odd, len(present), remedy)
    return numbers
