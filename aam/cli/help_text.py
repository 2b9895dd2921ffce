"""What ``--help`` and ``--help-all`` print: a line for each usual option, or all that is said of every option."""

from __future__ import annotations

import dataclasses
import shutil
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from aam.cli.terminal import Terminal
from aam.config.option import fields, flag, is_switch, sections
from aam.config.reference import AND_MORE, default_words, limit_words, off_names, title, value_words
from aam.config.registry import COMMANDS, FIRST_COMMANDS, GROUPS

ABOUT = "Attention All Microbes: predict sample metadata from 16S amplicon data."
HELP_FLAGS = ("--help", "-h")
HELP_ALL_FLAG = "--help-all"
COMPLETION_FLAG = "--install-completion"
GENERAL = (
    ("config", str, "FILE", "YAML file of options, one `name: value` per line; the command line takes precedence."),
    ("print_config", bool, "", "Print the complete configuration as YAML and exit."),
)
HELP = (
    ("help", HELP_FLAGS, "Show the usual options."),
    ("help_all", (HELP_ALL_FLAG,), "Show all options."),
)
LONGEST_VALUE = 22
"""Of what is shown beside a flag; longer lists of choices stand in the text."""
NARROW, WIDE = 30, 32
"""Columns of the flags, where all that is to be said of an option has one line, and where it has several."""
LEAST_COLUMNS, MOST_COLUMNS = 60, 100


class _Line(NamedTuple):
    """An option and what is said of it."""

    flags: str
    words: str


def print_help(command: str, *, all_options: bool = False) -> None:
    """Print the usual options of a command, those that are required first; or all of them in their groups."""
    lines = _all_lines(command) if all_options else _usual_lines(command)
    Terminal().print("\n".join(lines))


def print_start() -> None:
    """Say what to type first: what `aam` alone shows."""
    lines = [ABOUT, "", "Usage: aam COMMAND OPTIONS", ""]
    lines += _aligned([_Line(name, COMMANDS[name].summary) for name in FIRST_COMMANDS])
    more = [
        _Line("aam COMMAND --help", "the usual options of a command"),
        _Line("aam --help", "all commands"),
        _Line("aam demo", "see it work on a simulated study, within two minutes"),
    ]
    Terminal().print("\n".join([*lines, "", *_aligned(more)]))


def print_overview() -> None:
    """Name every command."""
    names = [name for group in GROUPS.values() for name in group]
    line_of = dict(zip(names, _aligned([_Line(name, COMMANDS[name].summary) for name in names]), strict=True))
    commands = [line for title, group in GROUPS.items() for line in (title, *map(line_of.__getitem__, group), "")]
    general = [
        _Line("COMMAND --help", "the usual options of a command, one line each"),
        _Line(f"COMMAND {HELP_ALL_FLAG}", "all of its options"),
        _Line("--version", "the version"),
        _Line(f"{COMPLETION_FLAG} [SHELL]", "complete commands and options by Tab: bash, zsh or fish"),
    ]
    lines = [ABOUT, "", "Usage: aam COMMAND OPTIONS", "", *commands, "General"]
    Terminal().print("\n".join([*lines, *_aligned(general)]))


def metavar(hint: Any) -> tuple[str, str]:
    """What is shown beside the flag of an option, and its choices where they are too many to stand there."""
    value = value_words(hint)
    if len(value) <= LONGEST_VALUE:
        return value, ""
    several = AND_MORE if value.endswith(AND_MORE) else ""
    return f"CHOICE{several}", value.removesuffix(AND_MORE).replace("|", ", ")


def usage(command: str) -> str:
    """How a command is called."""
    described = COMMANDS[command]
    needed = {field.name for _, field, _ in fields(described.config) if field.default is dataclasses.MISSING}
    words = [word.upper() if word in needed else f"[{word.upper()}]" for word in described.positional.split()]
    return f"Usage: aam {command} {' '.join(words) or 'OPTIONS'}"


def _usual_lines(command: str) -> Iterator[str]:
    described = COMMANDS[command]
    found = [
        (field, hint)
        for _, field, hint in fields(described.config)
        if described.usual.get(field.name, field.metadata["usual"])
    ]
    needed = {field.name for field, _ in found if field.default is dataclasses.MISSING} | set(described.needs)
    said = {field.name: _usual_line(field, hint, described.usual.get(field.name)) for field, hint in found}
    required = [line for name, line in said.items() if name in needed]
    usual = [line for name, line in said.items() if name not in needed]
    yield from (usage(command), "", described.summary)
    width = max(len(line.flags) for line in (*required, *usual))
    for name, lines in (("Required", required), ("Usual options", usual)):
        if lines:
            yield from ("", name, *_aligned(lines, width))
    number = sum(1 for _ in fields(described.config)) + len(GENERAL) + len(HELP)
    yield from ("", f"All {number} options: aam {command} {HELP_ALL_FLAG}")


def _usual_line(field: dataclasses.Field[Any], hint: Any, own: str | None) -> _Line:
    """The flag that changes something, and a few words: those of the command, or those of the option."""
    if is_switch(hint):
        return _Line(flag(f"no_{field.name}" if field.default else field.name), field.metadata["usual"])
    value = value_words(hint)
    if len(f"{flag(field.name)} {value}") > NARROW - 2:
        value = "PATH" if value.endswith("PATH") else metavar(hint)[0]
    default = default_words(field).partition("default: ")[2]
    if own is not None:
        return _Line(f"{flag(field.name)} {value}", own)
    words = field.metadata["usual"]
    return _Line(f"{flag(field.name)} {value}", f"{words} [{default}]" if default else words)


def _all_lines(command: str) -> Iterator[str]:
    described = COMMANDS[command]
    yield from (usage(command), "", described.summary)
    for section, kind in sections(described.config).items():
        name, about = title(kind)
        yield from ("", f"{name}: {about}")
        own = [(field, hint) for where, field, hint in fields(described.config) if where == section]
        for field, hint in own:
            yield from _wrapped(_full_line(field, hint))
    yield from ("", "General")
    for name, _, value, words in GENERAL:
        yield from _wrapped(_Line(f"{flag(name)} {value}".rstrip(), words))
    for _, flags, words in HELP:
        yield from _wrapped(_Line(", ".join(flags), words))


def _full_line(field: dataclasses.Field[Any], hint: Any) -> _Line:
    names = [flag(name) for name in (field.name, field.metadata["alias"]) if name]
    off = [flag(name) for name in off_names(field)] if is_switch(hint) else []
    value, choices = metavar(hint)
    shown = [words for words in (choices, limit_words(field), default_words(field)) if words]
    words = field.metadata["help"] + (f" [{'; '.join(shown)}]" if shown else "")
    return _Line(f"{', '.join([*names, *off])} {value}".rstrip(), words)


def _aligned(lines: Sequence[_Line], width: int = 0) -> Iterator[str]:
    """One line each."""
    width = max(width, *(len(line.flags) for line in lines))
    return (f"  {line.flags:<{width}}  {line.words}" for line in lines)


def _wrapped(line: _Line) -> Iterator[str]:
    """The flags, and beside them the words in as many lines as they take."""
    columns = min(MOST_COLUMNS, max(LEAST_COLUMNS, shutil.get_terminal_size().columns))
    words = textwrap.wrap(line.words, columns - WIDE, break_on_hyphens=False)
    first = f"  {line.flags}"
    if len(first) + 2 > WIDE:
        yield first
    else:
        yield f"{first:<{WIDE}}{words.pop(0)}"
    yield from (f"{'':<{WIDE}}{more}" for more in words)
