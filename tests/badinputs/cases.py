"""Bad inputs, each with the one line that is said of it; and odd ones that must pass.

A case writes its files into an empty folder and returns what reads them, or the words of a whole command. Rows are
those of the matrix of bad inputs: B tables, S sequences, T sample sheets, W conditions on them, P trees, D distances,
X taxonomy, C models, K configuration, Z archives, L lists of samples, O outputs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Read = Callable[[], object]
Make = Callable[[Path], Read]
Words = list[str]
MakeWords = Callable[[Path], Words]


@dataclass(frozen=True)
class Case:
    """One bad or odd file."""

    name: str
    make: Make
    expected: str = ""


@dataclass(frozen=True)
class CommandCase:
    """One command that must be refused."""

    name: str
    make: MakeWords
    expected: str


BAD: list[Case] = []
ODD: list[Case] = []
BAD_COMMANDS: list[CommandCase] = []


def bad(name: str, expected: str) -> Callable[[Make], Make]:
    """Register a case whose reader must raise an error of the user with this line."""

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


def bad_command(name: str, expected: str) -> Callable[[MakeWords], MakeWords]:
    """Register a case whose command must end with this line and exit code 2."""

    def register(make: MakeWords) -> MakeWords:
        BAD_COMMANDS.append(CommandCase(name, make, expected))
        return make

    return register
