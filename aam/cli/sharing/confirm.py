"""Asks before something leaves this machine, or comes to it."""

from __future__ import annotations

import sys

from aam.errors import ConfigError


def confirmed(question: str, *, yes: bool) -> bool:
    """Whether the user agrees: by ``--yes``, or by an answer at the terminal.

    Raises
    ------
    ConfigError
        If there is nobody to ask.
    """
    if yes:
        return True
    if sys.stdin is None or not sys.stdin.isatty():
        raise ConfigError("nothing was done: there is no terminal to ask at; add --yes if that is what you want")
    print(f"{question} [y/N] ", end="", flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")
