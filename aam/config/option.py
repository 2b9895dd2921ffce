"""One option = one dataclass field: its default, help, limits and other names, declared once.

The command line, the YAML file, the saved run and the reference page are all made from what :func:`option` notes here.
"""

from __future__ import annotations

import dataclasses
import difflib
import types
import typing
from collections.abc import Iterator, Mapping
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
        From what the value is derived when it is left out (the field's default is then ``None``).
    """
    limits = {"at_least": at_least, "above": above, "at_most": at_most, "below": below}
    metadata = {"help": help, "limits": limits, "alias": alias, "derived": derived}
    return dataclasses.field(default=default, metadata=metadata)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Section:
    """A group of options; checks every field's type and limits when it is made."""

    def __post_init__(self) -> None:
        hints = type_hints(type(self))
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if not _fits(value, hints[field.name]):
                raise ConfigError(f"{flag(field.name)} must be {describe_type(hints[field.name])}, got {value!r}")
            _check_limits(field, value)
        self.check()

    def check(self) -> None:
        """Refuse combinations of values that cannot work (overridden where there are any)."""


@cache
def type_hints(section: type) -> dict[str, Any]:
    """The resolved type of each field of a section."""
    return typing.get_type_hints(section)


def flag(name: str) -> str:
    """The command line's spelling of a field: ``batch_size`` -> ``--batch-size``."""
    return "--" + name.replace("_", "-")


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
    known = {field.name: (section, hint, field) for section, field, hint in fields(config)}
    given: dict[str, dict[str, Any]] = {name: {} for name in sections(config)}
    for key, value in values.items():
        name = key.replace("-", "_")
        if name not in known:
            raise ConfigError(f"unknown key {key}{suggest(name, list(known))}")
        section, hint, _ = known[name]
        given[section][name] = convert(value, hint, name)
    for name, (section, _, field) in known.items():
        if field.default is dataclasses.MISSING and name not in given[section]:
            raise ConfigError(f"{flag(name)} is required")
    return config(**{name: section(**given[name]) for name, section in sections(config).items()})


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
        return f"a list of {describe_type(typing.get_args(hint)[0])}"
    if typing.get_origin(hint) in (Union, types.UnionType):
        return " or ".join(describe_type(a) for a in typing.get_args(hint) if a is not type(None))
    return {int: "int", float: "a number", bool: "true or false", str: "text", Path: "a path"}.get(hint, str(hint))


def _convert_one(value: Any, kind: Any) -> Any:
    if kind is type(None):
        if value is None or value == "":
            return None
        raise ValueError
    if _is_tuple(kind):
        item = typing.get_args(kind)[0]
        values = value if isinstance(value, (list, tuple)) else str(value).split(",")
        return tuple(_convert_one(v.strip() if isinstance(v, str) else v, item) for v in values)
    if kind is bool:
        return {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}[str(value).lower()]
    if kind is int:
        return value if isinstance(value, int) else int(str(value))
    if kind in (float, str, Path) and not isinstance(value, (bool, list, tuple, dict)):
        return kind(value)
    raise ValueError


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


def _check_limits(field: dataclasses.Field[Any], value: Any) -> None:
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
                raise ConfigError(f"{flag(field.name)} must be {words} {limit:g}, got {number:g}")


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(v) for v in value]
    return str(value) if isinstance(value, Path) else value
