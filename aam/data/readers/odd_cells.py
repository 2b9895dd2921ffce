"""What to say of cells that are no numbers in a column of numbers: all different words at once, and what would help."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from aam.errors import InputError, Problems
from aam.text import plural, shorten

NUMBER_START = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+", re.ASCII)
NOT_FINITE = re.compile(rf"[+-]?(?:inf|infinity|nan)|{NUMBER_START}", re.IGNORECASE | re.ASCII)
MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
DATE = re.compile(
    r"\d{1,4}[-./]\d{1,2}[-./]\d{1,4}(?:[T ].*)?|\d{4}[-/]\d{1,2}|"
    rf"\d{{1,2}}[-./ ]{MONTH}(?:[-./ ]\d+)?|{MONTH}[-./ ]\d+.*",
    re.IGNORECASE | re.ASCII,
)
WITH_UNIT = re.compile(rf"[<>~\u2264\u2265]?=? ?{NUMBER_START} ?\S{{0,12}}", re.ASCII)
MOST_WORDS = 4
LONGEST_OPTION = 60

Odd = Sequence[tuple[str, str]]  # sample ids and cells


def not_numbers(source: str, name: str, odd: Odd, present: int, remedy: str | None) -> InputError:
    """The error of a column some cells of which are not finite numbers, with a line for each kind of such cells.

    Parameters
    ----------
    source, name
        The file and the column.
    odd
        Sample and text of each such cell; at least one.
    present
        How many cells are not missing.
    remedy
        The remedy for words; None for that of a target, to which options apply.
    """
    sorts = ("comma", "infinite", "word")
    commas, infinite, words = ([pair for pair in odd if _sort(pair[1]) == sort] for sort in sorts)
    problems, column = Problems(source), f"column '{shorten(name)}'"
    if words:
        problem = f"{column} is not numeric: {len(words):,} of {present:,} values ({_listed(words)})"
        problems.add(problem, _remedy(words, present) if remedy is None or _dates(words) else remedy)
    if commas:
        problems.add(f"{column}: {_first(commas, 'looks like a decimal comma')}", "write numbers with a point")
    if infinite:
        leaves = f"--missing {_as_option([cell for _, cell in infinite])} leaves {_them(infinite)} out"
        problems.add(f"{column}: value {_first(infinite, 'is not finite')}", remedy or leaves)
    return InputError.of(tuple(problems.lines))


def _sort(cell: str) -> str:
    if DECIMAL_COMMA.fullmatch(cell):
        return "comma"
    return "infinite" if NOT_FINITE.fullmatch(cell) else "word"


def _listed(words: Odd) -> str:
    """The different words, the most frequent first; the sample of the first where it is alone."""
    counts = Counter(cell for _, cell in words)
    if len(counts) == 1:
        return f"{shorten(words[0][0])}: '{shorten(words[0][1], 16)}'"
    shown = ", ".join(f"'{shorten(word, 16)}'" for word, _ in counts.most_common(MOST_WORDS))
    more = f" and {len(counts) - MOST_WORDS:,} more" if len(counts) > MOST_WORDS else ""
    return f"{len(counts):,} different: {shown}{more}; first: {shorten(words[0][0])}"


def _remedy(words: Odd, present: int) -> str:
    """What to do about words in a target: leave them out where numbers remain, and they are not all different."""
    different = list(dict.fromkeys(cell for _, cell in words))
    if _dates(words):
        return "dates are no numbers: count days or years from one of them in a new column"
    if sum(WITH_UNIT.fullmatch(cell) is not None for _, cell in words) > len(words) / 2:
        return "write numbers alone, without units or signs"
    if len(different) == len(words) > max(2, present / 2):
        return "is it the column that is meant?"
    if len(words) == present:
        return "--classifier takes words"
    option = _as_option(different)
    if len(option) > LONGEST_OPTION or any("," in cell for cell in different):
        return "empty these cells"
    return f"--missing {option} leaves them out, --classifier takes words"


def _as_option(words: Sequence[str]) -> str:
    """Words as ``--missing`` takes them in one list, quoted for a shell."""
    listed = ",".join({word.casefold(): word for word in words}.values())
    return f'"{listed}"' if "'" in listed else f"'{listed}'"


def _them(pairs: Odd) -> str:
    return "it" if len(pairs) == 1 else "them"


def _dates(words: Odd) -> bool:
    return sum(DATE.fullmatch(cell) is not None for _, cell in words) > len(words) / 2


def _first(pairs: Odd, what: str) -> str:
    more = f" ({plural(len(pairs), 'such value')})" if len(pairs) > 1 else ""
    return f"'{shorten(pairs[0][1], 16)}' ({shorten(pairs[0][0])}) {what}{more}"
