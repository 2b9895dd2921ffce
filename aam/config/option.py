"""One option = one dataclass field: its default, help, limits and other names, declared once.

The command line, the YAML file, the saved run and the reference page are all made from what :func:`option` notes here.
"""

from __future__ import annotations

import dataclasses
import difflib
import typing
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeVar

from aam.config.held import with_what_the_table_holds
from aam.config.types import Column, check_utf8, choices, convert, fits, misfit, shown
from aam.errors import Attempts, ConfigError
from aam.files.model_index import resolved

NO_INPUTS = ("output", "output_dir", "resume_from")


def input_paths(config: Any) -> Iterator[Path]:
    """All files and folders that the options of a command name as inputs."""
    for section, field, _ in fields(type(config)):
        value = getattr(getattr(config, section), field.name)
        if field.name not in NO_INPUTS:
            yield from (path for path in (value if isinstance(value, tuple) else (value,)) if isinstance(path, Path))


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
    usual: str | bool = False,
    names_model: bool = False,
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
    usual
        A few words for ``--help``, which lists the options that have them (True: the words of ``help``);
        ``--help-all`` lists all options.
    names_model
        Whether it may also name models of the user's index, for which their folders then stand.
    """
    limits = {"at_least": at_least, "above": above, "at_most": at_most, "below": below}
    metadata: dict[str, Any] = {"help": help, "limits": limits, "alias": alias}
    metadata |= {"derived": derived, "negative": negative, "names_model": names_model}
    metadata |= {"usual": help.removesuffix(".") if usual is True else usual or ""}
    return dataclasses.field(default=default, metadata=metadata)


def same_as(section: type, name: str) -> Any:
    """Declare the option of another section once more, for a command that has it without the rest of that group."""
    found = next(field for field in dataclasses.fields(section) if field.name == name)
    return dataclasses.field(default=found.default, metadata=found.metadata)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Section:
    """A group of options; checks every field's type and limits when it is made."""

    def __post_init__(self) -> None:
        hints = type_hints(type(self))
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if not fits(value, hints[field.name]):
                raise ConfigError(misfit(flag(field.name), hints[field.name], value))
            if field.metadata["names_model"]:
                value = _of_index(value)
                object.__setattr__(self, field.name, value)
            for one in value if isinstance(value, tuple) else (value,):
                if isinstance(one, str | Path):
                    check_utf8(one, flag(field.name))
            _check_limits(field, value, flag(field.name))
            if field.default is dataclasses.MISSING and value == ():
                raise ConfigError(f"{flag(field.name)} is required")
        self.check()

    def check(self) -> None:
        """Refuse combinations of values that cannot work (overridden where there are any)."""


def _of_index(value: Any) -> Any:
    """A path, or several, with the folder of a model of the index for its name."""
    if isinstance(value, tuple):
        return tuple(map(_of_index, value))
    return resolved(value) if isinstance(value, Path) else value


def type_hints(section: type) -> dict[str, Any]:
    """The resolved type of each field of a section."""
    return _type_hints(section)


@cache
def _type_hints(section: type) -> dict[str, Any]:
    return typing.get_type_hints(section, include_extras=True)


def flag(name: str) -> str:
    """The command line's spelling of a field: ``batch_size`` -> ``--batch-size``."""
    return "--" + name.replace("_", "-")


def is_switch(hint: Any) -> bool:
    """Whether an option is turned on by its flag and off by its ``--no-`` form (it may also be left open)."""
    return set(choices(hint)) in ({bool}, {bool, type(None)})


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
        For unknown names (with the nearest known ones), values of the wrong type or out of their limits; or for
        required options that are missing, and groups of options that do not go together.
    """
    found = with_what_the_table_holds(config, read_values(config, values))
    required = [field.name for _, field, _ in fields(config) if field.default is dataclasses.MISSING]
    if missing := [flag(name) for name in required if name not in found]:
        raise ConfigError(f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} required")
    attempt, made = Attempts(), {}
    for name, kind in sections(config).items():
        own = {field.name: found[field.name] for field in dataclasses.fields(kind) if field.name in found}
        made[name] = attempt(partial(kind, **own))
    attempt.raise_if_any()
    return config(**made)


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
        For all that are unknown, given under two names, of the wrong type or out of their limits.
    """
    known = {field.name: (field, hint) for _, field, hint in fields(config)}
    aliases = {
        alias.replace("-", "_"): name for name, (field, _) in known.items() if (alias := field.metadata["alias"])
    }
    read: dict[str, Any] = {}

    def take(key: str, value: Any) -> None:
        written = key.replace("-", "_")
        name = written if written in known else aliases.get(written, "")
        if not name:
            raise ConfigError(f"unknown key {shown(key, quoted=False)}{suggest(written, list(known))}")
        if name in read:
            raise ConfigError(f"{key} is another name of {spell(name)}, which is given as well")
        field, hint = known[name]
        read[name] = convert(value, hint, spell(name))
        _check_limits(field, read[name], spell(name))

    attempt = Attempts()
    for key, value in values.items():
        attempt(partial(take, key, value))
    attempt.raise_if_any()
    return read


def replace(config: ConfigT, **changes: Any) -> ConfigT:
    """The same configuration with some options (named flat) changed."""
    return from_flat(type(config), {**to_flat(config), **{k: _plain(v) for k, v in changes.items()}})


def suggest(name: str, known: list[str]) -> str:
    """``"; did you mean lr?"`` where a known name is near, else nothing."""
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"; did you mean {near[0]}?" if near else ""


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
                raise ConfigError(f"{name} must be {words} {limit:.10g}, got {_number_words(number)}")


def _number_words(number: float) -> str:
    try:
        return f"{number:.10g}"
    except OverflowError:  # a whole number that no float holds
        return "more digits than it can have"


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(v) for v in value]
    return str(value) if isinstance(value, Path | Column) else value
