"""The reference page: every option of every command as Markdown, made from the configuration."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aam.config.one_of import names_of
from aam.config.option import Section, fields, flag, is_switch, sections
from aam.config.registry import COMMANDS, Command
from aam.config.types import UNDIVIDED, Column

LIMITS = {"at_least": ">=", "above": ">", "at_most": "<=", "below": "<"}
WORDS = {int: "INT", float: "NUMBER", str: "TEXT", Path: "PATH", Column: "COLUMN", bool: ""}

INTRODUCTION = """\
# Reference

Every command and option. This page is made from the program's own configuration by `make docs`; `aam COMMAND --help`
shows the same.

Three things hold for every command:

- `--help` explains its options.
- `--config FILE` reads options from a YAML file, one `name: value` a line, named as below, with `-` or `_`. What is
  given on the command line wins. The `config.yaml` of a run is such a file.
- `--print-config` prints the complete configuration in that form and starts nothing.

Options that take several values are given several times (`--table a.biom --table b.biom`); lists of words or numbers
may also be written with commas (`--class-weights 1,2.5`). Switches take no value; their `--no-*` form turns them
off. `aam --version` prints the version.
"""


def reference_page() -> str:
    """The text of ``docs/reference.md``."""
    lines = [INTRODUCTION, "| Command | What it does |", "|---|---|"]
    lines += [f"| [`aam {name}`](#aam-{name}) | {command.summary} |" for name, command in COMMANDS.items()]
    for name, command in COMMANDS.items():
        lines += ["", *_command(name, command)]
    return "\n".join(lines) + "\n"


def title(section: type[Section]) -> tuple[str, str]:
    """Name of a group of options, and what it is about, from the docstring ``Name: what.``."""
    name, _, about = (section.__doc__ or "").strip().split("\n")[0].partition(": ")
    return name, about


def value_words(hint: Any) -> str:
    """What an option's value looks like, in a word or its choices; nothing for a switch."""
    if (names := names_of(hint)) is not None:
        return "|".join(map(str, names))
    if typing.get_origin(hint) is tuple:
        item = typing.get_args(hint)[0]
        return f"{WORDS[item]}..." if item in UNDIVIDED else f"{WORDS[item]},..."
    kinds = [kind for kind in typing.get_args(hint) if kind is not type(None)]
    return "|".join(map(value_words, kinds)) if kinds else WORDS[hint]


def default_words(field: dataclasses.Field[Any]) -> str:
    """What holds where an option is left out: ``required``, ``derived: ...``, ``default: ...``, or nothing."""
    if field.default is dataclasses.MISSING:
        return "required"
    if derived := field.metadata["derived"]:
        return f"derived: {derived}"
    if field.default is None or field.default == ():
        return ""
    default = field.default
    shown = ("yes" if default else "no") if isinstance(default, bool) else plain_number(default)
    return f"default: {shown}"


def plain_number(value: Any) -> str:
    """A value as one would type it."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def limit_words(field: dataclasses.Field[Any]) -> str:
    """The limits of a number: ``>= 0, < 1``."""
    limits = field.metadata["limits"]
    return ", ".join(f"{sign} {limits[name]:.10g}" for name, sign in LIMITS.items() if limits[name] is not None)


def _command(name: str, command: Command) -> Iterator[str]:
    yield f"## aam {name}"
    yield ""
    yield command.summary
    if command.positional:
        yield f"Used as `aam {name} {command.positional.upper()}`."
    for section_name, section in sections(command.config).items():
        group, about = title(section)
        yield ""
        yield f"### {group} (`aam {name}`)"
        yield ""
        yield about[:1].upper() + about[1:]
        yield ""
        yield "| Option | Value | If left out | Meaning |"
        yield "|---|---|---|---|"
        yield from (_row(field, hint) for name, field, hint in fields(command.config) if name == section_name)


def _row(field: dataclasses.Field[Any], hint: Any) -> str:
    names = [field.name, *([field.metadata["alias"]] if field.metadata["alias"] else [])]
    flags = [flag(name) for name in names]
    if is_switch(hint):
        flags += [flag(name) for name in off_names(field)]
    value = value_words(hint) or "switch"
    if limits := limit_words(field):
        value += f" ({limits})"
    default = default_words(field).removeprefix("default: ")
    cells = (", ".join(f"`{name}`" for name in flags), value, default, field.metadata["help"])
    return f"| {' | '.join(_cell(cell) for cell in cells)} |"


def off_names(field: dataclasses.Field[Any]) -> list[str]:
    """The names that turn a switch off."""
    names = [f"no_{name}" for name in (field.name, field.metadata["alias"]) if name]
    return [*names, *([field.metadata["negative"]] if field.metadata["negative"] else [])]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace(">", "&gt;")
