"""R objects in ``.rds`` files: matrices, data frames and slots of S4 objects. They are data; no code of R is run.

Reading them needs the extra ``aam[r]`` (rdata).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from aam.errors import ConfigError, InputError
from aam.text import shorten

XDR = b"X\n\0\0"
OTHER_STARTS = {
    b"RDX": "an .RData file",
    b"RDA": "an .RData file",
    b"A\n": "an R object in ASCII",
    b"B\n": "an R object in the machine's own byte order",
}
"""How files of R start that are not read, and what they are."""
DAMAGE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    NotImplementedError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What the library raises for files that are not as they should be."""
LONGEST_RANGE = 100_000_000
"""Values of a range such as ``1:n``, which is stored as its ends."""


def is_robject(start: bytes) -> bool:
    """Whether a file is one of R's own, by its first bytes (unpacked)."""
    return start.startswith((XDR, *OTHER_STARTS))


def read_robject(source: Path, content: bytes) -> RObject:
    """Read what ``saveRDS`` wrote.

    Parameters
    ----------
    source
        The file.
    content
        Its bytes, unpacked.

    Raises
    ------
    ConfigError
        If rdata is not installed.
    InputError
        If it is not such a file, or is damaged.
    """
    for start, what in OTHER_STARTS.items():
        if content.startswith(start):
            raise InputError(source, f"is {what}", 'in R: saveRDS(x, "x.rds") writes what is read')
    if find_spec("rdata") is None:
        raise ConfigError(f"{source.name}: an R object, which needs rdata, not installed: pip install 'aam[r]'")
    from rdata.parser import parse_data

    try:
        with warnings.catch_warnings(action="ignore"):
            parsed = parse_data(content, extension=".rds", altrep_constructor_dict=_constructors())
        return RObject(parsed.object)
    except DAMAGE as error:
        words = f" ({shorten(str(error), 40)})" if str(error) else ""
        raise InputError(source, f"damaged R object{words}", "copy it again, or write it again with saveRDS") from None


def _constructors() -> dict[bytes, Any]:
    """How values that are stored in short are made; a range no longer than any honest table needs."""
    from rdata.parser import DEFAULT_ALTREP_MAP

    def guarded(make: Any) -> Any:
        def limited(state: Any) -> Any:
            if not 0 <= float(state.value[0]) <= LONGEST_RANGE:
                raise ValueError("a range is too long")
            return make(state)

        return limited

    known = dict(DEFAULT_ALTREP_MAP)
    return {name: guarded(make) if name.startswith(b"compact_") else make for name, make in known.items()}


@dataclass(frozen=True)
class RObject:
    """An object of R, seen through what it is asked for.

    Attributes
    ----------
    parsed
        The object as rdata gives it.
    """

    parsed: Any

    @property
    def kind(self) -> str:
        """R's name of its type: INT, REAL, STR, VEC, S4, NILVALUE."""
        return str(self.parsed.info.type.name)

    @cached_property
    def attributes(self) -> dict[str, RObject]:
        """Attributes of a vector, slots of an S4 object."""
        found, node = {}, self.parsed.attributes
        while node is not None and node.info.type.name == "LIST":
            tag = node.tag
            while tag is not None and tag.info.type.name == "REF":
                tag = tag.referenced_object
            found[_text(tag.value)] = RObject(node.value[0])
            node = node.value[1]
        return found

    @property
    def classes(self) -> list[str]:
        """The names of its class."""
        return self.attributes["class"].texts if "class" in self.attributes else []

    @property
    def texts(self) -> list[str]:
        """The values of a vector of texts, ``""`` for NA."""
        return [_text(one) for one in self.parsed.value] if self.kind == "STR" else []

    @property
    def values(self) -> np.ndarray | None:
        """The values of a vector of numbers, NaN for NA; None of any other."""
        if self.kind not in ("INT", "REAL", "LGL"):
            return None
        values = self.parsed.value
        if np.ma.isMaskedArray(values):
            return np.where(np.ma.getmaskarray(values), np.nan, np.ma.getdata(values).astype(np.float64))
        return np.asarray(values)

    @property
    def matrix(self) -> tuple[np.ndarray, list[str], list[str]] | None:
        """Values, names of rows and names of columns of a matrix of numbers; None of anything else."""
        dim, values = self.attributes.get("dim"), self.values
        size = None if dim is None else dim.values
        if values is None or size is None or len(size) != 2:
            return None
        rows, columns = (int(n) for n in size)
        names = self.attributes.get("dimnames")
        both = [RObject(one).texts for one in names.parsed.value] if names is not None and names.kind == "VEC" else []
        if rows < 0 or columns < 0 or rows * columns != len(values):
            raise ValueError("a matrix has not as many values as cells")
        if len(both) != 2 or len(both[0]) != rows or len(both[1]) != columns:
            return None
        return values.reshape(columns, rows).T, both[0], both[1]

    @property
    def frame(self) -> tuple[list[str], dict[str, list[str]]] | None:
        """Row names, and the columns as text, of a data frame; None of anything else."""
        names, rows = self.attributes.get("names"), self.attributes.get("row.names")
        if self.kind != "VEC" or names is None or rows is None:
            return None
        cells = {name: RObject(one).cells for name, one in zip(names.texts, self.parsed.value, strict=True)}
        return rows.texts, {name: found for name, found in cells.items() if found is not None}

    @property
    def cells(self) -> list[str] | None:
        """A column as text, ``""`` for NA: of texts, numbers or a factor; None of anything else."""
        if self.kind == "STR":
            return self.texts
        values = self.values
        if values is None:
            return None
        if "levels" in self.attributes:
            levels = self.attributes["levels"].texts
            return [levels[int(code) - 1] if code >= 1 else "" for code in values]
        is_whole = values.dtype.kind == "f" and np.ma.isMaskedArray(self.parsed.value)
        written = [_number(value, is_whole) for value in values.tolist()]
        return ["" if text == "nan" else text for text in written]


def _number(value: float | bool, is_whole: bool) -> str:
    return str(int(value)) if is_whole and value == value else str(value)


def _text(one: Any) -> str:
    """The text of a CHAR; R marks the encoding, and all but Latin-1 is UTF-8 here."""
    value = one.value
    if value is None:
        return ""
    try:
        return bytes(value).decode("utf-8")
    except UnicodeDecodeError:
        return bytes(value).decode("latin-1")
