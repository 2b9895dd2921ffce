"""Newick text as arrays: one pass, no recursion, every mistake with its line and column.

Comments in square brackets may be nested, names may be quoted (``'it''s'``, also ``"a b"``), underscores are kept, and
what is written at inner nodes (names, support values) is ignored. Of comments, only the mark of a rooted (``[&R]``) or
unrooted (``[&U]``) tree before its first parenthesis is heeded. http://phylipweb.github.io/phylip/newicktree.html
"""

from __future__ import annotations

import math
import re
from array import array
from dataclasses import dataclass
from typing import NoReturn

import numpy as np

from aam.errors import InputError
from aam.files.limits import limits
from aam.text import shorten

SHOWN = 12
REMEDY = "give one tree in Newick format"
OF_NEXUS = "save it as Newick (in R: ape::write.tree)"

# A node: the parentheses that open before it, its name, its length, and what ends it. Nothing is ever tried twice
# (possessive quantifiers), so that hostile text takes linear time too.
BODY = r"([\s(]*+)('(?:[^']++|'')*+'|[^()\[\]:;,']*+)\s*+(?::\s*+([^\s()\[\]:;,'_]*+))?+\s*+"
NODE = re.compile(BODY + r"([,);])|.", re.DOTALL)
UNFINISHED_NODE = re.compile(BODY)
QUOTED_OR_COMMENT = re.compile(r"'(?:[^']++|'')*+'|\[")
BRACKET = re.compile(r"[\[\]]")
NOT_LINE_END = re.compile(r"[^\n]")
ROOT_MARK = re.compile(r"[^(]*?\[&([RU])\]", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class Nodes:
    """The nodes of a tree, children before their parent; the root is last.

    Attributes
    ----------
    parent
        int64 (M,): the parent of each node, -1 for the root.
    length
        float64 (M,): length of the branch above each node; NaN where none is written.
    names
        Names of the tips, from left to right.
    is_rooted
        What the text says of its root: ``[&R]`` or ``[&U]``; None where it says nothing.
    """

    parent: np.ndarray
    length: np.ndarray
    names: tuple[str, ...]
    is_rooted: bool | None = None


def parse_newick(text: str, source: str) -> Nodes:
    """Parse the text of one tree.

    Parameters
    ----------
    text
        The text.
    source
        The file's name, for messages.

    Raises
    ------
    InputError
        If it is not one tree in Newick format, with line and column; or has a length that is no finite number, a tip
        without a name, or more or longer names than are accepted.
    """
    return _Parser(text, source).parse()


class _Parser:
    """One pass over the text; holds how deep it is in parentheses, and the nodes so far."""

    def __init__(self, text: str, source: str) -> None:
        self.source = source
        self.text = text
        self.depth = 0
        self.depths = array("i")
        self.lengths = array("d")
        self.names: list[str] = []
        most = limits()
        self.most_tips, self.most_characters = most.tree_tips, most.name_characters

    def parse(self) -> Nodes:
        start = len(self.text) - len(self.text.lstrip())
        if start == len(self.text):
            raise InputError(self.source, "no tree in it: the file is blank")
        mark = ROOT_MARK.match(self.text)
        is_rooted = mark and mark[1].upper() == "R"
        self.text = self._without_comments()
        if not self.text.lstrip().startswith("("):
            shown = shorten(self.text[start : start + SHOWN + 1].strip(), SHOWN)
            is_nexus = self.text[start : start + 6].upper() == "#NEXUS"
            self._fail(start, f"starts with '{shown}', not with '('", OF_NEXUS if is_nexus else REMEDY)
        self._check_rest(self._read_nodes())
        return Nodes(_parents(self.depths), np.frombuffer(self.lengths), tuple(self.names), is_rooted)

    def _read_nodes(self) -> int:
        """Read all nodes; returns where the tree ends."""
        is_inner = False
        for match in NODE.finditer(self.text):
            opened, name, length, end = match.groups()
            if end is None:
                self._fail_at(match.start())
            if is_inner:
                if "(" in opened:
                    self._fail(match.start(1) + opened.index("("), "'(' after ')'")
            else:
                self.depth += opened.count("(")
                self._add_tip(name, match)
            self.lengths.append(math.nan if not length else self._length(length, match))
            self.depths.append(self.depth)
            is_inner = end == ")"
            if is_inner:
                self.depth -= 1
            if self.depth < 0 or (self.depth == 0 and end == ","):
                self._fail(match.start(4), f"'{end}' outside of all parentheses")
            if end == ";":
                if self.depth:
                    self._fail(match.start(4), f"the tree ends, but {self.depth:,} '(' are not closed")
                return match.end()
        return self._fail_at(len(self.text))

    def _add_tip(self, name: str, match: re.Match[str]) -> None:
        name = _unquoted(name)
        if not name:
            self._fail(match.start(2), "a tip has no name")
        if len(name) > self.most_characters:
            self._fail(
                match.start(2), f"a name has {len(name):,} characters, {self.most_characters:,} at most are accepted"
            )
        if len(self.names) == self.most_tips:
            raise InputError(
                self.source, f"more than {self.most_tips:,} tips", "leave out those that are not in the table"
            )
        self.names.append(name)

    def _length(self, written: str, match: re.Match[str]) -> float:
        try:
            length = float(written)
        except ValueError:
            self._fail(match.start(3), f"'{shorten(written, SHOWN)}' is not a branch length")
        if not math.isfinite(length):
            whose = "an inner branch" if match[2] == "" else f"branch of '{shorten(_unquoted(match[2]))}'"
            problem = f"{whose} has length '{shorten(written, SHOWN)}' ({self._place(match.start(3))})"
            raise InputError(self.source, problem, "every branch needs a finite length")
        return length

    def _without_comments(self) -> str:
        """The text with spaces in the place of comments, so that positions stay as they are."""
        if "[" not in self.text:
            return self.text
        pieces, done = [], 0
        while match := QUOTED_OR_COMMENT.search(self.text, done):
            pieces.append(self.text[done : match.start()])
            done = match.end() if match[0] != "[" else self._end_of_comment(match.start())
            covered = self.text[match.start() : done]
            pieces.append(covered if match[0] != "[" else NOT_LINE_END.sub(" ", covered))
        return "".join([*pieces, self.text[done:]])

    def _end_of_comment(self, start: int) -> int:
        level = 0
        for match in BRACKET.finditer(self.text, start):
            level += 1 if match[0] == "[" else -1
            if level == 0:
                return match.end()
        return self._fail(start, "a comment is not closed: ']' is missing")

    def _check_rest(self, end: int) -> None:
        rest = self.text[end:]
        if not rest.strip():
            return
        trees = 1 + re.sub(r"'[^']*+'", "", rest).count(";")
        if trees == 1:
            self._fail(end + len(rest) - len(rest.lstrip()), "text after the end of the tree")
        raise InputError(self.source, f"{trees:,} trees found, one is needed", "keep one of them")

    def _fail_at(self, start: int) -> NoReturn:
        """Say why the text from here on is no node."""
        match = UNFINISHED_NODE.match(self.text, start)
        position = match.end() if match else start
        opened = self.depth + (match[1].count("(") if match else 0)
        if position < len(self.text):
            wrong = self.text[position]
            self._fail(
                position, "a quote inside a name, or not closed" if wrong == "'" else f"unexpected '{shorten(wrong)}'"
            )
        self._fail(position, f"the text ends, but {opened:,} '(' are not closed" if opened else "';' is missing")

    def _fail(self, position: int, why: str, remedy: str = REMEDY) -> NoReturn:
        raise InputError(self.source, f"not a newick tree ({self._place(position)}: {why})", remedy)

    def _place(self, position: int) -> str:
        line = self.text.count("\n", 0, position) + 1
        return f"line {line:,}, column {position - self.text.rfind(chr(10), 0, position):,}"


def _unquoted(name: str) -> str:
    if name.startswith("'"):
        return name[1:-1].replace("''", "'")
    name = name.strip()
    return name[1:-1] if len(name) > 2 and name[0] == name[-1] == '"' else name


def _parents(depths: array[int]) -> np.ndarray:
    """Parent of each node: the next one that is less deep by one."""
    number = len(depths)
    # Nodes in order of their depth and then their place, each as one number, from which its place is found again.
    keys = np.frombuffer(depths, dtype=np.intc).astype(np.int64)
    keys *= number
    keys += np.arange(number)
    ordered = np.sort(keys)
    keys -= number
    parent: np.ndarray = ordered[np.searchsorted(ordered, keys)]
    parent %= number
    parent[-1] = -1
    return parent
