"""Bad files, each with the one line that is said of it; and odd ones that must pass.

A case writes its file into an empty folder and returns what reads it. Rows are those of the matrix of bad inputs:
B tables, S sequences, T sample sheets, P trees, D distances, X taxonomy, Z archives.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Read = Callable[[], object]
Make = Callable[[Path], Read]


@dataclass(frozen=True)
class Case:
    """One bad or odd file."""

    name: str
    make: Make
    expected: str = ""


BAD: list[Case] = []
ODD: list[Case] = []


def bad(name: str, expected: str) -> Callable[[Make], Make]:
    """Register a case whose reader must raise an InputError with this line."""

    def register(make: Make) -> Make:
        BAD.append(Case(name, make, expected))
        return make

    return register


def odd(name: str) -> Callable[[Make], Make]:
    """Register a case whose reader must return; the case checks what, if that matters."""

    def register(make: Make) -> Make:
        ODD.append(Case(name, make))
        return make

    return register
