"""A page for each command, from the words of ``docs/reference.md``; in the site they stand in its place."""

from __future__ import annotations

import re
from collections.abc import Iterator

from aam.config.option import fields, flag
from aam.config.reference import INTRODUCTION, OptionGroup, OptionWords, option_groups, usage
from aam.config.registry import COMMANDS

BASE = "train"
CODE = re.compile(r"(`[^`]+`|--[a-z][a-z0-9-]*)")
SIGN = re.compile(r"[\\*_<>\[\]`]")
MANY = 12
"""Options from which on the usual ones are named first."""


def command_pages() -> dict[str, str]:
    """The reference, and the pages below it: page -> text."""
    groups = option_groups()
    lines = [INTRODUCTION, "| Command | What it does |", "|---|---|"]
    lines += [f"| [`{usage(name)}`](commands/{name}.md) | {command.summary} |" for name, command in COMMANDS.items()]
    pages = {"reference": "\n".join(lines) + "\n"}
    return pages | {f"commands/{name}": "\n".join(_lines(name, groups)) + "\n" for name in COMMANDS}


def _lines(command: str, groups: list[OptionGroup]) -> Iterator[str]:
    own = [group for group in groups if command in group.commands]
    yield from (f"# aam {command}", "", COMMANDS[command].summary, "")
    yield from ("```console", _call(command, own), "```", "")
    if positional := COMMANDS[command].positional:
        yield from (f"`--{positional}` may be given without its flag.", "")
    if command != BASE and all(command in group.commands for group in groups if BASE in group.commands):
        same = [group for group in own if BASE in group.commands and _is_same(group, command)]
        own = [group for group in own if group not in same]
        links = ", ".join(f"[{group.title}](train.md#{_anchor(group.title)})" for group in same)
        yield from (f"It takes the options of [`aam {BASE}`](train.md): {links}.", "")
    yield f"```{{program}} aam {command}\n```"
    if usual := _usual(command, own):
        yield from ("", f"Usual options: {', '.join(f'{{option}}`{flag}`' for flag in usual)}.")
    for group in own:
        yield from ("", f"## {group.title}", "", group.about)
        for option in group.options_of(command):
            yield from _option(option)


def _usual(command: str, groups: list[OptionGroup]) -> list[str]:
    """The flags that `--help` lists, of the options on the page; nothing where the page has few."""
    usual = COMMANDS[command].usual
    found = (one for _, one, _ in fields(COMMANDS[command].config))
    said = {flag(one.name) for one in found if usual.get(one.name, one.metadata["usual"])}
    flags = [option.flags[0] for group in groups for option in group.options_of(command)]
    return [name for name in flags if name in said] if len(flags) > MANY else []


def _is_same(group: OptionGroup, command: str) -> bool:
    return group.options_of(command) == group.options_of(BASE)


def _call(command: str, groups: list[OptionGroup]) -> str:
    """The command with what it requires."""
    described = COMMANDS[command]
    words = [usage(command)]
    for option in (option for group in groups for option in group.options_of(command)):
        name = option.flags[0].removeprefix("--").replace("-", "_")
        if (option.default == "required" or name in described.needs) and name != described.positional:
            words.append(f"{option.flags[0]} {option.value.removesuffix('...')}")
    return " ".join([*words, "[OPTIONS]"])


def _option(option: OptionWords) -> Iterator[str]:
    """An entry that can be linked to and found; long lists of choices stand in its text."""
    value, _, limits = option.value.partition(" (")
    choices = value.split("|") if "|" in value else []
    shown = "" if value == "switch" else (" <choice>" if choices else f" <{value.removesuffix('...').lower()}>")
    facts = []
    if choices:
        several = " (several, with commas)" if value.endswith(",...") else ""
        names = [name.removesuffix(",...") for name in choices]
        facts.append(f"Choices{several}: {', '.join(f'`{name}`' for name in names)}.")
    if limits:
        facts.append(f"Limits: {_text(limits.removesuffix(')'))}.")
    if value == "switch":
        off = f"; `--no-{option.flags[0].removeprefix('--')}` turns it off" if option.default == "yes" else ""
        facts.append(f"Switch{off}.")
    if value.endswith("...") and not choices:
        facts.append("May be given several times." if not value.endswith(",...") else "Several, with commas.")
    if option.default == "required":
        facts.insert(0, "**Required.**")
    elif option.default.startswith("derived: "):
        facts.append(f"Where left out: {_text(option.default.removeprefix('derived: '))}.")
    elif option.default:
        facts.append(f"Default: `{option.default}`.")
    yield from ("", f"```{{option}} {', '.join(flag + shown for flag in option.flags)}")
    yield from (_text(option.help), "", f"{' '.join(facts)}" if facts else "", "```")


def _anchor(heading: str) -> str:
    return heading.lower().replace(" ", "-")


def _text(text: str) -> str:
    """Words of an option as Markdown that says just these words, with flags as code."""
    parts = CODE.split(text)
    parts[::2] = [SIGN.sub(r"\\\g<0>", part) for part in parts[::2]]
    parts[1::2] = [f"`{part.strip('`')}`" for part in parts[1::2]]
    return "".join(parts)
