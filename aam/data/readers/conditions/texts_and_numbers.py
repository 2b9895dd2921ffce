"""Where texts and numbers are easily taken for each other: comparisons that are refused, or noted."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from aam.data.readers.conditions.facts import Facts, Sheet
from aam.data.readers.conditions.tokens import ConditionError, in_brackets, needs_brackets
from aam.data.readers.metadata_values import NUMBER
from aam.text import plural, shorten

ORDERED: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
QUOTES = "numbers stand without quotes, texts in single quotes"


def all_numbers(sheet: Sheet, facts: Facts) -> Facts:
    """The column, if it can be taken as numbers.

    Raises
    ------
    ConditionError
        If it has cells that are neither numbers nor missing; with how many, and the first.
    """
    if not facts.odd:
        return facts
    row = facts.odd[0]
    example = f"{shorten(str(sheet.sample_ids[row]))}: '{shorten(str(facts.texts[row]))}'"
    present = sum(cell is not None for cell in facts.texts)
    are = "is not a number" if len(facts.odd) == 1 else "are not numbers"
    odd = f"{len(facts.odd):,} of {present:,} values of '{shorten(facts.name)}' {are}, {example}"
    if not facts.some_numbers:
        raise ConditionError(odd, QUOTES)
    remedy = f"CAST({_shown(facts)} AS REAL) leaves them out, quotes around the number compare texts"
    raise ConditionError(odd, remedy)


def refuse_order_of_texts(facts: Facts, sign: str, text: str) -> None:
    """Refuse ``age > '5'`` where the order of the texts is not that of the numbers.

    Raises
    ------
    ConditionError
        With how to compare numbers.
    """
    if NUMBER.fullmatch(text) is None:
        if facts.is_numeric:
            raise ConditionError(f"'{shorten(facts.name)}' holds numbers, '{shorten(text)}' is a text", QUOTES)
        return
    holds, bound = ORDERED[sign], float(text)
    if any(holds(cell, text) != holds(number, bound) for cell, number in facts.pairs):
        reason = f"'{text}' is a text, and the numbers in '{shorten(facts.name)}' have another order as texts"
        raise ConditionError(reason, f"write {_shown(facts)} {sign} {text}")


def same_number_note(facts: Facts, text: str) -> str:
    """A note of cells that are the same number as a text, but not the same text; empty where there are none."""
    if NUMBER.fullmatch(text) is None:
        return ""
    alike = [cell for cell, number in facts.pairs if number == float(text) and cell != text]
    if not alike:
        return ""
    return (
        f"--where compares '{shorten(facts.name)}' with the text '{shorten(text)}': {plural(len(alike), 'cell')} "
        f"with another text for this number (first: '{shorten(alike[0])}'); {_shown(facts)} = {text} compares numbers"
    )


def _shown(facts: Facts) -> str:
    return in_brackets(facts.name) if needs_brackets(facts.name) else facts.name
