"""The reference page: every option of every command as Markdown, made from the configuration."""

from __future__ import annotations

import dataclasses
import typing
from pathlib import Path
from typing import Any, NamedTuple

from aam.config.option import Section, flag, is_switch, sections, type_hints
from aam.config.registry import COMMANDS
from aam.config.types import UNDIVIDED, Column, NamedNumber, names_of, one_of

LIMITS = {"at_least": ">=", "above": ">", "at_most": "<=", "below": "<"}
AND_MORE = ",..."  # what follows the first word of a list
WORDS = {int: "INT", float: "NUMBER", str: "TEXT", Path: "PATH", Column: "COLUMN", bool: ""}

INTRODUCTION = """\
# Reference

Every command and option, generated from the program's configuration by `make docs`. `aam COMMAND --help-all`
shows the same, `--help` the usual options.

Every command takes `--help`, `--help-all`, `--print-config` (print the complete configuration and exit) and
`--config FILE` (read options from a YAML file, one `name: value` per line; the command line takes precedence).

Repeat an option that takes several values (`--table a.biom --table b.biom`); lists of words or numbers may also be
comma-separated (`--class-weights 1,2.5`). Switches take no value; their `--no-*` form turns them off.
"""


def reference_page() -> str:
    """The text of ``docs/reference.md``: the commands with their groups of options, then each group once."""
    groups = option_groups()
    lines = [INTRODUCTION, "| Command | What it does | Options |", "|---|---|---|"]
    for name, command in COMMANDS.items():
        own = ", ".join(f"[{group.title}](#{_anchor(group.title)})" for group in groups if name in group.commands)
        lines.append(f"| `{usage(name)}` | {command.summary} | {own} |")
    for group in groups:
        commands = ", ".join(f"`{name}`" for name in group.commands)
        lines += ["", f"## {group.title}", "", f"{group.about} ({commands})", ""]
        lines += ["| Option | Value | Default | Meaning |", "|---|---|---|---|", *map(_row, group.options)]
    return "\n".join(lines) + "\n"


def usage(command: str) -> str:
    """How a command is called, with the option that needs no flag."""
    return f"aam {command} {COMMANDS[command].positional.upper()}".rstrip()


class OptionWords(NamedTuple):
    """An option in words; ``command`` names the only one that has it in this form."""

    flags: tuple[str, ...]
    value: str
    default: str
    help: str
    command: str = ""


class OptionGroup(NamedTuple):
    """A group of options and the commands that share it."""

    title: str
    about: str
    options: list[OptionWords]
    commands: list[str]

    def options_of(self, command: str) -> list[OptionWords]:
        """Those of a command, each in the form that it has there."""
        own = {option.flags: option for option in self.options if option.command == command}
        shared = [option for option in self.options if not option.command]
        return [own.pop(option.flags, option) for option in shared] + list(own.values())


def option_groups() -> list[OptionGroup]:
    """Every group of options once; an option that a command redefines is there a second time, with the command."""
    used = [(name, section) for name, command in COMMANDS.items() for section in sections(command.config).values()]
    found: dict[type[Section], OptionGroup] = {}
    for name, section in used:
        base = next((parent for parent in section.__mro__[1:] if any(parent is other for _, other in used)), section)
        group_title, about = title(base)
        new = OptionGroup(group_title, about[:1].upper() + about[1:], _options(base), [])
        group = found.setdefault(base, new)
        group.commands.append(name)
        redefined = [option for option in _options(section) if option not in group.options]
        group.options.extend(option._replace(command=name) for option in redefined)
    return list(found.values())


def _options(section: type[Section]) -> list[OptionWords]:
    hints = type_hints(section)
    return [_option(field, hints[field.name]) for field in dataclasses.fields(section)]


def _anchor(heading: str) -> str:
    return heading.lower().replace(" ", "-")


def title(section: type[Section]) -> tuple[str, str]:
    """Name of a group of options, and what it is about, from the docstring ``Name: what.``."""
    name, _, about = (section.__doc__ or "").strip().split("\n")[0].partition(": ")
    return name, about


def value_words(hint: Any) -> str:
    """What an option's value looks like, in a word or its choices; nothing for a switch."""
    if (names := names_of(hint)) is not None:
        return "|".join(map(str, names))
    if isinstance(registry := one_of(hint), NamedNumber):
        return "|".join(f"{name}=N" for name in registry.names())
    if typing.get_origin(hint) is tuple:
        item = typing.get_args(hint)[0]
        if one_of(item) is not None or names_of(item) is not None:
            return f"{value_words(item)}{AND_MORE}"
        return f"{WORDS[item]}..." if item in UNDIVIDED else f"{WORDS[item]}{AND_MORE}"
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
    if isinstance(value, tuple):
        return ",".join(map(plain_number, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def limit_words(field: dataclasses.Field[Any]) -> str:
    """The limits of a number: ``>= 0, < 1``."""
    limits = field.metadata["limits"]
    return ", ".join(f"{sign} {limits[name]:.10g}" for name, sign in LIMITS.items() if limits[name] is not None)


def _option(field: dataclasses.Field[Any], hint: Any) -> OptionWords:
    names = [field.name, *([field.metadata["alias"]] if field.metadata["alias"] else [])]
    flags = [flag(name) for name in names]
    if is_switch(hint) and field.metadata["negative"]:
        flags.append(flag(field.metadata["negative"]))
    value = value_words(hint) or "switch"
    if limits := limit_words(field):
        value += f" ({limits})"
    default = default_words(field).removeprefix("default: ")
    return OptionWords(tuple(flags), value, default, field.metadata["help"])


def _row(option: OptionWords) -> str:
    flags = ", ".join(f"`{name}`" for name in option.flags)
    if option.command:
        flags += f" (`aam {option.command}`)"
    return f"| {' | '.join(map(_cell, (flags, option.value, option.default, option.help)))} |"


def off_names(field: dataclasses.Field[Any]) -> list[str]:
    """The names that turn a switch off."""
    names = [f"no_{name}" for name in (field.name, field.metadata["alias"]) if name]
    return [*names, *([field.metadata["negative"]] if field.metadata["negative"] else [])]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace(">", "&gt;")
