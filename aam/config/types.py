"""Values of options: from text, YAML or JSON to the type of a field, and types in words."""

from __future__ import annotations

import math
import types
import typing
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, Union

from aam.errors import ConfigError


@dataclass(frozen=True)
class OneOf:
    """The names that a registry knows, as the type of an option: ``Annotated[str, OneOf("aam.room.registry")]``.

    The configuration lies below the rooms that bring choices, so it names their registry and loads it when the names
    are first asked for. A registry is a module that has two functions and starts without the deep-learning libraries:
    ``names()`` gives the choices, and ``options(name)`` the options that one of them uses and others may not.
    """

    registry: str

    def load(self) -> Any:
        """The registry."""
        return import_module(self.registry)

    def names(self) -> tuple[str, ...]:
        """All choices, those that were registered from outside too."""
        found: tuple[str, ...] = self.load().names()
        return found

    def users(self, option: str) -> tuple[str, ...]:
        """The choices that use an option."""
        registry = self.load()
        return tuple(name for name in registry.names() if option in registry.options(name))


class NamedNumber(OneOf):
    """Words ``NAME=NUMBER`` with such names: what the numbers mean, and may be, is for the options' group to say."""


def one_of(hint: Any) -> OneOf | None:
    """The registry that a type's values are from, if they are from one."""
    found = [note for note in getattr(hint, "__metadata__", ()) if isinstance(note, OneOf)]
    return found[0] if found else None


def names_of(hint: Any) -> tuple[Any, ...] | None:
    """The values that a type lists; None for a type that lists none."""
    if typing.get_origin(hint) is Literal:
        return typing.get_args(hint)
    registry = one_of(hint)
    return None if registry is None or isinstance(registry, NamedNumber) else registry.names()


LONGEST_SHOWN = 60  # of a value, in a message


class Column(str):
    """The name of one column. It may hold commas: a list of columns is given one by one."""

    __slots__ = ()


UNDIVIDED = (Path, Column)
"""Types whose items are given one by one, since they may hold commas."""


def convert(value: Any, hint: Any, name: str) -> Any:
    """Convert a value from YAML, JSON or text to the type of its field."""
    if fits(value, hint) and not (isinstance(value, str) and is_tuple(hint)):
        return value
    for choice in choices(hint):
        try:
            converted = _convert_one(value, choice)
        except (TypeError, ValueError, KeyError):
            continue
        if fits(converted, hint):
            return converted
    raise ConfigError(misfit(name, hint, value))


def misfit(name: str, hint: Any, value: Any) -> str:
    """Why a value is not of the type of a field: the unknown words of a list of names, else what is needed."""
    known = names_of(typing.get_args(hint)[0]) if is_tuple(hint) else None
    if known is not None:
        words = value if isinstance(value, (list, tuple)) else str(value).split(",")
        unknown = [word for word in words if (word.strip() if isinstance(word, str) else word) not in known]
        if unknown:
            return f"{name}: unknown {', '.join(map(shown, unknown))}; choose from {', '.join(map(str, known))}"
    return f"{name} must be {describe_type(hint)}, got {shown(value)}"


def describe_type(hint: Any) -> str:
    """A type in words, as error messages and the reference page say it."""
    if (names := names_of(hint)) is not None:
        return " or ".join(map(repr, names))
    if isinstance(registry := one_of(hint), NamedNumber):
        return f"NAME=NUMBER, of {', '.join(registry.names())}"
    if is_tuple(hint):
        item = typing.get_args(hint)[0]
        if names_of(item) is not None or one_of(item) is not None:
            return f"a list of {describe_type(item)}"
        numbers = {float: "a list of numbers", int: "a list of whole numbers"}
        return {**numbers, Path: "a list of paths"}.get(item, "a list of words")
    if typing.get_origin(hint) in (Union, types.UnionType):
        return " or ".join(describe_type(a) for a in typing.get_args(hint) if a is not type(None))
    return {int: "a whole number", float: "a number", bool: "true or false", str: "text", Path: "a path"}.get(
        hint, str(hint)
    )


def _convert_one(value: Any, kind: Any) -> Any:
    if kind is type(None):
        if value is None or value == "":
            return None
        raise ValueError
    if is_tuple(kind):
        return _convert_list(value, typing.get_args(kind)[0])
    if names_of(kind) is not None:
        return value
    if kind is bool:
        return {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}[str(value).lower()]
    if kind is int:
        return value if isinstance(value, int) else int(str(value))
    kind = str if isinstance(one_of(kind), NamedNumber) else kind
    if kind not in (float, str, Path, Column) or value is None or isinstance(value, (bool, list, tuple, dict)):
        raise ValueError
    if kind is Path and (value == "" or "\0" in str(value)):
        raise ValueError
    converted = kind(value)
    if kind is float and not math.isfinite(converted):
        raise ValueError
    return converted


def _convert_list(value: Any, item: Any) -> tuple[Any, ...]:
    """A list, or text: a path or a column is one item as it is, other text is split at its commas."""
    if not isinstance(value, (list, tuple)):
        value = [value] if item in UNDIVIDED else str(value).split(",") if value != "" else []
    return tuple(_convert_one(v.strip() if isinstance(v, str) else v, item) for v in value)


def choices(hint: Any) -> tuple[Any, ...]:
    """The types of which a value may have any."""
    return typing.get_args(hint) if typing.get_origin(hint) in (Union, types.UnionType) else (hint,)


def is_tuple(hint: Any) -> bool:
    """Whether values of a type are lists."""
    return typing.get_origin(hint) is tuple


def fits(value: Any, hint: Any) -> bool:
    """Whether a value is of the type of a field; a whole number is also a number, and a switch is neither."""
    for kind in choices(hint):
        if (names := names_of(kind)) is not None:
            is_one = isinstance(value, str | int) and value in names
        elif isinstance(one_of(kind), NamedNumber):
            is_one = isinstance(value, str)
        elif is_tuple(kind):
            is_one = isinstance(value, tuple) and all(fits(v, typing.get_args(kind)[0]) for v in value)
        elif kind in (int, float):
            is_one = isinstance(value, (int, float) if kind is float else int) and not isinstance(value, bool)
        else:
            is_one = isinstance(value, kind)
        if is_one:
            return True
    return False


def check_utf8(value: str | Path, name: str) -> None:
    """Refuse a text or a path that is not UTF-8: reports, records and models could not name it.

    Parameters
    ----------
    value
        The text. Of a path, the folder that it starts from counts as well.
    name
        The option that it was given to.

    Raises
    ------
    ConfigError
        With the bytes.
    """
    if bad := _not_utf8(str(value)):
        remedy = "rename it" if isinstance(value, Path) else "write it in UTF-8"
        raise ConfigError(f"{name}: {bad} is not UTF-8; {remedy}")
    if isinstance(value, Path) and not value.is_absolute() and (bad := _not_utf8(str(Path.cwd()))):
        raise ConfigError(f"{name}: the folder that you are in, {bad}, is not UTF-8; rename it")


def _not_utf8(text: str) -> str:
    """The bytes of a text from the system that is not UTF-8, as messages show them; empty where it is."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        is_bytes = "\udc80" <= text[error.start] <= "\udcff"
        return shown(text.encode("utf-8", "surrogateescape" if is_bytes else "backslashreplace"))[1:]
    return ""


def shown(value: Any, quoted: bool = True) -> str:
    """A value as messages quote it, or name it: on one line, cut where it is long."""
    text = repr(value) if quoted or not str(value).isprintable() else str(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 3]}..."
