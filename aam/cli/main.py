"""The program ``aam``: finds the command, loads that command alone, and turns errors into a line and an exit code."""

from __future__ import annotations

import importlib
import io
import os
import shlex
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from aam.cli.covariate_help import COVARIATE_HELP_FLAG, covariate_help
from aam.cli.help_text import COMPLETION_FLAG, HELP_ALL_FLAG, HELP_FLAGS, print_help, print_overview, print_start
from aam.cli.launch import launched
from aam.cli.options import parse
from aam.cli.system_errors import system_error_reason
from aam.config.distributed import FOLLOWED, LAUNCHED
from aam.config.option import suggest
from aam.config.registry import COMMANDS
from aam.errors import AamError, ConfigError, InputError, ReportedByAnotherRank, RunError
from aam.runs.directory import resume_hint
from aam.runs.saved_options import config_text
from aam.text import printable
from aam.version import __version__
from aam.workflows.runs.signals import ignore_further_signals, stopped_in_order

INTERRUPTED = 130
STOPPED = (75, INTERRUPTED)
"""Exit codes of a run stopped by a signal."""


def main(tokens: Sequence[str] | None = None) -> int:
    """Run the program.

    Parameters
    ----------
    tokens
        The words after ``aam``; those of the command line where left out.

    Returns
    -------
    int
        The exit code. Errors that nobody foresaw are not caught: their traceback tells where they come from.
    """
    code = _exit_code(list(sys.argv[1:] if tokens is None else tokens))
    if tokens is None and code in STOPPED:
        ignore_further_signals()
    return code


def _exit_code(words: list[str]) -> int:
    _open_missing_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal without UTF-8 is no reason to fail
    try:
        _dispatch(words)
        sys.stdout.flush()
    except ReportedByAnotherRank as error:
        return FOLLOWED if LAUNCHED in os.environ else error.exit_code
    except AamError as error:
        # `aam check` is there to list all problems; of what it finds, every other command says the first.
        lines = error.problems if words[:1] == ["check"] or not error.is_checked else (str(error),)
        return _fail(error.exit_code, *lines)
    except KeyboardInterrupt:
        return _fail(INTERRUPTED, "stopped")
    except BrokenPipeError:
        _close_output()
    except SystemExit as end:
        # rich ends the program where nobody reads on (`aam ... | head`); to us that is no error.
        if not isinstance(end.__context__, BrokenPipeError):
            raise
    except (EOFError, MemoryError, OSError, RuntimeError) as error:
        reason = system_error_reason(error, "".join(words[:1]))
        if reason is None:
            raise
        return _fail(RunError.exit_code, reason)
    return 0


def _dispatch(words: Sequence[str]) -> None:
    if not words:
        print_start()
        return
    first, rest = words[0], words[1:]
    if first in HELP_FLAGS:
        print_overview()
    elif first == "--version":
        print(f"aam {__version__}")
    elif first == COMPLETION_FLAG:
        importlib.import_module("aam.cli.completion").install(rest)
    elif first not in COMMANDS:
        what = "option" if first.startswith("-") else "command"
        raise ConfigError(f"unknown {what} {first}{suggest(first, list(COMMANDS))}; `aam --help` lists the commands")
    elif HELP_ALL_FLAG in rest:
        print_help(first, all_options=True)
    elif any(word in HELP_FLAGS for word in rest):
        print_help(first)
    elif first == "train" and COVARIATE_HELP_FLAG in rest:
        print(covariate_help())
    else:
        run_command(first, rest)


def run_command(command: str, words: Sequence[str]) -> None:
    """Run one command, or print its configuration if that is asked for; errors are raised as they are."""
    try:
        request = parse(command, words)
    except (ConfigError, InputError) as error:
        if command != "check":
            raise
        raise importlib.import_module("aam.cli.commands.check").with_files(error, words) from None
    if request.only_print:
        print(config_text(command, request.config), end="")
        return
    from aam.progress import without_bars  # takes as long to load as all else of --help

    module = f"aam.cli.{COMMANDS[command].room}.{command.replace('-', '_')}"
    with without_bars(not _shows_progress(request.config)):
        _run(command, words, module, request.config)


def _shows_progress(config: Any) -> bool:
    """Whether no section of the options hides progress."""
    return all(getattr(section, "progress", True) for section in vars(config).values())


def _run(command: str, words: Sequence[str], module: str, config: Any) -> None:
    if not COMMANDS[command].can_resume:
        importlib.import_module(module).run(config)
        return
    with stopped_in_order(partial(resume_hint, command, config.run.output_dir)):
        if not launched(command, words, config):
            importlib.import_module(module).run(config, shlex.join(["aam", command, *words]))


def _fail(code: int, *lines: str) -> int:
    try:
        sys.stdout.flush()
    except OSError:
        _close_output()
    with suppress(OSError):  # a terminal that is gone
        for line in filter(None, lines):
            print(f"error: {printable(' '.join(line.split()))}", file=sys.stderr)
    return code


def _close_output() -> None:
    """Send what is still to be written nowhere, so that Python does not complain about it at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _open_missing_streams() -> None:
    """Give the standard streams that were closed before the start (``>&-``) a place to write to: nowhere."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115
