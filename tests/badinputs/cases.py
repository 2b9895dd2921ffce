"""Bad inputs, each with the one line that is said of it; and odd ones that must pass.

A case writes its files into an empty folder and returns what reads them, or the words of a whole command. Most cases
are rows of a table: name, expected line, the function that writes, and its arguments after the folder. Names start with
the row of the matrix of bad inputs: B tables, S sequences, T metadata files, W conditions on them, P trees,
D distances, X taxonomy, C models, K configuration, Z archives, L lists of samples, O outputs, F what the fuzzer found.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Read = Callable[[], object]
Words = list[str]
Make = Callable[[Path], Any]  # returns Read, or the Words of a command


@dataclass(frozen=True)
class Case:
    """One bad or odd input."""

    name: str
    make: Make
    expected: str = ""


BAD: list[Case] = []
ODD: list[Case] = []
BAD_COMMANDS: list[Case] = []


def bad_rows(*rows: tuple[Any, ...]) -> None:
    """Cases whose reader must raise an error of the user: (name, expected line, function, *arguments)."""
    BAD.extend(_case(*row) for row in rows)


def odd_rows(*rows: tuple[Any, ...]) -> None:
    """Cases whose reader must return: (name, function, *arguments)."""
    ODD.extend(_case(name, "", make, *arguments) for name, make, *arguments in rows)


def bad_command_rows(*rows: tuple[Any, ...]) -> None:
    """Cases whose command must end with this line and exit code 2: (name, expected line, function, *arguments)."""
    BAD_COMMANDS.extend(_case(*row) for row in rows)


def bad(name: str, expected: str) -> Callable[[Make], Make]:
    """Register a function that makes a bad file."""
    return functools.partial(_register, BAD, name, expected)


def odd(name: str) -> Callable[[Make], Make]:
    """Register a function that makes an odd file; it checks what is read, if that matters."""
    return functools.partial(_register, ODD, name, "")


def bad_command(name: str, expected: str) -> Callable[[Make], Make]:
    """Register a function that makes a command that is refused."""
    return functools.partial(_register, BAD_COMMANDS, name, expected)


def _register(cases: list[Case], name: str, expected: str, make: Make) -> Make:
    cases.append(Case(name, make, expected))
    return make


def _case(name: str, expected: str, make: Callable[..., Any], *arguments: Any) -> Case:
    return Case(name, lambda folder: make(folder, *arguments), expected)
