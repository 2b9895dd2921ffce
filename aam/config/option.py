"""One option = one dataclass field: its default, help, limits and other names, declared once.

The command line, the YAML file, the saved run and the reference page are all made from what :func:`option` notes here.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar, Union

from aam.errors import ConfigError

REQUIRED: Any = dataclasses.MISSING
ConfigT = TypeVar("ConfigT")


def option(
    default: Any,
    help: str,
    *,
    at_least: float | None = None,
    above: float | None = None,
    at_most: float | None = None,
    below: float | None = None,
    alias: str = "",
    derived: str = "",
    negative: str = "",
) -> Any:
    """Declare a field as an option of the program.

    Parameters
    ----------
    default
        The default, or ``REQUIRED``.
    help
        One or two sentences for ``--help`` and the reference page.
    at_least, above, at_most, below
        Limits of a number, checked when the configuration is made.
    alias
        A second name, in the spelling of the command line without the dashes.
    derived
        From what the value is derived when it is left out (the field's default is then ``None``, or an empty list).
    negative
        A further name of a switch's off form, beside ``no-NAME``, without the dashes.
    """
    limits = {"at_least": at_least, "above": above, "at_most": at_most, "below": below}
    metadata = {"help": help, "limits": limits, "alias": alias}
    metadata |= {"derived": derived, "negative": negative}
    return dataclasses.field(default=default, metadata=metadata)


class Column(str):
    """The name of one column. It may hold commas: a list of columns is given one by one."""

    __slots__ = ()


UNDIVIDED = (Path, Column)
"""Types whose items are given one by one, since they may hold commas."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Section:
    """A group of options; checks every field's type and limits when it is made."""

    def __post_init__(self) -> None:
        hints = type_hints(type(self))
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if not _fits(value, hints[field.name]):
                raise ConfigError(f"{flag(field.name)} must be {describe_type(hints[field.name])}, got {value!r}")
            _check_limits(field, value, flag(field.name))
            if field.default is dataclasses.MISSING and value == ():
                raise ConfigError(f"{flag(field.name)} is required")
        self.check()

    def check(self) -> None:
        """Refuse combinations of values that cannot work (overridden where there are any)."""


def type_hints(section: type) -> dict[str, Any]:
    """The resolved type of each field of a section."""
    return _type_hints(section)


@cache
def _type_hints(section: type) -> dict[str, Any]:
    return typing.get_type_hints(section)


def flag(name: str) -> str:
    """The command line's spelling of a field: ``batch_size`` -> ``--batch-size``."""
    return "--" + name.replace("_", "-")


def is_switch(hint: Any) -> bool:
    """Whether an option is turned on by its flag and off by its ``--no-`` form (it may also be left open)."""
    return set(_choices(hint)) in ({bool}, {bool, type(None)})


def sections(config: type) -> dict[str, type[Section]]:
    """Name -> type of the sections of a command's configuration, in order."""
    return dict(type_hints(config))


def fields(config: type) -> Iterator[tuple[str, dataclasses.Field[Any], Any]]:
    """Section name, field and type of every option of a command's configuration."""
    for section_name, section in sections(config).items():
        for field in dataclasses.fields(section):
            yield section_name, field, type_hints(section)[field.name]


def to_flat(config: Any) -> dict[str, Any]:
    """All options of a configuration as one flat mapping of plain YAML and JSON types."""
    flat: dict[str, Any] = {}
    for section in dataclasses.fields(config):
        values = getattr(config, section.name)
        for field in dataclasses.fields(values):
            flat[field.name] = _plain(getattr(values, field.name))
    return flat


def from_flat(config: type[ConfigT], values: Mapping[str, Any]) -> ConfigT:
    """Make a configuration from a flat mapping (either spelling of the names; text is converted to the field's type).

    Raises
    ------
    ConfigError
        For an unknown name (with the nearest known one), a value of the wrong type or out of its limits, or a
        required option that is missing.
    """
    found = read_values(config, values)
    given: dict[str, dict[str, Any]] = {name: {} for name in sections(config)}
    for section, field, _ in fields(config):
        if field.name in found:
            given[section][field.name] = found[field.name]
        elif field.default is dataclasses.MISSING:
            raise ConfigError(f"{flag(field.name)} is required")
    return config(**{name: section(**given[name]) for name, section in sections(config).items()})


def read_values(config: type, values: Mapping[str, Any], spell: Callable[[str], str] = str) -> dict[str, Any]:
    """The values of some options by field name, converted to their types and within their limits.

    Parameters
    ----------
    config
        The command's configuration.
    values
        Value by name, alias or flag without its dashes.
    spell
        How messages write the name of a field.

    Raises
    ------
    ConfigError
        For the first that is unknown, given under two names, of the wrong type or out of its limits.
    """
    known = {field.name: (field, hint) for _, field, hint in fields(config)}
    aliases = {
        alias.replace("-", "_"): name for name, (field, _) in known.items() if (alias := field.metadata["alias"])
    }
    read: dict[str, Any] = {}
    for key, value in values.items():
        written = key.replace("-", "_")
        name = written if written in known else aliases.get(written, "")
        if not name:
            raise ConfigError(f"unknown key {key}{suggest(written, list(known))}")
        if name in read:
            raise ConfigError(f"{key} is another name of {spell(name)}, which is given as well")
        field, hint = known[name]
        read[name] = convert(value, hint, spell(name))
        _check_limits(field, read[name], spell(name))
    return read


def replace(config: ConfigT, **changes: Any) -> ConfigT:
    """The same configuration with some options (named flat) changed."""
    return from_flat(type(config), {**to_flat(config), **{k: _plain(v) for k, v in changes.items()}})


def suggest(name: str, known: list[str]) -> str:
    """``"; did you mean lr?"`` where a known name is near, else nothing."""
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"; did you mean {near[0]}?" if near else ""


def convert(value: Any, hint: Any, name: str) -> Any:
    """Convert a value from YAML, JSON or text to the type of its field."""
    if _fits(value, hint) and not (isinstance(value, str) and _is_tuple(hint)):
        return value
    for choice in _choices(hint):
        try:
            converted = _convert_one(value, choice)
        except (TypeError, ValueError, KeyError):
            continue
        if _fits(converted, hint):
            return converted
    raise ConfigError(f"{name} must be {describe_type(hint)}, got {value!r}")


def describe_type(hint: Any) -> str:
    """A type in words, as error messages and the reference page say it."""
    if typing.get_origin(hint) is Literal:
        return " or ".join(repr(v) for v in typing.get_args(hint))
    if _is_tuple(hint):
        numbers = {float: "a list of numbers", int: "a list of whole numbers"}
        return {**numbers, Path: "a list of paths"}.get(typing.get_args(hint)[0], "a list of words")
    if typing.get_origin(hint) in (Union, types.UnionType):
        return " or ".join(describe_type(a) for a in typing.get_args(hint) if a is not type(None))
    return {int: "int", float: "a number", bool: "true or false", str: "text", Path: "a path"}.get(hint, str(hint))


def _convert_one(value: Any, kind: Any) -> Any:
    if kind is type(None):
        if value is None or value == "":
            return None
        raise ValueError
    if _is_tuple(kind):
        return _convert_list(value, typing.get_args(kind)[0])
    if kind is bool:
        return {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}[str(value).lower()]
    if kind is int:
        return value if isinstance(value, int) else int(str(value))
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


def _choices(hint: Any) -> tuple[Any, ...]:
    return typing.get_args(hint) if typing.get_origin(hint) in (Union, types.UnionType) else (hint,)


def _is_tuple(hint: Any) -> bool:
    return typing.get_origin(hint) is tuple


def _fits(value: Any, hint: Any) -> bool:
    for kind in _choices(hint):
        if typing.get_origin(kind) is Literal:
            fits = value in typing.get_args(kind)
        elif _is_tuple(kind):
            fits = isinstance(value, tuple) and all(_fits(v, typing.get_args(kind)[0]) for v in value)
        elif kind in (int, float):
            fits = isinstance(value, (int, float) if kind is float else int) and not isinstance(value, bool)
        else:
            fits = isinstance(value, kind)
        if fits:
            return True
    return False


def _check_limits(field: dataclasses.Field[Any], value: Any, name: str) -> None:
    for number in value if isinstance(value, tuple) else (value,):
        if isinstance(number, bool) or not isinstance(number, (int, float)):
            continue
        limits = field.metadata["limits"]
        holds = {
            "at least": limits["at_least"] is None or number >= limits["at_least"],
            "above": limits["above"] is None or number > limits["above"],
            "at most": limits["at_most"] is None or number <= limits["at_most"],
            "below": limits["below"] is None or number < limits["below"],
        }
        for words, held in holds.items():
            if not held:
                limit = limits[words.replace(" ", "_")]
                raise ConfigError(f"{name} must be {words} {limit:.10g}, got {number:.10g}")


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(v) for v in value]
    return str(value) if isinstance(value, Path | Column) else value
