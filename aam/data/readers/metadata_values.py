"""Cells of a metadata file as values: which words mark a missing value, and which cells are numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np

from aam.errors import InputError
from aam.text import shorten

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
DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+", re.ASCII)
NOT_FINITE = re.compile(r"[+-]?(inf|infinity|nan)", re.IGNORECASE)


def missing_words(further: Iterable[str] = ()) -> frozenset[str]:
    """The usual words for a missing value, and further ones."""
    return MISSING_WORDS | {word.strip().casefold() for word in further}


def is_missing(cell: str, words: frozenset[str]) -> bool:
    """Whether a cell means that its value is missing."""
    folded = cell.casefold()
    return folded in words or folded.startswith(MISSING_START)


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
    if wrong:
        first = (str(sample_ids[wrong[0]]), cells[wrong[0]])
        raise _not_numeric(source, name, first, (len(wrong), len(present)), remedy)
    numbers = np.full(len(cells), np.nan)
    numbers[present] = [float(cells[row]) for row in present]
    too_large = np.flatnonzero(np.isinf(numbers))
    if len(too_large):
        raise _not_finite(source, name, (str(sample_ids[too_large[0]]), cells[too_large[0]]), remedy)
    return numbers


def as_numbers_or_none(cells: Iterable[str]) -> list[float | None] | None:
    """A column as numbers and None for missing ones; None where some cell is something else, or none is a number."""
    numbers: list[float | None] = []
    for cell in cells:
        if NUMBER.fullmatch(cell):
            numbers.append(float(cell))
        elif is_missing(cell, MISSING_WORDS):
            numbers.append(None)
        else:
            return None
    return numbers if any(number is not None for number in numbers) else None


def _not_numeric(
    source: str, name: str, first: tuple[str, str], number: tuple[int, int], remedy: str | None
) -> InputError:
    sample_id, cell = first
    column, word = f"column '{shorten(name)}'", shorten(cell, 16)
    if DECIMAL_COMMA.fullmatch(cell):
        problem = f"{column}: '{word}' ({shorten(sample_id)}) looks like a decimal comma"
        return InputError(source, problem, "write numbers with a point")
    if NOT_FINITE.fullmatch(cell):
        return _not_finite(source, name, first, remedy)
    problem = f"{column} is not numeric: {number[0]:,} of {number[1]:,} values ({shorten(sample_id)}: '{word}')"
    return InputError(source, problem, remedy or f"--missing '{word}' leaves them out, --classifier takes words")


def _not_finite(source: str, name: str, first: tuple[str, str], remedy: str | None) -> InputError:
    sample_id, cell = first
    problem = f"column '{shorten(name)}': value '{shorten(cell)}' ({shorten(sample_id)}) is not finite"
    return InputError(source, problem, remedy or f"--missing '{shorten(cell)}' leaves it out")
