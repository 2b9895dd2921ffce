"""Dataclasses from plain JSON types that someone else may have written."""

from __future__ import annotations

import math
from dataclasses import MISSING, fields
from typing import Any, TypeVar

from aam.config.option import type_hints
from aam.config.types import fits
from aam.text import shorten

T = TypeVar("T")


def read_plain(kind: type[T], values: Any) -> T:
    """Make a dataclass of plain types from a JSON object, whose lists become tuples.

    Parameters
    ----------
    kind
        The dataclass. Its fields are numbers, texts, switches, words of a ``Literal``, or tuples of these.
    values
        What stands in the file.

    Raises
    ------
    ValueError
        If it is no object, lacks a field, has another, or one is of another type, infinite or NaN.
    """
    what = kind.__name__
    if not isinstance(values, dict):
        raise ValueError(f"{what} is not a JSON object")
    given = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    hints = type_hints(kind)
    for field in fields(kind):  # type: ignore[arg-type]
        if field.name not in given and field.default is MISSING:
            raise ValueError(f"{what} lacks '{field.name}'")
    for name, value in given.items():
        if name not in hints:
            raise ValueError(f"{what} has an unknown '{shorten(name)}'")
        if not fits(value, hints[name]) or not _is_finite(value):
            raise ValueError(f"'{name}' of {what} cannot be {shorten(repr(value))}")
    return kind(**given)


def need(holds: bool, problem: str) -> None:
    """Raise :class:`ValueError` with a problem unless something holds."""
    if not holds:
        raise ValueError(problem)


def _is_finite(value: Any) -> bool:
    """Whether a number, or all of a tuple, is finite and fits into 64 bits; what is no number is."""
    if isinstance(value, tuple):
        return all(map(_is_finite, value))
    if isinstance(value, int):
        return abs(value) < 2**63
    return not isinstance(value, float) or math.isfinite(value)
