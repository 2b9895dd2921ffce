"""A configuration as the words that one would type for it."""

from __future__ import annotations

from collections.abc import Container, Iterator
from typing import Any

from aam.config.option import fields, flag
from aam.config.types import is_tuple


def command_words(command: str, config: Any) -> list[str]:
    """The command line that makes a configuration: ``aam``, the command, and all options that are not the defaults.

    Parameters
    ----------
    command
        The command, such as ``train``.
    config
        Its configuration.
    """
    return ["aam", command, *option_words(config)]


def option_words(config: Any, taken: Container[str] | None = None) -> list[str]:
    """Flags and values of the options that differ from their defaults.

    Parameters
    ----------
    config
        A configuration of any command.
    taken
        Names of the options to write; all where None.
    """
    words: list[str] = []
    for section, field, hint in fields(type(config)):
        value = getattr(getattr(config, section), field.name)
        if value != field.default and (taken is None or field.name in taken):
            words += _words(field.name, value, is_tuple(hint))
    return words


def _words(name: str, value: object, is_repeated: bool) -> Iterator[str]:
    """Flag and value; the items of a list one by one, or with commas where its flag is given only once."""
    if isinstance(value, bool):
        yield flag(name if value else f"no_{name}")
        return
    items = value if isinstance(value, tuple) else (value,)
    for text in map(str, items) if is_repeated else [",".join(map(str, items))]:
        yield from [f"{flag(name)}={text}"] if text.startswith("-") else [flag(name), text]
