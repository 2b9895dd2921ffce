"""A condition of ``--where`` as a tree: one expression of SQL, with SQLite's operators and their precedence.

References
----------
https://www.sqlite.org/lang_expr.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from aam.data.readers.conditions.tokens import RESERVED, ConditionError, Token, in_brackets, tokens
from aam.text import shorten

MOST_NESTED = 100


@dataclass(frozen=True)
class Column:
    """A column, by the name that was written."""

    name: str
    quoted: bool = False


@dataclass(frozen=True)
class Text:
    """A text in single quotes."""

    value: str


@dataclass(frozen=True)
class Number:
    """A number as it was written, ``TRUE`` or ``FALSE``."""

    written: str


@dataclass(frozen=True)
class Null:
    """``NULL``."""


@dataclass(frozen=True)
class Unary:
    """``-x``, ``+x``, ``~x`` or ``NOT x``."""

    operator: str
    operand: Node


@dataclass(frozen=True)
class Arithmetic:
    """``+ - * / % & | << >>`` of two numbers, or ``||`` of two texts."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True)
class Comparison:
    """``= != < <= > >= IS``, ``IS NOT`` of two values."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True)
class Logic:
    """``AND`` or ``OR`` of conditions."""

    operator: str
    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Among:
    """``x IN (a, b)``."""

    operand: Node
    items: tuple[Node, ...]


@dataclass(frozen=True)
class Matches:
    """``x LIKE pattern ESCAPE c`` or ``x GLOB pattern``."""

    operator: str
    operand: Node
    pattern: Node
    escape: Node | None


@dataclass(frozen=True)
class Collated:
    """``x COLLATE NOCASE``."""

    operand: Node
    order: str


@dataclass(frozen=True)
class Cast:
    """``CAST(x AS kind)``."""

    operand: Node
    kind: Literal["TEXT", "REAL", "INTEGER"]


@dataclass(frozen=True)
class Case:
    """``CASE WHEN test THEN value ... ELSE other END``; the tests are conditions."""

    tests: tuple[Node, ...]
    values: tuple[Node, ...]
    other: Node


@dataclass(frozen=True)
class Call:
    """A function."""

    name: str
    arguments: tuple[Node, ...]


Node = (
    Column
    | Text
    | Number
    | Null
    | Unary
    | Arithmetic
    | Comparison
    | Logic
    | Among
    | Matches
    | Collated
    | Cast
    | Case
    | Call
)

COMPARED = {"=": "=", "==": "=", "!=": "!=", "<>": "!=", "is": "IS", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
CASTS: dict[str, Literal["TEXT", "REAL", "INTEGER"]] = {
    **dict.fromkeys(("real", "float", "double", "numeric", "decimal"), "REAL"),
    **dict.fromkeys(("int", "integer", "bigint"), "INTEGER"),
    **dict.fromkeys(("text", "char", "varchar"), "TEXT"),
}
COLLATIONS = ("nocase", "binary", "rtrim")
OR, AND, NOT, EQUAL, ORDER, BITS, SUM, PRODUCT, JOIN, COLLATE, SIGN = range(1, 12)
BINDS = {
    "or": OR,
    "and": AND,
    **dict.fromkeys(("=", "==", "!=", "<>", "is", "in", "like", "glob", "between", "isnull", "notnull", "not"), EQUAL),
    **dict.fromkeys(("<", "<=", ">", ">="), ORDER),
    **dict.fromkeys(("&", "|", "<<", ">>"), BITS),
    **dict.fromkeys(("+", "-"), SUM),
    **dict.fromkeys(("*", "/", "%"), PRODUCT),
    "||": JOIN,
    "collate": COLLATE,
}
"""How strongly an operator binds what stands before it."""


def parse(condition: str) -> tuple[Node, list[Column]]:
    """Read a condition: the expression, and the columns in it.

    Raises
    ------
    ConditionError
        If it is not one whole expression, or has a query, a second statement or a parameter in it.
    """
    parser = _Parser(list(tokens(condition)))
    node = parser.expression(OR)
    if parser.next.kind != "end":
        raise parser.unexpected()
    return node, parser.columns


class _Parser:
    """Reads operators by how strongly they bind (Pratt 1973, doi:10.1145/512927.512931)."""

    def __init__(self, found: list[Token]) -> None:
        self.tokens = found
        self.place = 0
        self.depth = 0
        self.columns: list[Column] = []

    @property
    def next(self) -> Token:
        return self.tokens[self.place]

    def unexpected(self) -> ConditionError:
        token = self.next
        before = f" after {shorten(self.tokens[self.place - 1].shown)}" if self.place else ""
        shown = token.shown if token.kind == "end" else f"'{shorten(token.shown)}'"
        if token.is_word("select", "union", "values", "intersect", "except", ";"):
            return ConditionError(f"near {shown}: a condition cannot hold a query or another statement")
        return ConditionError(f"near {shown}{before}: syntax error")

    def take(self) -> Token:
        self.place += 1
        return self.tokens[self.place - 1]

    def accept(self, *words: str) -> bool:
        if self.next.is_word(*words):
            self.place += 1
            return True
        return False

    def expect(self, word: str) -> None:
        if not self.accept(word):
            raise self.unexpected()

    def expression(self, least: int) -> Node:
        self.depth += 1
        if self.depth > MOST_NESTED:
            raise ConditionError("it is nested too deeply")
        node = self.operand()
        while (strength := self._strength()) >= least:
            node = self.operation(node, strength)
        self.depth -= 1
        return node

    def _strength(self) -> int:
        token = self.next
        return BINDS.get(token.value.lower(), 0) if token.kind in ("word", "sign") else 0

    def operation(self, left: Node, strength: int) -> Node:
        word = self.take().value.lower()
        if word in ("or", "and"):
            parts = [left, self.expression(strength + 1)]
            while self.accept(word):
                parts.append(self.expression(strength + 1))
            return Logic(word.upper(), tuple(parts))
        if word == "collate":
            order = self.take().value.lower()
            if order not in COLLATIONS:
                raise ConditionError(f"no order '{shorten(order)}' to COLLATE by", f"take {', '.join(COLLATIONS)}")
            return Collated(left, order.upper())
        if strength == EQUAL:
            return self.test(left, word)
        right = self.expression(strength + 1)
        return Comparison(COMPARED[word], left, right) if word in COMPARED else Arithmetic(word, left, right)

    def test(self, left: Node, word: str) -> Node:
        """What follows an operand and the first word of ``=``, ``IS``, ``IN``, ``LIKE``, ``BETWEEN`` and the like."""
        if word == "not":
            word = self.take().value.lower()
            if word not in ("in", "like", "glob", "between", "null"):
                self.place -= 1
                raise self.unexpected()
            negated = "notnull" if word == "null" else word
            return self.test(left, negated) if word == "null" else Unary("NOT", self.test(left, negated))
        if word in ("isnull", "notnull"):
            return Comparison("IS" if word == "isnull" else "IS NOT", left, Null())
        if word == "in":
            return Among(left, self.items())
        if word == "between":
            low = self.expression(ORDER)
            self.expect("and")
            high = self.expression(ORDER)
            return Logic("AND", (Comparison(">=", left, low), Comparison("<=", left, high)))
        if word in ("like", "glob"):
            pattern = self.expression(ORDER)
            escape = self.expression(ORDER) if word == "like" and self.accept("escape") else None
            return Matches(word.upper(), left, pattern, escape)
        operator = COMPARED[word]
        if operator == "IS":
            operator = "IS NOT" if self.accept("not") else "IS"
            if self.accept("distinct"):
                self.expect("from")
                operator = "IS" if operator == "IS NOT" else "IS NOT"
        return Comparison(operator, left, self.expression(ORDER))

    def items(self) -> tuple[Node, ...]:
        """Values in parentheses; there may be none."""
        self.expect("(")
        found: list[Node] = []
        while not self.accept(")"):
            if found:
                self.expect(",")
            found.append(self.expression(OR))
        return tuple(found)

    def operand(self) -> Node:
        token = self.take()
        if token.kind == "text":
            return Text(token.value)
        if token.kind == "number":
            return Number(token.value)
        if token.kind == "name":
            return self.column(token.value, quoted=not token.shown.startswith("["))
        if token.is_word("("):
            node = self.expression(OR)
            self.expect(")")
            return node
        if token.is_word("+", "-", "~"):
            return Unary(token.value, self.expression(SIGN))
        if token.is_word("not"):
            return Unary("NOT", self.expression(NOT))
        if token.kind == "word" and (node_of_word := self.word(token)) is not None:
            return node_of_word
        self.place -= 1
        raise self.unexpected()

    def word(self, token: Token) -> Node | None:
        """What a word without quotes stands for; None where no operand begins with it."""
        word = token.value.lower()
        if word in ("true", "false"):
            return Number(word.upper())
        if word == "null":
            return Null()
        if word == "case":
            return self.case()
        if word == "cast":
            return self.cast()
        if word in RESERVED:
            if self.next.is_word("=", "==", "!=", "<>", "<", ">", "<=", ">=", "is", "in", "like", "not", "between"):
                raise ConditionError(f"near '{token.shown}': a word of SQL", f"write {in_brackets(token.shown)}")
            return None
        if self.next.is_word("("):
            return Call(word, self.items())
        return self.column(token.value)

    def column(self, name: str, *, quoted: bool = False) -> Column:
        self.columns.append(Column(name, quoted))
        return self.columns[-1]

    def case(self) -> Node:
        subject = None if self.next.is_word("when") else self.expression(OR)
        tests: list[Node] = []
        values: list[Node] = []
        while self.accept("when"):
            test = self.expression(OR)
            tests.append(test if subject is None else Comparison("=", subject, test))
            self.expect("then")
            values.append(self.expression(OR))
        other = self.expression(OR) if self.accept("else") else Null()
        self.expect("end")
        if not tests:
            raise ConditionError("CASE without WHEN")
        return Case(tuple(tests), tuple(values), other)

    def cast(self) -> Node:
        self.expect("(")
        operand = self.expression(OR)
        self.expect("as")
        kind = self.take().value.lower()
        if kind not in CASTS:
            raise ConditionError(f"CAST AS {shorten(kind)} is not known", "take REAL, INTEGER or TEXT")
        self.expect(")")
        return Cast(operand, CASTS[kind])
