"""Words of a condition of ``--where``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from aam.text import shorten

PATTERN = re.compile(
    r"""
    (?P<blank>\s+ | --[^\n]* | /\*.*?(?:\*/|\Z))
    | (?P<text>'(?:[^']|'')*')
    | (?P<name>"(?:[^"]|"")*" | `(?:[^`]|``)*` | \[[^\]]*\])
    | (?P<number>0[xX][0-9a-fA-F]+ | (?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
    | (?P<word>[^\W\d][\w$]*)
    | (?P<sign>\|\||==|!=|<>|<=|>=|<<|>>|[-+*/%&|<>=~(),.;])
    """,
    re.VERBOSE | re.DOTALL,
)
KEYWORDS = """
add all alter and as autoincrement between case cast check collate commit constraint create default deferrable delete
distinct drop else escape exists false foreign from group having in index insert intersect into is isnull join
limit not nothing notnull null on or order primary references returning select set table then to transaction true union
unique update using values when where
"""
RESERVED = frozenset(KEYWORDS.split())
"""What SQLite takes for a keyword wherever it stands: a column of this name needs brackets."""
CURLED = "\u2018\u2019\u201c\u201d\u201e\u201a\u00b4"
PLAIN_NAME = re.compile(r"[^\W\d][\w$]*")


class ConditionError(Exception):
    """A condition that cannot be used.

    Parameters
    ----------
    reason
        Why, in a few words.
    remedy
        What to do; the usual one where it is empty.
    """

    def __init__(self, reason: str, remedy: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy


class Token(NamedTuple):
    """A word of a condition.

    Attributes
    ----------
    kind
        ``text``, ``name`` (in brackets or quotes), ``number``, ``word``, ``sign`` or ``end``.
    value
        Content of a text or name without its quotes; of other kinds the word itself, keywords in lower case.
    shown
        As it was written.
    """

    kind: str
    value: str
    shown: str

    def is_word(self, *words: str) -> bool:
        """Whether it is one of some keywords or signs."""
        return self.kind in ("word", "sign") and self.value.lower() in words


def tokens(condition: str) -> Iterator[Token]:
    """The words of a condition, without blanks and comments; the last one is of kind ``end``.

    Raises
    ------
    ConditionError
        If something in it is no word: a quote that is not closed, a sign of no meaning.
    """
    place = 0
    while place < len(condition):
        found = PATTERN.match(condition, place)
        if found is None:
            raise _no_word(condition[place:])
        place, kind, shown = found.end(), str(found.lastgroup), found.group()
        if kind == "number" and PLAIN_NAME.match(condition, place):
            raise ConditionError(f"near '{shorten(condition[found.start() :])}': a number runs into a word")
        if kind != "blank":
            yield Token(kind, _content(kind, shown), shown)
    yield Token("end", "", "its end")


def needs_brackets(name: str) -> bool:
    """Whether a column's name is a keyword of SQL, or has other characters than letters, digits and ``_``."""
    return name.lower() in RESERVED or PLAIN_NAME.fullmatch(name) is None


def in_brackets(name: str) -> str:
    """A column's name as it can stand in a condition: in brackets, or in double quotes where it has brackets."""
    return f"[{name}]" if "]" not in name else '"' + name.replace('"', '""') + '"'


def outside_quotes(condition: str) -> str:
    """The condition without its texts, quoted names and comments."""
    return re.sub(PATTERN, lambda found: " " if found.lastgroup in ("text", "name") else found.group(), condition)


def _content(kind: str, shown: str) -> str:
    if kind == "text" or (kind == "name" and not shown.startswith("[")):
        return shown[1:-1].replace(shown[0] * 2, shown[0])
    return shown[1:-1] if kind == "name" else shown


def _no_word(rest: str) -> ConditionError:
    if rest[0] in "'\"`[":
        return ConditionError(f"{rest[0]} is not closed, near {shorten(rest)}")
    return ConditionError(f"near '{shorten(rest)}'", "write straight quotes: '" if rest[0] in CURLED else "")
