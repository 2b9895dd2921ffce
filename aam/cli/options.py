"""From the typed configuration to the command line and back: flags, ``--config``, ``--print-config``, ``--help``.

cyclopts finds out which flags are given and shows the help; what they mean is for :mod:`aam.config` to say. So that
the command line, the YAML file and the saved run are read by the same code, cyclopts sees text and switches alone.
"""

from __future__ import annotations

import dataclasses
import inspect
import typing
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from cyclopts import App, CycloptsError, Parameter
from cyclopts.exceptions import MissingArgumentError, RepeatArgumentError, UnknownOptionError, UnusedCliTokensError

from aam.cli.help_text import GENERAL, HELP
from aam.config import from_flat
from aam.config.option import fields, flag, is_switch, read_values, sections, suggest
from aam.config.reference import off_names
from aam.config.registry import COMMANDS
from aam.config.types import UNDIVIDED, check_utf8, choices, names_of
from aam.errors import Attempts, ConfigError
from aam.runs.outputs import check_apart
from aam.runs.saved_options import complete_config, options_of_file, read_written, written_options


class Request(NamedTuple):
    """What was asked for: a command's configuration, and whether it shall only be printed."""

    config: Any
    only_print: bool


def parse(command: str, tokens: Sequence[str]) -> Request:
    """Read the words after a command's name.

    Raises
    ------
    ConfigError
        For flags and values that cannot be understood, or do not go together.
    InputError
        If the file of ``--config`` or the run of ``--resume-from`` cannot be read.
    """
    kind = COMMANDS[command].config
    words = _given(command, tokens)
    only_print = bool(words.pop("print_config", False))
    path = words.pop("config", None)
    if path is not None:
        check_utf8(Path(path), flag("config"))
    given = options_of_file(command, Path(path)) if path is not None else {}
    given |= read_values(kind, words, flag)
    if path is not None and isinstance(output := given.get("output"), Path):
        check_apart([output], [Path(path)])
    return Request(complete_config(command, given), only_print)


def parse_readable(command: str, tokens: Sequence[str], attempt: Attempts) -> Any | None:
    """What :func:`parse` would give without the options that cannot be understood or do not go together.

    Parameters
    ----------
    command, tokens
        As there.
    attempt
        Takes what is wrong with each option that cannot be understood.

    Returns
    -------
    object or None
        The configuration; None where a required option is not left, or only the configuration was asked for.
    """
    kind = COMMANDS[command].config
    words = attempt(partial(_known, command, tokens, attempt))
    if words is None or words.pop("print_config", False):
        return None
    path = words.pop("config", None)
    found: dict[str, Any] = {}
    if path is not None:
        for name, value in (attempt(partial(written_options, command, Path(path))) or {}).items():
            found |= attempt(partial(read_written, command, Path(path), {name: value})) or {}
    for name, value in words.items():
        found |= attempt(partial(read_values, kind, {name: value}, flag)) or {}
    if any(field.default is dataclasses.MISSING and field.name not in found for _, field, _ in fields(kind)):
        return None
    # What is left may not go together because of what is gone: of that nothing is said.
    silent = Attempts()
    for section in sections(kind).values():
        own = {field.name: found[field.name] for field in dataclasses.fields(section) if field.name in found}
        if silent(partial(section, **own)) is None:
            found = {name: value for name, value in found.items() if name not in own}
    return silent(partial(from_flat, kind, found))


def _given(command: str, tokens: Sequence[str]) -> dict[str, Any]:
    """Text, list or switch by field name, of the flags that are given."""
    try:
        bound = parser(command).parse_args(list(tokens), print_error=False, exit_on_error=False, help_on_error=False)[1]
    except CycloptsError as error:
        raise ConfigError(_words_of(error, command)) from None
    return _texts(command, bound)


def _known(command: str, tokens: Sequence[str], attempt: Attempts) -> dict[str, Any]:
    """What :func:`_given` gives, also where there are unknown flags, each of which is noted."""
    try:
        _, bound, unused, _ = parser(command).parse_known_args(list(tokens))
    except CycloptsError as error:
        raise ConfigError(_words_of(error, command)) from None
    for word in unused:
        if word.startswith("-"):
            attempt(partial(_refuse_unknown, command, word.split("=")[0]))
    return _texts(command, bound)


def _texts(command: str, bound: inspect.BoundArguments) -> dict[str, Any]:
    hints = {field.name: hint for _, field, hint in fields(COMMANDS[command].config)}
    return {name: _joined(value, hints.get(name)) for name, value in bound.arguments.items() if value is not None}


def _joined(value: Any, hint: Any) -> Any:
    """Words that are given one by one, with commas or both, as one list; paths and columns are never split."""
    if not isinstance(value, list) or typing.get_args(hint)[0] in UNDIVIDED:
        return value
    return [word for text in value for word in text.split(",")]


def _words_of(error: CycloptsError, command: str) -> str:
    """What is wrong with the flags, in our words."""
    if isinstance(error, UnknownOptionError):
        return _unknown(command, error.token.keyword or error.token.value)
    if isinstance(error, UnusedCliTokensError):
        word = (error.unused_tokens or ("",))[0]
        return f"'{word}' belongs to no option of aam {command}; an option that takes several values is repeated"
    if isinstance(error, RepeatArgumentError):
        return f"{error.token.keyword} is given twice"
    if isinstance(error, MissingArgumentError) and error.argument is not None:
        return f"{error.argument.name} needs a value"
    return " ".join(str(error).split())


def _refuse_unknown(command: str, found: str) -> None:
    raise ConfigError(_unknown(command, found))


def _unknown(command: str, found: str) -> str:
    return f"unknown option {found}{suggest(found, [flag(name) for name in _parameter_names(command)])}"


def _parameter_names(command: str) -> Iterator[str]:
    for _, field, hint in fields(COMMANDS[command].config):
        yield from (name for name in (field.name, field.metadata["alias"]) if name)
        yield from off_names(field) if is_switch(hint) else []
    yield from (name for name, *_ in (*GENERAL, *HELP))


def parser(command: str, *, with_choices: bool = False) -> App:
    """The parser of a command: a function with one parameter for each option, none with a default.

    What it reads is text, which :mod:`aam.config` interprets; a shell that completes words needs paths and choices.
    """

    def collect(**given: Any) -> None:
        """Take the flags; they are read from the bound arguments."""

    found = _parameters(command, _completed_type if with_choices else _text_type)
    parameters = sorted(found, key=lambda parameter: parameter.kind)  # Python wants positional ones first
    collect.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    app = App(name=command, help=COMMANDS[command].summary, help_flags=(), version_flags=(), help_format="plaintext")
    app.default(collect)
    return app


def _parameters(command: str, type_of: Callable[[Any], Any]) -> Iterator[inspect.Parameter]:
    described = COMMANDS[command]
    for _, field, hint in fields(described.config):
        names = [flag(name) for name in (field.name, field.metadata["alias"]) if name]
        is_positional = field.name in described.positional.split()
        off = [flag(name) for name in off_names(field)] if is_switch(hint) else []
        yield _parameter(field.name, names, type_of(hint), field.metadata["help"], off, is_positional)
    for name, kind, _, help in GENERAL:
        yield _parameter(name, [flag(name)], kind, help, [])
    for name, flags, help in HELP:
        yield _parameter(name, list(flags), bool, help, [])


def _text_type(hint: Any) -> Any:
    """What cyclopts shall take: a switch, text, or text several times."""
    if is_switch(hint):
        return bool
    return list[str] if typing.get_origin(hint) is tuple else str


def _completed_type(hint: Any) -> Any:
    """The same with paths, and with the choices where there are some."""
    if is_switch(hint):
        return bool
    several = typing.get_origin(hint) is tuple
    parts = choices(typing.get_args(hint)[0] if several else hint)
    named = [name for part in parts for name in names_of(part) or ()]
    kind = Literal[tuple(named)] if named else Path if Path in parts else str
    return list[kind] if several else kind  # type: ignore[valid-type]


def _parameter(
    name: str,
    flags: list[str],
    kind: Any,
    help: str,
    off: list[str],
    is_positional: bool = False,
) -> inspect.Parameter:
    described = Parameter(
        name=flags,
        help=help,
        negative=off,
        consume_multiple=False,
        allow_leading_hyphen=False,
    )
    place = inspect.Parameter.POSITIONAL_OR_KEYWORD if is_positional else inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, place, default=None, annotation=Annotated[kind | None, described])
