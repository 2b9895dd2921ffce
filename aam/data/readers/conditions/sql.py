"""A condition written anew as SQL in which each value has a type.

A column stands for its texts where it meets a text, and for its numbers where it meets a number: column ``k`` of the
condition is ``t<k>`` and ``n<k>``. Where it meets neither, it is a number if all of its cells are numbers or missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from functools import singledispatchmethod
from typing import Any

from aam.data.readers.conditions import syntax
from aam.data.readers.conditions.facts import Facts, Sheet
from aam.data.readers.conditions.functions import FUNCTIONS, signature
from aam.data.readers.conditions.syntax import Node
from aam.data.readers.conditions.texts_and_numbers import (
    MIRRORED,
    ORDERED,
    QUOTES,
    all_numbers,
    refuse_order_of_texts,
    same_number_note,
)
from aam.data.readers.conditions.tokens import ConditionError
from aam.text import shorten


class Kind(Enum):
    """What an expression is: known by its form, or (a column) settled by what it meets."""

    TEXT = "a text"
    NUMBER = "a number"
    CONDITION = "a condition"
    COLUMN = "a column"
    NULL = "NULL"


class Writer:
    """Writes SQL, and notes what a user may not expect.

    Parameters
    ----------
    sheet
        The columns.
    """

    def __init__(self, sheet: Sheet) -> None:
        self.sheet = sheet
        self.notes: list[str] = []

    def condition(self, node: Node) -> str:
        """An expression as something that holds or does not."""
        kind = self.kind(node)
        if kind is Kind.TEXT:
            shown = f"the text '{shorten(node.value)}'" if isinstance(node, syntax.Text) else "a text"
            remedy = "compare a column each time: site = 'gut' OR site = 'skin'"
            raise ConditionError(f"{shown} stands where a condition is needed", remedy)
        return self.number(node)

    def number(self, node: Node) -> str:
        """An expression as a number."""
        if isinstance(node, syntax.Column):
            return f"n{all_numbers(self.sheet, self._facts(node)).place}"
        if isinstance(node, syntax.Case | syntax.Call) and self.kind(node) is Kind.COLUMN:
            return self._write_as(node, Kind.NUMBER)
        if isinstance(node, syntax.Text) or self.kind(node) is Kind.TEXT:
            shown = f"'{shorten(node.value)}' is a text" if isinstance(node, syntax.Text) else "a text stands"
            raise ConditionError(f"{shown} where a number is needed", QUOTES)
        return self.write(node)

    def text(self, node: Node) -> str:
        """An expression as a text."""
        if isinstance(node, syntax.Column):
            return f"t{self._facts(node).place}"
        if isinstance(node, syntax.Case | syntax.Call) and self.kind(node) is Kind.COLUMN:
            return self._write_as(node, Kind.TEXT)
        if self.kind(node) in (Kind.NUMBER, Kind.CONDITION):
            shown = f"{shorten(node.written)} is" if isinstance(node, syntax.Number) else "there is"
            raise ConditionError(f"{shown} a number where a text is needed", QUOTES)
        return self.write(node)

    def of_kind(self, node: Node, kind: Kind) -> str:
        """An expression as a text or as a number."""
        return self.text(node) if kind is Kind.TEXT else self.number(node)

    def kind(self, node: Node) -> Kind:
        """What an expression is."""
        if isinstance(node, syntax.Collated):
            return self.kind(node.operand)
        if isinstance(node, syntax.Case):
            return self.common([*node.values, node.other])
        if isinstance(node, syntax.Call):
            takes, gives = signature(node)
            same = [node.arguments[place] for place, letter in enumerate(takes) if letter == "s"]
            return {"n": Kind.NUMBER, "t": Kind.TEXT}.get(gives) or self.common(same)
        if isinstance(node, syntax.Arithmetic):
            return Kind.TEXT if node.operator == "||" else Kind.NUMBER
        if isinstance(node, syntax.Cast):
            return Kind.TEXT if node.kind == "TEXT" else Kind.NUMBER
        if isinstance(node, syntax.Unary):
            return Kind.CONDITION if node.operator == "NOT" else Kind.NUMBER
        known = {syntax.Text: Kind.TEXT, syntax.Number: Kind.NUMBER, syntax.Null: Kind.NULL, syntax.Column: Kind.COLUMN}
        return known.get(type(node), Kind.CONDITION)

    def common(self, nodes: Sequence[Node]) -> Kind:
        """What several expressions are of which one is taken."""
        kinds = {self.kind(node) for node in nodes} - {Kind.NULL}
        if Kind.TEXT in kinds and kinds & {Kind.NUMBER, Kind.CONDITION}:
            raise ConditionError("texts and numbers are mixed", QUOTES)
        if Kind.TEXT in kinds:
            return Kind.TEXT
        if kinds & {Kind.NUMBER, Kind.CONDITION}:
            return Kind.NUMBER
        return Kind.COLUMN if kinds else Kind.NULL

    def settled(self, nodes: Sequence[Node]) -> Kind:
        """What expressions are that are compared with each other, or with nothing."""
        kind = self.common(nodes)
        if kind in (Kind.TEXT, Kind.NUMBER):
            return kind
        return Kind.NUMBER if all(facts.is_numeric for facts in self._columns(nodes)) else Kind.TEXT

    @singledispatchmethod
    def write(self, node: Any) -> str:
        """An expression that is no column."""
        raise AssertionError(node)

    @write.register
    def _(self, node: syntax.Text) -> str:
        return "'" + node.value.replace("'", "''") + "'"

    @write.register
    def _(self, node: syntax.Number) -> str:
        return node.written

    @write.register
    def _(self, node: syntax.Null) -> str:
        return "NULL"

    @write.register
    def _(self, node: syntax.Column) -> str:
        return self.of_kind(node, self.settled([node]))

    @write.register
    def _(self, node: syntax.Unary) -> str:
        inner = self.condition(node.operand) if node.operator == "NOT" else self.number(node.operand)
        return f"({node.operator} {inner})"

    @write.register
    def _(self, node: syntax.Arithmetic) -> str:
        kind = Kind.TEXT if node.operator == "||" else Kind.NUMBER
        return f"({self.of_kind(node.left, kind)} {node.operator} {self.of_kind(node.right, kind)})"

    @write.register
    def _(self, node: syntax.Logic) -> str:
        return "(" + f" {node.operator} ".join(map(self.condition, node.parts)) + ")"

    @write.register
    def _(self, node: syntax.Matches) -> str:
        escape = "" if node.escape is None else f" ESCAPE {self.text(node.escape)}"
        return f"({self.text(node.operand)} {node.operator} {self.text(node.pattern)}{escape})"

    @write.register
    def _(self, node: syntax.Collated) -> str:
        return f"({self.text(node.operand)} COLLATE {node.order})"

    @write.register
    def _(self, node: syntax.Cast) -> str:
        if isinstance(node.operand, syntax.Column):
            facts = self._facts(node.operand)
            return f"t{facts.place}" if node.kind == "TEXT" else f"CAST(n{facts.place} AS {node.kind})"
        return f"CAST({self.write(node.operand)} AS {node.kind})"

    @write.register(syntax.Case | syntax.Call)
    def _(self, node: syntax.Case | syntax.Call) -> str:
        kind = self.settled([node])
        return self._write_as(node, kind)

    @write.register
    def _(self, node: syntax.Among) -> str:
        """Numbers and texts of the list each by their own kind."""
        kinds = [self.kind(item) for item in node.items]
        parts = []
        for kind in (Kind.TEXT, Kind.NUMBER):
            items = [item for item, of_item in zip(node.items, kinds, strict=True) if of_item is kind]
            for item in items:
                self._check("=", node.operand, item)
            if items:
                listed = ", ".join(map(self.write, items))
                parts.append(f"{self.of_kind(node.operand, kind)} IN ({listed})")
        others = [item for item, kind in zip(node.items, kinds, strict=True) if kind not in (Kind.TEXT, Kind.NUMBER)]
        parts += [self.write(syntax.Comparison("=", node.operand, item)) for item in others]
        return f"({' OR '.join(parts) or '0'})"

    @write.register
    def _(self, node: syntax.Comparison) -> str:
        sides = (node.left, node.right)
        kinds = {self.kind(side) for side in sides}
        if Kind.NULL in kinds and node.operator not in ("IS", "IS NOT"):
            raise ConditionError(f"{node.operator} NULL never holds", "write IS NULL or IS NOT NULL")
        if Kind.CONDITION in kinds:
            if node.operator in ORDERED or not kinds <= {Kind.CONDITION, Kind.NUMBER, Kind.NULL}:
                remedy = "write each comparison out: age > 1 AND age < 5"
                raise ConditionError("a condition is compared with something", remedy)
            return f"({self.condition(node.left)} {node.operator} {self.condition(node.right)})"
        if {Kind.TEXT, Kind.NUMBER} <= kinds:
            raise ConditionError("a text is compared with a number", QUOTES)
        self._check(node.operator, node.left, node.right)
        kind = self.settled(sides)
        if kind is Kind.TEXT and kinds == {Kind.COLUMN} and node.operator in ORDERED:
            self._refuse_order(sides)
        return f"({self.of_kind(node.left, kind)} {node.operator} {self.of_kind(node.right, kind)})"

    def _write_as(self, node: syntax.Case | syntax.Call, kind: Kind) -> str:
        """A choice between values, all as one kind; of other functions, each argument as what it must be."""
        if isinstance(node, syntax.Case):
            pairs = zip(node.tests, node.values, strict=True)
            arms = "".join(f" WHEN {self.condition(test)} THEN {self.of_kind(value, kind)}" for test, value in pairs)
            return f"(CASE{arms} ELSE {self.of_kind(node.other, kind)} END)"
        takes, _ = signature(node)
        if node.name == "nullif":
            self._check("=", *node.arguments)
        writers = {"t": self.text, "n": self.number, "c": self.condition, "s": lambda part: self.of_kind(part, kind)}
        arguments = (writers[letter](part) for letter, part in zip(takes, node.arguments, strict=True))
        return f"{node.name}({', '.join(arguments)})"

    def _facts(self, node: syntax.Column) -> Facts:
        return self.sheet.column(node.name, quoted=node.quoted)

    def _columns(self, nodes: Sequence[Node]) -> list[Facts]:
        """The columns that expressions of unsettled kind take their values from."""
        found: list[Facts] = []
        for node in nodes:
            if isinstance(node, syntax.Column):
                found.append(self._facts(node))
            elif isinstance(node, syntax.Collated):
                found += self._columns([node.operand])
            elif isinstance(node, syntax.Case):
                found += self._columns([*node.values, node.other])
            elif isinstance(node, syntax.Call) and FUNCTIONS[node.name].gives == "s":
                takes, _ = signature(node)
                found += self._columns(
                    [part for letter, part in zip(takes, node.arguments, strict=True) if letter == "s"]
                )
        return found

    def _refuse_order(self, sides: Sequence[Node]) -> None:
        """Refuse the order of two columns that hold numbers, not all cells of which are."""
        facts = self._columns(sides)
        if any(column.some_numbers for column in facts):
            all_numbers(self.sheet, next(column for column in facts if not column.is_numeric))

    def _check(self, sign: str, left: Node, right: Node) -> None:
        """Look for what a comparison of a column with a text may get wrong."""
        if isinstance(right, syntax.Column) and isinstance(left, syntax.Text):
            sign, left, right = MIRRORED.get(sign, sign), right, left
        if not isinstance(left, syntax.Column) or not isinstance(right, syntax.Text):
            return
        facts = self._facts(left)
        if sign in ORDERED:
            refuse_order_of_texts(facts, sign, right.value)
        elif note := same_number_note(facts, right.value):
            self.notes.append(note)
