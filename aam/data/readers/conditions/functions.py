"""Functions that a condition may call: those of SQLite whose value depends on their arguments alone."""

from __future__ import annotations

from typing import NamedTuple

from aam.data.readers.conditions import syntax
from aam.data.readers.conditions.tokens import ConditionError
from aam.text import listed, shorten

MOST_ARGUMENTS = 100


class Function(NamedTuple):
    """A function.

    Attributes
    ----------
    takes
        A letter for each argument: ``t`` text, ``n`` number, ``c`` condition, ``s`` all of one kind. The last one is
        repeated where there are more.
    least, most
        Number of arguments.
    gives
        What its value is; ``s``: as its arguments.
    """

    takes: str
    least: int
    most: int
    gives: str


FUNCTIONS = {
    "abs": Function("n", 1, 1, "n"),
    "coalesce": Function("s", 2, MOST_ARGUMENTS, "s"),
    "date": Function("t", 1, MOST_ARGUMENTS, "t"),
    "datetime": Function("t", 1, MOST_ARGUMENTS, "t"),
    "ifnull": Function("s", 2, 2, "s"),
    "iif": Function("cs", 3, 3, "s"),
    "instr": Function("t", 2, 2, "n"),
    "julianday": Function("t", 1, MOST_ARGUMENTS, "n"),
    "length": Function("t", 1, 1, "n"),
    "lower": Function("t", 1, 1, "t"),
    "ltrim": Function("t", 1, 2, "t"),
    "max": Function("s", 2, MOST_ARGUMENTS, "s"),
    "min": Function("s", 2, MOST_ARGUMENTS, "s"),
    "nullif": Function("s", 2, 2, "s"),
    "replace": Function("t", 3, 3, "t"),
    "round": Function("n", 1, 2, "n"),
    "rtrim": Function("t", 1, 2, "t"),
    "strftime": Function("t", 2, MOST_ARGUMENTS, "t"),
    "substr": Function("tn", 2, 3, "t"),
    "trim": Function("t", 1, 2, "t"),
    "upper": Function("t", 1, 1, "t"),
}


def signature(call: syntax.Call) -> tuple[str, str]:
    """What each argument of a call must be, a letter for each, and what its value is.

    Raises
    ------
    ConditionError
        If there is no such function, or it takes another number of arguments.
    """
    function = FUNCTIONS.get(call.name)
    if function is None:
        raise ConditionError(f"no function {shorten(call.name)}", f"known are {listed(FUNCTIONS, 8)}")
    number = len(call.arguments)
    if not function.least <= number <= function.most:
        raise ConditionError(f"{call.name} does not take {number:,} arguments")
    for argument in call.arguments:
        if isinstance(argument, syntax.Text) and argument.value.strip().lower() == "now":
            raise ConditionError(f"{call.name}('now') would select other samples each day", "write the date")
    return (function.takes + function.takes[-1] * number)[:number], function.gives
